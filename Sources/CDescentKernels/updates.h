// The update loops of optimizers, as in Descent/Rules: the same operations in the same order, so that both
// give the same bits. Hence no product is fused with a sum.
#pragma clang fp contract(off)

// Asks for what a later call will read: pages end every 4 KiB, and so does what processors fetch ahead of themselves.
// Measured: those with AVX-512 gain by it, those with AVX2 alone do not.
INLINE void ask_ahead(const void *p) {
#if VECTOR_BYTES == 64
  ahead(p);
#endif
  (void)p;
}
INLINE vf get(const float *p, long n) {
  if (n < W) return load_part(p, n, 0);
  ask_ahead(p + 2048);
  return load(p);
}
INLINE void put(float *p, vf x, long n) {
  if (n == W)
    store(p, x);
  else
    store_part(p, x, n);
}
// The same of state, which lies in floats or, where `half`, in bfloat16.
INLINE vf take(const void *state, long i, long n, bool half) {
  if (!half) return get((const float *)state + i, n);
  const uint16_t *p = (const uint16_t *)state + i;
  ask_ahead(p + 2048);
  vh bits = {};
  memcpy(&bits, p, n < W ? (size_t)n * sizeof *p : sizeof bits);
  return (vf)(__builtin_convertvector(bits, vu) << 16);
}
INLINE void keep(void *state, long i, vf x, long n, bool half) {
  if (!half) return put((float *)state + i, x, n);
  const vh bits = __builtin_convertvector((vu)round_bfloat16_v(x) >> 16, vh);
  memcpy((uint16_t *)state + i, &bits, n < W ? (size_t)n * sizeof(uint16_t) : sizeof bits);
}
// Calls a loop, compiled once for floats and once for bfloat16; it takes `half` last.
#define EITHER(loop, ...)           \
  do {                              \
    if (half)                       \
      loop(__VA_ARGS__, true);      \
    else                            \
      loop(__VA_ARGS__, false);     \
  } while (0)
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

// What memory can do with an update's arrays, at most DESCENT_READS and DESCENT_CHANGES of them at a time:
// w ← factor·w for all w, and the bits that any x has, so that all are read.
INLINE int32_t in_place(
    long n, float factor, long from, long reads, const float *const *x, long changes, float *const *w) {
  const vf a = splat(factor);
  vi any = {};
  EACH_VECTOR(
    for (long k = 0; k < reads; k++) any |= (vi)get(x[k] + from + i, r);
    for (long k = 0; k < changes; k++) put(w[k] + from + i, a * get(w[k] + from + i, r), r);
  );
  int32_t bits = 0;
  for (long l = 0; l < W; l++) bits |= any[l];
  return bits;
}
// The numbers of arrays are constants in each case, so that loops over them disappear.
static int32_t k_in_place(
    long n, float factor, long from, long reads, const float *const *x, long changes, float *const *w) {
#define CASE(r, c) \
  if (reads == r && changes == c) return in_place(n, factor, from, r, x, c, w);
#define CASES(r) CASE(r, 0) CASE(r, 1) CASE(r, 2) CASE(r, 3) CASE(r, 4) CASE(r, 5)
  CASES(0) CASES(1) CASES(2) CASES(3) CASES(4)
#undef CASE
#undef CASES
  return 0;
}

INLINE void sgd(
    long n, const descent_sgd *a, descent_sgd_form form, const float *g, float *w, void *b, bool half) {
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
        const vf bi = kept * take(b, i, r, half) + taken * (get(g + i, r) * γ + λ * wi);
        keep(b, i, bi, r, half);
        put(w + i, wi - η * bi, r);
      );
      break;
    case DESCENT_SGD_NESTEROV:
      EACH_VECTOR(
        const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
        const vf bi = kept * take(b, i, r, half) + taken * gi;
        keep(b, i, bi, r, half);
        put(w + i, wi - η * (gi + μ * bi), r);
      );
      break;
  }
}

static void k_sgd(
    long n, const descent_sgd *a, descent_sgd_form form, const float *g, float *w, void *b, bool half) {
  EITHER(sgd, n, a, form, g, w, b);
}

INLINE void moments(
    long n, const descent_moments *a, descent_moments_form form, bool weighs, const float *g, float *w,
    void *m, void *v, void *x, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), shrink = splat(a->shrink);
  const vf β2 = splat(a->beta2), α1 = splat(a->taken1), α2 = splat(a->taken2);
  const vf η = splat(a->rate), ηg = splat(a->gradient_rate), c = splat(a->correction);
  const vf ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = take(m, i, r, half), si = take(v, i, r, half);
    mi += α1 * (gi - mi);
    si = β2 * si + (weighs ? α2 * gi * gi : α2 * (gi * gi));
    keep(m, i, mi, r, half);
    keep(v, i, si, r, half);
    vf change;
    if (x) {
      si = most(take(x, i, r, half), si);
      keep(x, i, si, r, half);
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
    long n, const descent_moments *a, descent_moments_form form, const float *g, float *w, void *m,
    void *v, void *x, bool half) {
  switch (form) {
    case DESCENT_MOMENTS_ADAM:
      if (x)
        EITHER(moments, n, a, DESCENT_MOMENTS_ADAM, true, g, w, m, v, x);
      else
        EITHER(moments, n, a, DESCENT_MOMENTS_ADAM, true, g, w, m, v, NULL);
      break;
    case DESCENT_MOMENTS_NADAM:
      EITHER(moments, n, a, DESCENT_MOMENTS_NADAM, false, g, w, m, v, NULL);
      break;
    case DESCENT_MOMENTS_RADAM:
      EITHER(moments, n, a, DESCENT_MOMENTS_RADAM, false, g, w, m, v, NULL);
      break;
    case DESCENT_MOMENTS_MEAN:
      EITHER(moments, n, a, DESCENT_MOMENTS_MEAN, false, g, w, m, v, NULL);
      break;
  }
}

INLINE void lion(long n, const descent_lion *a, const float *g, float *w, void *m, bool half) {
  const vf γ = splat(a->gradient), η = splat(a->rate), shrink = splat(a->shrink);
  const vf β1 = splat(a->beta1), α1 = splat(a->taken1), β2 = splat(a->beta2), α2 = splat(a->taken2);
  EACH_VECTOR(
    const vf gi = get(g + i, r) * γ, mi = take(m, i, r, half);
    put(w + i, get(w + i, r) * shrink - η * sign(β1 * mi + α1 * gi), r);
    keep(m, i, β2 * mi + α2 * gi, r, half);
  );
}
static void k_lion(long n, const descent_lion *a, const float *g, float *w, void *m, bool half) {
  EITHER(lion, n, a, g, w, m);
}

INLINE void rmsprop(
    long n, const descent_rmsprop *a, const float *g, float *w, void *v, void *mean, void *b, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), μ = splat(a->momentum);
  const vf α = splat(a->kept), β = splat(a->taken), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf s = α * take(v, i, r, half) + β * (gi * gi);
    keep(v, i, s, r, half);
    if (mean) {
      vf ai = take(mean, i, r, half);
      ai += β * (gi - ai);
      keep(mean, i, ai, r, half);
      s = most(s - ai * ai, splat(0));
    }
    vf u = gi / (root(s) + ε);
    if (b) {
      u = μ * take(b, i, r, half) + u;
      keep(b, i, u, r, half);
    }
    put(w + i, wi - η * u, r);
  );
}
static void k_rmsprop(
    long n, const descent_rmsprop *a, const float *g, float *w, void *v, void *mean, void *b, bool half) {
  if (mean && b)
    EITHER(rmsprop, n, a, g, w, v, mean, b);
  else if (mean)
    EITHER(rmsprop, n, a, g, w, v, mean, NULL);
  else if (b)
    EITHER(rmsprop, n, a, g, w, v, NULL, b);
  else
    EITHER(rmsprop, n, a, g, w, v, NULL, NULL);
}

INLINE void adagrad(
    long n, const descent_adagrad *a, const float *g, float *w, void *s, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    const vf si = take(s, i, r, half) + gi * gi;
    keep(s, i, si, r, half);
    put(w + i, wi - η * gi / (root(si) + ε), r);
  );
}
static void k_adagrad(
    long n, const descent_adagrad *a, const float *g, float *w, void *s, bool half) {
  EITHER(adagrad, n, a, g, w, s);
}

INLINE void adadelta(
    long n, const descent_adadelta *a, const float *g, float *w, void *v, void *d, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  const vf ρ = splat(a->kept), taken = splat(a->taken);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi, di = take(d, i, r, half);
    const vf vk = ρ * take(v, i, r, half) + taken * (gi * gi);
    keep(v, i, vk, r, half);
    const vf change = root((di + ε) / (vk + ε)) * gi;
    keep(d, i, ρ * di + taken * (change * change), r, half);
    put(w + i, wi - η * change, r);
  );
}
static void k_adadelta(
    long n, const descent_adadelta *a, const float *g, float *w, void *v, void *d, bool half) {
  EITHER(adadelta, n, a, g, w, v, d);
}

INLINE void adamax(
    long n, const descent_adamax *a, const float *g, float *w, void *m, void *u, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), η = splat(a->rate), ε = splat(a->epsilon);
  const vf α1 = splat(a->taken1), β2 = splat(a->beta2);
  EACH_VECTOR(
    const vf wi = get(w + i, r), gi = get(g + i, r) * γ + λ * wi;
    vf mi = take(m, i, r, half);
    mi += α1 * (gi - mi);
    keep(m, i, mi, r, half);
    const vf ui = most(β2 * take(u, i, r, half), absolute(gi) + ε);
    keep(u, i, ui, r, half);
    put(w + i, wi - η * mi / ui, r);
  );
}
static void k_adamax(
    long n, const descent_adamax *a, const float *g, float *w, void *m, void *u, bool half) {
  EITHER(adamax, n, a, g, w, m, u);
}

INLINE void rprop(
    long n, const descent_rprop *a, const float *g, float *w, void *previous, float *δ, bool half) {
  const vf γ = splat(a->gradient), growth = splat(a->growth), shrink = splat(a->shrink);
  const vf shortest = splat(a->shortest), longest = splat(a->longest), one = splat(1);
  EACH_VECTOR(
    const vf gi = get(g + i, r) * γ, σ = gi * take(previous, i, r, half);
    const vf f = select_f(σ > 0, growth, select_f(σ < 0, shrink, one));
    const vf δi = fewest(most(get(δ + i, r) * f, shortest), longest);
    put(δ + i, δi, r);
    const vf kept = select_f(σ < 0, splat(0), gi);
    put(w + i, get(w + i, r) - sign(kept) * δi, r);
    keep(previous, i, kept, r, half);
  );
}
static void k_rprop(
    long n, const descent_rprop *a, const float *g, float *w, void *previous, float *δ, bool half) {
  EITHER(rprop, n, a, g, w, previous, δ);
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

INLINE void sophia_g(
    long n, const descent_sophia *a, const float *g, float *w, void *m, void *h, bool half) {
  const vf γ = splat(a->gradient), α1 = splat(a->taken1), η = splat(a->rate);
  const vf shrink = splat(a->shrink), scale = splat(a->scale), ε = splat(a->epsilon);
  EACH_VECTOR(
    vf mi = take(m, i, r, half);
    mi += α1 * (get(g + i, r) * γ - mi);
    keep(m, i, mi, r, half);
    const vf share = fewest(splat(1), absolute(mi) / (scale * take(h, i, r, half) + ε));
    put(w + i, get(w + i, r) * shrink - η * sign(mi) * share, r);
  );
}
static void k_sophia_g(
    long n, const descent_sophia *a, const float *g, float *w, void *m, void *h, bool half) {
  EITHER(sophia_g, n, a, g, w, m, h);
}
INLINE void sophia_h(
    long n, const descent_sophia *a, const float *g, float *w, void *m, void *h, bool half) {
  const vf γ = splat(a->gradient), α1 = splat(a->taken1), η = splat(a->rate), λ = splat(a->decay);
  const vf scale = splat(a->scale), ε = splat(a->epsilon), c = splat(a->correction);
  const vf limit = splat(a->limit);
  EACH_VECTOR(
    vf mi = take(m, i, r, half);
    mi += α1 * (get(g + i, r) * γ - mi);
    keep(m, i, mi, r, half);
    const vf u = c * mi / most(scale * take(h, i, r, half), ε), wi = get(w + i, r);
    put(w + i, wi - η * (fewest(most(u, -limit), limit) + λ * wi), r);
  );
}
static void k_sophia_h(
    long n, const descent_sophia *a, const float *g, float *w, void *m, void *h, bool half) {
  EITHER(sophia_h, n, a, g, w, m, h);
}

INLINE void schedule_free(
    long n, const descent_schedule_free *a, const float *g, float *y, float *z, void *v, bool half) {
  const vf γ = splat(a->gradient), λ = splat(a->decay), c = splat(a->share), η = splat(a->rate);
  const vf ηy = splat(a->rate_y), β2 = splat(a->beta2), α2 = splat(a->taken2);
  const vf correction = splat(a->correction), ε = splat(a->epsilon);
  EACH_VECTOR(
    const vf yi = get(y + i, r), zi = get(z + i, r), gi = get(g + i, r) * γ;
    vf u = gi;
    if (v) {
      const vf vk = β2 * take(v, i, r, half) + α2 * (gi * gi);
      keep(v, i, vk, r, half);
      u = gi / (root(vk) * correction + ε);
    }
    u = u + λ * yi;
    put(y + i, yi + (c * (zi - yi) + ηy * u), r);
    put(z + i, zi - η * u, r);
  );
}
static void k_schedule_free(
    long n, const descent_schedule_free *a, const float *g, float *y, float *z, void *v, bool half) {
  if (v)
    EITHER(schedule_free, n, a, g, y, z, v);
  else
    schedule_free(n, a, g, y, z, NULL, false);
}
