// The loops of optimizers that take sums over a tensor or over all of them before they update: Prodigy and
// D-Adaptation, LARS, LAMB, Adafactor. As in updates.h, whose reading and writing they share.

// Terms are made in runs of this many elements, and added in double by k_sum and k_sum_of_squares.
enum { TERMS = 512 };

// The terms of a run of at most TERMS elements: those of the first sum from what the state was, those of the
// second, |s|, from what it becomes.
INLINE void prodigy_terms(
    long n, const descent_prodigy *a, const float *g, const float *w, void *s, const float *p0, void *m,
    void *v, float *products, float *magnitudes, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), β3 = splat(a->beta3), taken = splat(a->taken3);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  const vf ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf si = take(s, i, r, half), vk = take(v, i, r, half);
    put(products + i, p0 ? gi * (get(p0 + i, r) - wi) : gi * si / (root(vk) + ε), r);
    si = β3 * si + taken * gi;
    vk = β2 * vk + α2 * (gi * gi);
    keep(s, i, si, r, half);
    put(magnitudes + i, absolute(si), r);
    if (m) keep(m, i, β1 * take(m, i, r, half) + α1 * gi, r, half);
    keep(v, i, vk, r, half);
  );
}
// Σ g·(p₀ − w), or without p₀ D-Adaptation's Σ g·s/(√v + ε), and Σ |s|, added to sums.
static descent_sums k_prodigy_gather(
    long n, const descent_prodigy *a, descent_sums sums, const float *g, const float *w, void *s,
    const float *p0, void *m, void *v, bool half) {
  float products[TERMS], magnitudes[TERMS];
  const long size = half ? sizeof(uint16_t) : sizeof(float);
  for (long i = 0; i < n; i += TERMS) {
    const long count = n - i < TERMS ? n - i : TERMS;
    void *sp = (char *)s + i * size, *mp = m ? (char *)m + i * size : NULL, *vp = (char *)v + i * size;
    if (p0)
      EITHER(prodigy_terms, count, a, g + i, w + i, sp, p0 + i, mp, vp, products, magnitudes);
    else
      EITHER(prodigy_terms, count, a, g + i, w + i, sp, NULL, mp, vp, products, magnitudes);
    sums.first += k_sum(count, products);
    sums.second += k_sum(count, magnitudes);
  }
  return sums;
}
INLINE void prodigy_update(
    long n, const descent_prodigy *a, const float *g, float *w, const void *m, const void *v, bool half) {
  const vf γ = splat(a->gradient), shrink = splat(a->shrink), λ = splat(a->decay);
  const vf η = splat(a->rate), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r);
    const vf u = m ? take(m, i, r, half) : get(g + i, r) * γ + λ * wi;
    put(w + i, (wi - shrink * wi) - η * u / (root(take(v, i, r, half)) + ε), r);
  );
}
static void k_prodigy_update(
    long n, const descent_prodigy *a, const float *g, float *w, const void *m, const void *v, bool half) {
  EITHER(prodigy_update, n, a, g, w, m, v);
}

// ‖w‖² and ‖g + λ·w‖²
static descent_sums k_lars_gather(long n, float gradient, float decay, const float *g, const float *w) {
  const vf γ = splat(gradient), λ = splat(decay);
  float terms[TERMS];
  descent_sums sums = {};
  for (long start = 0; start < n; start += TERMS) {
    const long count = n - start < TERMS ? n - start : TERMS;
    const float *gs = g + start, *ws = w + start;
    for (long i = 0; i < count; i += W) {
      const long r = count - i < W ? count - i : W;
      put(terms + i, get(gs + i, r) * γ + λ * get(ws + i, r), r);
    }
    sums.first += k_sum_of_squares(count, ws);
    sums.second += k_sum_of_squares(count, terms);
  }
  return sums;
}

INLINE vf lamb_direction(const descent_lamb *a, vf w, vf m, vf v) {
  return splat(a->correction1) * m /
      (root(v + splat(a->inside)) * splat(a->correction2) + splat(a->epsilon)) +
      splat(a->decay) * w;
}
INLINE void lamb_terms(
    long n, const descent_lamb *a, bool averages, const float *g, const float *w, void *m, void *v,
    float *directions, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->coupled_decay);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = take(m, i, r, half);
    if (averages)
      mi += α1 * (gi - mi);
    else
      mi = β1 * mi + gi;
    const vf vk = β2 * take(v, i, r, half) + α2 * (gi * gi);
    keep(m, i, mi, r, half);
    keep(v, i, vk, r, half);
    put(directions + i, lamb_direction(a, wi, mi, vk), r);
  );
}
// ‖w‖² and ‖r‖², added to sums.
static descent_sums k_lamb_gather(
    long n, const descent_lamb *a, bool averages, descent_sums sums, const float *g, const float *w,
    void *m, void *v, bool half) {
  float directions[TERMS];
  const long size = half ? sizeof(uint16_t) : sizeof(float);
  for (long i = 0; i < n; i += TERMS) {
    const long count = n - i < TERMS ? n - i : TERMS;
    void *mp = (char *)m + i * size, *vp = (char *)v + i * size;
    if (averages)
      EITHER(lamb_terms, count, a, true, g + i, w + i, mp, vp, directions);
    else
      EITHER(lamb_terms, count, a, false, g + i, w + i, mp, vp, directions);
    sums.first += k_sum_of_squares(count, w + i);
    sums.second += k_sum_of_squares(count, directions);
  }
  return sums;
}
INLINE void lamb_update(
    long n, const descent_lamb *a, float *w, const void *m, const void *v, bool half) {
  const vf kept = splat(a->kept), factor = splat(a->factor);
  EACH_VECTOR(
    const vf wi = get(w + i, r);
    put(w + i, wi * kept - factor * lamb_direction(a, wi, take(m, i, r, half), take(v, i, r, half)), r);
  );
}
static void k_lamb_update(
    long n, const descent_lamb *a, float *w, const void *m, const void *v, bool half) {
  EITHER(lamb_update, n, a, w, m, v);
}

// Adafactor. Sums are those of k_sum_of_squares over runs of TERMS elements; those of whole runs are taken in
// registers, to the same bits, since a product of two floats is exact in double.
typedef struct { half_d s[4]; } squares;
// The squares of two vectors, in quarters.
INLINE squares squares_of(vf a, vf b) {
  squares q;
  half_f part[4];
  memcpy(part, &a, sizeof a);
  memcpy(part + 2, &b, sizeof b);
  for (int k = 0; k < 4; k++) q.s[k] = widen(part[k]) * widen(part[k]);
  return q;
}
INLINE void add_to(squares *sum, squares q) {
  for (int k = 0; k < 4; k++) sum->s[k] += q.s[k];
}
INLINE double total(squares sum) {
  return add_lanes_d((sum.s[0] + sum.s[1]) + (sum.s[2] + sum.s[3]));
}
// y[i] += x², in double, of a row; returns Σ x².
static double k_add_squares(long n, float scale, const float *x, double *y) {
  const vf γ = splat(scale);
  double sum = 0;
  long start = 0;
  for (; start + TERMS <= n; start += TERMS) {
    squares run = {};
    for (long i = start; i < start + TERMS; i += 2 * W) {
      const squares q = squares_of(load(x + i) * γ, load(x + i + W) * γ);
      add_to(&run, q);
      half_d old[4];
      memcpy(old, y + i, sizeof old);
      for (int k = 0; k < 4; k++) old[k] += q.s[k];
      memcpy(y + i, old, sizeof old);
    }
    sum += total(run);
  }
  if (start == n) return sum;
  float scaled[TERMS];
  n -= start;
  k_multiply(n, scale, x + start, scaled);
  const long H = W / 2;
  long j = 0;
  for (; j + H <= n; j += H) {
    const half_d v = load_d(scaled + j);
    half_d s;
    memcpy(&s, y + start + j, sizeof s);
    s += v * v;
    memcpy(y + start + j, &s, sizeof s);
  }
  for (; j < n; j++) y[start + j] += (double)scaled[j] * (double)scaled[j];
  return sum + k_sum_of_squares(n, scaled);
}
// u = min(a·c, most)·g
INLINE vf factored_direction(const descent_factored *a, vf c, vf g) {
  const vf inverse = splat(a->row) * c, limit = splat(a->most);
  return select_f(limit < inverse, limit, inverse) * (g * splat(a->gradient));
}
// Σ u²
static double k_factored_squares(long n, const descent_factored *a, const float *g, const float *c) {
  double sum = 0;
  long start = 0;
  for (; start + TERMS <= n; start += TERMS) {
    squares run = {};
    for (long i = start; i < start + TERMS; i += 2 * W)
      add_to(
          &run, squares_of(
              factored_direction(a, load(c + i), load(g + i)),
              factored_direction(a, load(c + i + W), load(g + i + W))));
    sum += total(run);
  }
  if (start == n) return sum;
  float terms[TERMS];
  n -= start, g += start, c += start;
  EACH_VECTOR(put(terms + i, factored_direction(a, get(c + i, r), get(g + i, r)), r););
  return sum + k_sum_of_squares(n, terms);
}
static void k_factored_update(
    long n, const descent_factored *a, const float *g, const float *c, float *w, float *m) {
  const vf shrink = splat(a->shrink), decayed = splat(a->decayed), factor = splat(a->factor);
  const vf β1 = splat(a->beta1), taken = splat(a->taken1);
  EACH_VECTOR(
    const vf wi = get(w + i, r);
    vf u = factor * factored_direction(a, get(c + i, r), get(g + i, r));
    if (m) {
      u = β1 * get(m + i, r) + taken * u;
      put(m + i, u, r);
    }
    put(w + i, (wi * shrink - decayed * wi) - u, r);
  );
}
