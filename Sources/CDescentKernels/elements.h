// Loops over elements, and reductions.

INLINE void map1(long n, const float *x, float *y, vf (*f)(vf)) {
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i, 0)), n - i);
}
INLINE void map2(long n, const float *a, const float *b, float *y, vf (*f)(vf, vf)) {
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, f(load(a + i), load(b + i)));
  if (i < n)
    store_part(y + i, f(load_part(a + i, n - i, 0), load_part(b + i, n - i, 0)), n - i);
}
INLINE void map_with_slope(long n, const float *x, float *y, float *slope, vf (*f)(vf, vf *)) {
  long i = 0;
  vf value;
  for (; i + W <= n; i += W) {
    store(slope + i, f(load(x + i), &value));
    store(y + i, value);
  }
  if (i < n) {
    store_part(slope + i, f(load_part(x + i, n - i, 0), &value), n - i);
    store_part(y + i, value, n - i);
  }
}
INLINE vf add_v(vf a, vf b) { return a + b; }

static void k_exp(long n, const float *x, float *y) { map1(n, x, y, exp_v); }
static void k_tanh(long n, const float *x, float *y) { map1(n, x, y, tanh_v); }
static void k_sigmoid(long n, const float *x, float *y) { map1(n, x, y, sigmoid_v); }
static void k_silu(long n, const float *x, float *y) { map1(n, x, y, silu_v); }
static void k_gelu(long n, const float *x, float *y) { map1(n, x, y, gelu_v); }
static void k_gelu_tanh(long n, const float *x, float *y) { map1(n, x, y, gelu_tanh_v); }
static void k_round_bfloat16(long n, const float *x, float *y) { map1(n, x, y, round_bfloat16_v); }
static void k_round_float16(long n, const float *x, float *y) { map1(n, x, y, round_float16_v); }
static void k_silu_backward(long n, const float *x, const float *dy, float *dx) {
  map2(n, x, dy, dx, silu_backward_v);
}
static void k_gelu_backward(long n, const float *x, const float *dy, float *dx) {
  map2(n, x, dy, dx, gelu_backward_v);
}
static void k_gelu_tanh_backward(long n, const float *x, const float *dy, float *dx) {
  map2(n, x, dy, dx, gelu_tanh_backward_v);
}
static void k_gelu_with_slope(long n, const float *x, float *y, float *slope) {
  map_with_slope(n, x, y, slope, gelu_slope_v);
}
static void k_gelu_tanh_with_slope(long n, const float *x, float *y, float *slope) {
  map_with_slope(n, x, y, slope, gelu_tanh_slope_v);
}
static void k_add(long n, const float *a, const float *b, float *y) { map2(n, a, b, y, add_v); }

static void k_multiply(long n, float alpha, const float *x, float *y) {
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, alpha * load(x + i));
  for (; i < n; i++) y[i] = alpha * x[i];
}
static void k_axpy(long n, float alpha, const float *x, float *y) {
  const vf a = splat(alpha);
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, a * load(x + i) + load(y + i));
  if (i < n) {
    const long r = n - i;
    store_part(y + i, a * load_part(x + i, r, 0) + load_part(y + i, r, 0), r);
  }
}
static void k_column_sums(long rows, long n, const float *x, float *y) {
  long j = 0;
  for (; j + 4 * W <= n; j += 4 * W) {
    vf s0 = load(y + j), s1 = load(y + j + W);
    vf s2 = load(y + j + 2 * W), s3 = load(y + j + 3 * W);
    for (long r = 0; r < rows; r++) {
      const float *p = x + r * n + j;
      s0 += load(p);
      s1 += load(p + W);
      s2 += load(p + 2 * W);
      s3 += load(p + 3 * W);
    }
    store(y + j, s0);
    store(y + j + W, s1);
    store(y + j + 2 * W, s2);
    store(y + j + 3 * W, s3);
  }
  for (; j + W <= n; j += W) {
    vf s = load(y + j);
    for (long r = 0; r < rows; r++) s += load(x + r * n + j);
    store(y + j, s);
  }
  for (; j < n; j++)
    for (long r = 0; r < rows; r++) y[j] += x[r * n + j];
}

// MARK: reductions

INLINE half_d widen(half_f v) { return __builtin_convertvector(v, half_d); }
INLINE half_d load_d(const float *p) { return widen(*(const half_f_unaligned *)p); }
INLINE half_d load_d_part(const float *p, long n) {
  half_f v = {};
  memcpy(&v, p, (size_t)n * sizeof(float));
  return widen(v);
}

// Σ over i in four accumulators of W/2 doubles.
#define SUM_IN_DOUBLE(term, term_part)                                       \
  const long H = W / 2;                                                      \
  half_d s0 = {}, s1 = {}, s2 = {}, s3 = {};                                 \
  long i = 0;                                                                \
  for (; i + 4 * H <= n; i += 4 * H) {                                       \
    s0 += term(i);                                                           \
    s1 += term(i + H);                                                       \
    s2 += term(i + 2 * H);                                                   \
    s3 += term(i + 3 * H);                                                   \
  }                                                                          \
  for (; i + H <= n; i += H) s0 += term(i);                                  \
  if (i < n) s1 += term_part(i, n - i);                                      \
  return add_lanes_d((s0 + s1) + (s2 + s3));

static double k_sum(long n, const float *x) {
#define TERM(i) load_d(x + (i))
#define TERM_PART(i, r) load_d_part(x + (i), r)
  SUM_IN_DOUBLE(TERM, TERM_PART)
#undef TERM
#undef TERM_PART
}
static double k_sum_of_squares(long n, const float *x) {
#define TERM(i) (load_d(x + (i)) * load_d(x + (i)))
#define TERM_PART(i, r) (load_d_part(x + (i), r) * load_d_part(x + (i), r))
  SUM_IN_DOUBLE(TERM, TERM_PART)
#undef TERM
#undef TERM_PART
}

// As integers the magnitudes of floats keep their order, and NaN is above infinity.
static float k_max_magnitude(long n, const float *x) {
  const vi mask = splat_i(0x7fffffff);
  vi m0 = {}, m1 = {}, m2 = {}, m3 = {};
  long i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    m0 = __builtin_elementwise_max(m0, (vi)load(x + i) & mask);
    m1 = __builtin_elementwise_max(m1, (vi)load(x + i + W) & mask);
    m2 = __builtin_elementwise_max(m2, (vi)load(x + i + 2 * W) & mask);
    m3 = __builtin_elementwise_max(m3, (vi)load(x + i + 3 * W) & mask);
  }
  for (; i + W <= n; i += W) m0 = __builtin_elementwise_max(m0, (vi)load(x + i) & mask);
  if (i < n) m0 = __builtin_elementwise_max(m0, (vi)load_part(x + i, n - i, 0) & mask);
  m0 = __builtin_elementwise_max(
      __builtin_elementwise_max(m0, m1), __builtin_elementwise_max(m2, m3));
  int32_t m = 0;
  for (long l = 0; l < W; l++) m = m0[l] > m ? m0[l] : m;
  float result;
  memcpy(&result, &m, sizeof m);
  return result;
}
