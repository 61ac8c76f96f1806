// The update loops of optimizers, as in Descent/Rules: the same operations in the same order, so that both
// give the same bits. Hence no product is fused with a sum.
#pragma clang fp contract(off)

// Reads, and asks for what a later call will read: pages end every 4 KiB, and so does what processors fetch
// ahead of themselves.
INLINE vf get(const float *p, long n) {
  if (n < W) return load_part(p, n, 0);
#if VECTOR_BYTES == 64
  ahead(p + 2048);
#endif
  return load(p);
}
INLINE void put(float *p, vf x, long n) {
  if (n == W)
    store(p, x);
  else
    store_part(p, x, n);
}
INLINE vf root(vf x) { return __builtin_elementwise_sqrt(x); }
INLINE vf sign(vf x) {
  const vi one = (vi)splat(1.0f);
  return (vf)((x > 0) & one) - (vf)((x < 0) & one);
}
// As Swift's max: b where it is not smaller.
INLINE vf most(vf a, vf b) { return select_f(b >= a, b, a); }
// As Swift's min: b where it is smaller.
INLINE vf fewest(vf a, vf b) { return select_f(b < a, b, a); }

// Runs the statements on vectors at i of r elements each: W, but for the last.
#define EACH_VECTOR(...)                  \
  do {                                    \
    long i = 0;                           \
    for (; i + W <= n; i += W) {          \
      const long r = W;                   \
      __VA_ARGS__                         \
    }                                     \
    if (i < n) {                          \
      const long r = n - i;               \
      __VA_ARGS__                         \
    }                                     \
  } while (0)

static void k_sgd(
    long n, const descent_sgd *a, descent_sgd_form form, const float *g, float *w, float *b) {
  const vf γ = splat(a->gradient), η = splat(a->rate), μ = splat(a->momentum), λ = splat(a->decay);
  const vf kept = splat(a->kept), taken = splat(a->taken);
  switch (form) {
    case DESCENT_SGD_PLAIN:
      EACH_VECTOR(
        const vf wi = get(w + i, r);
        put(w + i, wi - η * (get(g + i, r) * γ + λ * wi), r);
      );
      break;
    case DESCENT_SGD_MOMENTUM:
      EACH_VECTOR(
        const vf wi = get(w + i, r);
        const vf bi = kept * get(b + i, r) + taken * (get(g + i, r) * γ + λ * wi);
        put(b + i, bi, r);
        put(w + i, wi - η * bi, r);
      );
      break;
    case DESCENT_SGD_NESTEROV:
      EACH_VECTOR(
        const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
        const vf bi = kept * get(b + i, r) + taken * gi;
        put(b + i, bi, r);
        put(w + i, wi - η * (gi + μ * bi), r);
      );
      break;
  }
}

INLINE void moments(
    long n, const descent_moments *a, descent_moments_form form, bool weighs, const float *g, float *w,
    float *m, float *v, float *x) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), shrink = splat(a->shrink);
  const vf β2 = splat(a->beta2), α1 = splat(a->taken1), α2 = splat(a->taken2);
  const vf η = splat(a->rate), ηg = splat(a->gradient_rate), c = splat(a->correction);
  const vf ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = get(m + i, r), si = get(v + i, r);
    mi += α1 * (gi - mi);
    si = β2 * si + (weighs ? α2 * gi * gi : α2 * (gi * gi));
    put(m + i, mi, r);
    put(v + i, si, r);
    vf change;
    if (x) {
      si = most(get(x + i, r), si);
      put(x + i, si, r);
    }
    switch (form) {
      case DESCENT_MOMENTS_ADAM: change = η * mi / (root(si) * c + ε); break;
      case DESCENT_MOMENTS_NADAM: change = (ηg * gi + η * mi) / (root(si) * c + ε); break;
      case DESCENT_MOMENTS_RADAM: change = η * mi / (root(si) + ε); break;
      case DESCENT_MOMENTS_MEAN: change = η * mi; break;
    }
    put(w + i, wi * shrink - change, r);
  );
}
static void k_moments(
    long n, const descent_moments *a, descent_moments_form form, const float *g, float *w, float *m,
    float *v, float *x) {
  switch (form) {
    case DESCENT_MOMENTS_ADAM:
      if (x)
        moments(n, a, DESCENT_MOMENTS_ADAM, true, g, w, m, v, x);
      else
        moments(n, a, DESCENT_MOMENTS_ADAM, true, g, w, m, v, NULL);
      break;
    case DESCENT_MOMENTS_NADAM: moments(n, a, DESCENT_MOMENTS_NADAM, false, g, w, m, v, NULL); break;
    case DESCENT_MOMENTS_RADAM: moments(n, a, DESCENT_MOMENTS_RADAM, false, g, w, m, v, NULL); break;
    case DESCENT_MOMENTS_MEAN: moments(n, a, DESCENT_MOMENTS_MEAN, false, g, w, m, v, NULL); break;
  }
}

static void k_lion(long n, const descent_lion *a, const float *g, float *w, float *m) {
  const vf γ = splat(a->gradient), η = splat(a->rate), shrink = splat(a->shrink);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  EACH_VECTOR(
    const vf gi = get(g + i, r) * γ, mi = get(m + i, r);
    put(w + i, get(w + i, r) * shrink - η * sign(β1 * mi + α1 * gi), r);
    put(m + i, β2 * mi + α2 * gi, r);
  );
}

INLINE void rmsprop(
    long n, const descent_rmsprop *a, const float *g, float *w, float *v, float *mean, float *b) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), μ = splat(a->momentum);
  const vf α = splat(a->kept), β = splat(a->taken), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf s = α * get(v + i, r) + β * (gi * gi);
    put(v + i, s, r);
    if (mean) {
      vf ai = get(mean + i, r);
      ai += β * (gi - ai);
      put(mean + i, ai, r);
      s = most(s - ai * ai, splat(0));
    }
    vf u = gi / (root(s) + ε);
    if (b) {
      u = μ * get(b + i, r) + u;
      put(b + i, u, r);
    }
    put(w + i, wi - η * u, r);
  );
}
static void k_rmsprop(
    long n, const descent_rmsprop *a, const float *g, float *w, float *v, float *mean, float *b) {
  if (mean && b)
    rmsprop(n, a, g, w, v, mean, b);
  else if (mean)
    rmsprop(n, a, g, w, v, mean, NULL);
  else if (b)
    rmsprop(n, a, g, w, v, NULL, b);
  else
    rmsprop(n, a, g, w, v, NULL, NULL);
}

static void k_adagrad(
    long n, const descent_adagrad *a, const float *g, float *w, float *s) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    const vf si = get(s + i, r) + gi * gi;
    put(s + i, si, r);
    put(w + i, wi - η * gi / (root(si) + ε), r);
  );
}

static void k_adadelta(
    long n, const descent_adadelta *a, const float *g, float *w, float *v, float *d) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  const vf ρ = splat(a->kept), taken = splat(a->taken);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi, di = get(d + i, r);
    const vf vk = ρ * get(v + i, r) + taken * (gi * gi);
    put(v + i, vk, r);
    const vf change = root((di + ε) / (vk + ε)) * gi;
    put(d + i, ρ * di + taken * (change * change), r);
    put(w + i, wi - η * change, r);
  );
}

static void k_adamax(
    long n, const descent_adamax *a, const float *g, float *w, float *m, float *u) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  const vf α1 = splat(a->taken1), β2 = splat(a->beta2);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = get(m + i, r);
    mi += α1 * (gi - mi);
    put(m + i, mi, r);
    const vf ui = most(β2 * get(u + i, r), absolute(gi) + ε);
    put(u + i, ui, r);
    put(w + i, wi - η * mi / ui, r);
  );
}

static void k_rprop(
    long n, const descent_rprop *a, const float *g, float *w, float *previous, float *δ) {
  const vf γ = splat(a->gradient), growth = splat(a->growth), shrink = splat(a->shrink);
  const vf shortest = splat(a->shortest), longest = splat(a->longest), one = splat(1);
  EACH_VECTOR(
    const vf gi = get(g + i, r) * γ, σ = gi * get(previous + i, r);
    const vf f = select_f(σ > 0, growth, select_f(σ < 0, shrink, one));
    const vf δi = fewest(most(get(δ + i, r) * f, shortest), longest);
    put(δ + i, δi, r);
    const vf kept = select_f(σ < 0, splat(0), gi);
    put(w + i, get(w + i, r) - sign(kept) * δi, r);
    put(previous + i, kept, r);
  );
}

static void k_asgd(long n, const descent_asgd *a, const float *g, float *w, float *x) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate);
  const vf shrink = splat(a->shrink), taken = splat(a->taken), kept = splat(a->kept);
  EACH_VECTOR(
    vf wi = get(w + i, r);
    const vf gi = get(g + i, r) * γ + λ * wi;
    wi = wi * shrink - η * gi;
    put(w + i, wi, r);
    put(x + i, taken * wi + kept * get(x + i, r), r);
  );
}

static void k_sophia_g(
    long n, const descent_sophia *a, const float *g, float *w, float *m, const float *h) {
  const vf γ = splat(a->gradient), α1 = splat(a->taken1), η = splat(a->rate);
  const vf shrink = splat(a->shrink), scale = splat(a->scale), ε = splat(a->epsilon);
  EACH_VECTOR(
    vf mi = get(m + i, r);
    mi += α1 * (get(g + i, r) * γ - mi);
    put(m + i, mi, r);
    const vf share = fewest(splat(1), absolute(mi) / (scale * get(h + i, r) + ε));
    put(w + i, get(w + i, r) * shrink - η * sign(mi) * share, r);
  );
}
static void k_sophia_h(
    long n, const descent_sophia *a, const float *g, float *w, float *m, const float *h) {
  const vf γ = splat(a->gradient), α1 = splat(a->taken1), η = splat(a->rate), λ = splat(a->decay);
  const vf scale = splat(a->scale), ε = splat(a->epsilon), c = splat(a->correction);
  const vf limit = splat(a->limit);
  EACH_VECTOR(
    vf mi = get(m + i, r);
    mi += α1 * (get(g + i, r) * γ - mi);
    put(m + i, mi, r);
    const vf u = c * mi / most(scale * get(h + i, r), ε), wi = get(w + i, r);
    put(w + i, wi - η * (fewest(most(u, -limit), limit) + λ * wi), r);
  );
}

INLINE void schedule_free(
    long n, const descent_schedule_free *a, const float *g, float *y, float *z, float *v) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), c = splat(a->share), η = splat(a->rate);
  const vf ηy = splat(a->rate_y), β2 = splat(a->beta2), α2 = splat(a->taken2);
  const vf correction = splat(a->correction), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf yi = get(y + i, r), zi = get(z + i, r), gi = get(g + i, r) * γ;
    vf u = gi;
    if (v) {
      const vf vk = β2 * get(v + i, r) + α2 * (gi * gi);
      put(v + i, vk, r);
      u = gi / (root(vk) * correction + ε);
    }
    u = u + λ * yi;
    put(y + i, yi + (c * (zi - yi) + ηy * u), r);
    put(z + i, zi - η * u, r);
  );
}
static void k_schedule_free(
    long n, const descent_schedule_free *a, const float *g, float *y, float *z, float *v) {
  if (v)
    schedule_free(n, a, g, y, z, v);
  else
    schedule_free(n, a, g, y, z, NULL);
}

// Terms are made in runs of this many elements, and added in double by k_sum and k_sum_of_squares.
enum { TERMS = 512 };

// The terms of a run of at most TERMS elements: those of the first sum from what the state was, those of the
// second, |s|, from what it becomes.
INLINE void prodigy_terms(
    long n, const descent_prodigy *a, const float *g, const float *w, float *s, const float *p0,
    float *m, float *v, float *products, float *magnitudes) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), β3 = splat(a->beta3), taken = splat(a->taken3);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  const vf ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf si = get(s + i, r), vk = get(v + i, r);
    put(products + i, p0 ? gi * (get(p0 + i, r) - wi) : gi * si / (root(vk) + ε), r);
    si = β3 * si + taken * gi;
    vk = β2 * vk + α2 * (gi * gi);
    put(s + i, si, r);
    put(magnitudes + i, absolute(si), r);
    if (m) put(m + i, β1 * get(m + i, r) + α1 * gi, r);
    put(v + i, vk, r);
  );
}
// Σ g·(p₀ − w), or without p₀ D-Adaptation's Σ g·s/(√v + ε), and Σ |s|.
static descent_sums k_prodigy_gather(
    long n, const descent_prodigy *a, const float *g, const float *w, float *s, const float *p0,
    float *m, float *v) {
  float products[TERMS], magnitudes[TERMS];
  descent_sums sums = {};
  for (long i = 0; i < n; i += TERMS) {
    const long count = n - i < TERMS ? n - i : TERMS;
    if (p0)
      prodigy_terms(
          count, a, g + i, w + i, s + i, p0 + i, m ? m + i : NULL, v + i, products, magnitudes);
    else
      prodigy_terms(
          count, a, g + i, w + i, s + i, NULL, m ? m + i : NULL, v + i, products, magnitudes);
    sums.first += k_sum(count, products);
    sums.second += k_sum(count, magnitudes);
  }
  return sums;
}
static void k_prodigy_update(
    long n, const descent_prodigy *a, const float *g, float *w, const float *m, const float *v) {
  const vf γ = splat(a->gradient), shrink = splat(a->shrink), λ = splat(a->decay);
  const vf η = splat(a->rate), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r);
    const vf u = m ? get(m + i, r) : get(g + i, r) * γ + λ * wi;
    put(w + i, (wi - shrink * wi) - η * u / (root(get(v + i, r)) + ε), r);
  );
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
    long n, const descent_lamb *a, bool averages, const float *g, const float *w, float *m, float *v,
    float *directions) {
  const vf γ = splat(a->gradient), λ = splat(a->coupled_decay);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = get(m + i, r);
    if (averages)
      mi += α1 * (gi - mi);
    else
      mi = β1 * mi + gi;
    const vf vk = β2 * get(v + i, r) + α2 * (gi * gi);
    put(m + i, mi, r);
    put(v + i, vk, r);
    put(directions + i, lamb_direction(a, wi, mi, vk), r);
  );
}
// ‖w‖² and ‖r‖²
static descent_sums k_lamb_gather(
    long n, const descent_lamb *a, bool averages, const float *g, const float *w, float *m, float *v) {
  float directions[TERMS];
  descent_sums sums = {};
  for (long i = 0; i < n; i += TERMS) {
    const long count = n - i < TERMS ? n - i : TERMS;
    if (averages)
      lamb_terms(count, a, true, g + i, w + i, m + i, v + i, directions);
    else
      lamb_terms(count, a, false, g + i, w + i, m + i, v + i, directions);
    sums.first += k_sum_of_squares(count, w + i);
    sums.second += k_sum_of_squares(count, directions);
  }
  return sums;
}
static void k_lamb_update(
    long n, const descent_lamb *a, float *w, const float *m, const float *v) {
  const vf kept = splat(a->kept), factor = splat(a->factor);
  EACH_VECTOR(
    const vf wi = get(w + i, r);
    put(w + i, wi * kept - factor * lamb_direction(a, wi, get(m + i, r), get(v + i, r)), r);
  );
}

// Adafactor. y[i] += x², in double, of a row; returns Σ x².
static double k_add_squares(long n, float scale, const float *x, double *y) {
  const long H = W / 2;
  float scaled[TERMS];
  double sum = 0;
  for (long i = 0; i < n; i += TERMS) {
    const long count = n - i < TERMS ? n - i : TERMS;
    k_multiply(count, scale, x + i, scaled);
    sum += k_sum_of_squares(count, scaled);
    long j = 0;
    for (; j + H <= count; j += H) {
      const half_d v = load_d(scaled + j);
      half_d s;
      memcpy(&s, y + i + j, sizeof s);
      s += v * v;
      memcpy(y + i + j, &s, sizeof s);
    }
    for (; j < count; j++) y[i + j] += (double)scaled[j] * (double)scaled[j];
  }
  return sum;
}
// u = min(a·c, most)·g
INLINE vf factored_direction(const descent_factored *a, vf c, vf g) {
  const vf inverse = splat(a->row) * c, limit = splat(a->most);
  return select_f(limit < inverse, limit, inverse) * (g * splat(a->gradient));
}
// Σ u²
static double k_factored_squares(long n, const descent_factored *a, const float *g, const float *c) {
  float terms[TERMS];
  double sum = 0;
  for (long start = 0; start < n; start += TERMS) {
    const long count = n - start < TERMS ? n - start : TERMS;
    long i = 0;
    for (; i + W <= count; i += W)
      store(terms + i, factored_direction(a, load(c + start + i), load(g + start + i)));
    if (i < count) {
      const long r = count - i;
      store_part(
          terms + i,
          factored_direction(a, load_part(c + start + i, r, 0), load_part(g + start + i, r, 0)), r);
    }
    sum += k_sum_of_squares(count, terms);
  }
  return sum;
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
