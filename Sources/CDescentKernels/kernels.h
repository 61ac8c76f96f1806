// Element and row loops, written once over vectors of VECTOR_BYTES and compiled for each
// instruction set (see kernels_*.c). No include guard: included once by each.
//
// The order of evaluation is fixed by the vector width alone: a reduction runs in lanes (element
// i goes to lane i mod width of accumulator (i / width) mod 4), and lanes are added in halves.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define W ((long)(VECTOR_BYTES / sizeof(float)))

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t vu __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t vh __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint64_t vl __attribute__((vector_size(VECTOR_BYTES * 2)));
typedef float vf_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(4)));
typedef float half_f __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef float half_f_unaligned __attribute__((vector_size(VECTOR_BYTES / 2), aligned(4)));
typedef double half_d __attribute__((vector_size(VECTOR_BYTES)));
typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf splat(float x) { return x - (vf){}; }  // x − 0 is x, even for −0
INLINE vi splat_i(int32_t x) { return (vi){} + x; }

// The first n < W elements; the other lanes hold `fill`. Variable copies through memory stall, so
// instruction sets with masked moves use these.
#if VECTOR_BYTES == 64
INLINE vf load_part(const float *p, long n, float fill) {
  return (vf)_mm512_mask_loadu_ps((__m512)splat(fill), (__mmask16)((1u << n) - 1), p);
}
INLINE void store_part(float *p, vf v, long n) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#elif VECTOR_BYTES == 32
INLINE vi first_lanes(long n) {
  return splat_i((int32_t)n) > (vi){0, 1, 2, 3, 4, 5, 6, 7};
}
INLINE vf load_part(const float *p, long n, float fill) {
  const vi mask = first_lanes(n);
  const vi v = (vi)_mm256_maskload_ps(p, (__m256i)mask);
  return (vf)(v | (~mask & (vi)splat(fill)));
}
INLINE void store_part(float *p, vf v, long n) {
  _mm256_maskstore_ps(p, (__m256i)first_lanes(n), (__m256)v);
}
#else
INLINE vf load_part(const float *p, long n, float fill) {
  return (vf){p[0], n > 1 ? p[1] : fill, n > 2 ? p[2] : fill, fill};
}
INLINE void store_part(float *p, vf v, long n) {
  p[0] = v[0];
  if (n > 1) p[1] = v[1];
  if (n > 2) p[2] = v[2];
}
#endif

INLINE vf select_f(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vf absolute(vf x) { return (vf)((vi)x & splat_i(0x7fffffff)); }
INLINE vf sign_of(vf x) { return (vf)((vi)x & splat_i((int32_t)0x80000000)); }
// The larger of a and b; b where they do not compare.
INLINE vf larger(vf a, vf b) { return select_f(a > b, a, b); }

// Lanes are combined in halves: 16 → 8 → 4 → 2 → 1.
#define FOLD(name, combine)                                                        \
  INLINE float name(vf v) {                                                        \
    FOLD_TO_4(v, combine)                                                          \
    const v4 pair = combine(q, __builtin_shufflevector(q, q, 2, 3, 2, 3));         \
    return combine(pair, __builtin_shufflevector(pair, pair, 1, 1, 1, 1))[0];      \
  }
#if VECTOR_BYTES == 64
#define FOLD_TO_4(v, combine)                                                      \
  const v8 o = combine(                                                            \
      __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),                       \
      __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));                \
  const v4 q = combine(                                                            \
      __builtin_shufflevector(o, o, 0, 1, 2, 3), __builtin_shufflevector(o, o, 4, 5, 6, 7));
#elif VECTOR_BYTES == 32
#define FOLD_TO_4(v, combine)                                                      \
  const v4 q = combine(                                                            \
      __builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7));
#else
#define FOLD_TO_4(v, combine) const v4 q = v;
#endif
#define SUM_OF(a, b) ((a) + (b))
#define MAX_OF(a, b) __builtin_elementwise_max(a, b)
FOLD(add_lanes, SUM_OF)
FOLD(max_lanes, MAX_OF)
INLINE double add_lanes_d(half_d v) {
  double t[VECTOR_BYTES / sizeof(double)];
  memcpy(t, &v, sizeof v);
  for (long w = W / 4; w > 0; w /= 2)
    for (long i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}

// MARK: functions of a vector

// exp(x): x = n·ln 2 + r, |r| ≤ ln 2 / 2; exp(r) = 1 + r + r²·P(r), P minimax. Below -104 the
// result is 0, above 88.73 infinity; results below the normal range are rounded once more.
INLINE vf exp_v(vf x) {
  x = select_f(x < splat(-104.0f), splat(-104.0f), x);
  x = select_f(x > splat(89.0f), splat(89.0f), x);
  const vf shift = splat(12582912.0f);  // 1.5·2²³: adding it rounds to an integer
  const vf t = x * splat(1.44269504f) + shift;
  const vf n = t - shift;
  vf r = x - n * splat(0.693359375f);  // exact: few bits
  r = r - n * splat(-2.12194440e-4f);
  vf p = splat(0.001381453825160861f);
  p = p * r + splat(0.00836874544620514f);
  p = p * r + splat(0.04166838899254799f);
  p = p * r + splat(0.1666652113199234f);
  p = p * r + splat(0.4999999403953552f);
  p = (p * r) * r + r;
  p = p + splat(1.0f);
  // 2ⁿ in two factors, so that neither leaves the normal range.
  const vi e = (vi)t - splat_i(0x4b400000);
  const vi e1 = e >> 1, e2 = e - e1;
  const vf s1 = (vf)((e1 + splat_i(127)) << 23), s2 = (vf)((e2 + splat_i(127)) << 23);
  return p * s1 * s2;
}

// 1 / (1 + exp(-x))
INLINE vf sigmoid_v(vf x) { return splat(1.0f) / (splat(1.0f) + exp_v(-x)); }

// |x| < 0.625: x + x³·P(x²); else 1 − 2/(exp(2|x|) + 1) with the sign of x.
INLINE vf tanh_v(vf x) {
  const vf a = absolute(x), s = x * x;
  const vf big = splat(1.0f) - splat(2.0f) / (exp_v(a + a) + splat(1.0f));
  vf p = splat(-0.005717036779969931f);
  p = p * s + splat(0.020650578662753105f);
  p = p * s + splat(-0.05374349653720856f);
  p = p * s + splat(0.13331490755081177f);
  p = p * s + splat(-0.3333328366279602f);
  const vf small = x + x * s * p;
  return select_f(a < splat(0.625f), small, (vf)((vi)big | (vi)sign_of(x)));
}

INLINE vf silu_v(vf x) { return x / (splat(1.0f) + exp_v(-x)); }
// σ(x) + v·σ(x)·(1 − σ(x)), with 1 − σ = σ·exp(−x) to keep its digits where σ is near 1.
INLINE vf sigmoid_slope(vf x, vf v) {
  // Beyond 80 the result is 0 in any case, and exp must not overflow.
  const vf e = exp_v(select_f(-x > splat(80.0f), splat(80.0f), -x));
  const vf s = splat(1.0f) / (splat(1.0f) + e);
  return s + v * s * (s * e);
}
INLINE vf silu_backward_v(vf x, vf dy) { return dy * sigmoid_slope(x, x); }

// Q(|x|) = erfc(|x|/√2)/2 = e·t·P(t) with e = exp(−x²/2), t = 1/(1 + p·|x|), P minimax in
// relative error (1.3e-7).
INLINE vf normal_tail(vf a, vf e) {
  const vf t = splat(1.0f) / (splat(1.0f) + splat(0.2316419f) * a);
  vf p = splat(-0.07042445987462997f);
  p = p * t + splat(0.2476879358291626f);
  p = p * t + splat(-0.20166245102882385f);
  p = p * t + splat(0.22525517642498016f);
  p = p * t + splat(0.013550890609622002f);
  p = p * t + splat(0.10265069454908371f);
  p = p * t + splat(0.09042003750801086f);
  p = p * t + splat(0.09252225607633591f);
  return p * t * e;
}

// x·Φ(x) = max(x, 0) − |x|·Q(|x|)
INLINE vf gelu_v(vf x) {
  const vf a = absolute(x);
  const vf q = normal_tail(a, exp_v(splat(-0.5f) * x * x));
  return select_f(x < splat(0.0f), splat(0.0f), x) - a * q;
}
// Φ(x) + x·φ(x)
INLINE vf gelu_backward_v(vf x, vf dy) {
  const vf e = exp_v(splat(-0.5f) * x * x);
  const vf q = normal_tail(absolute(x), e);
  const vf cdf = select_f(x > splat(0.0f), splat(1.0f) - q, q);
  return dy * (cdf + x * e * splat(0.3989422804f));
}

// ½x(1 + tanh u) = x·σ(2u), u = √(2/π)·(x + 0.044715x³)
INLINE vf gelu_tanh_v(vf x) {
  const vf v = x * (splat(1.5957691216f) + splat(0.0713548162726f) * x * x);
  return x / (splat(1.0f) + exp_v(-v));
}
INLINE vf gelu_tanh_backward_v(vf x, vf dy) {
  const vf xx = x * x;
  const vf v = x * (splat(1.5957691216f) + splat(0.0713548162726f) * xx);
  const vf dv = splat(1.5957691216f) + splat(0.2140644488178f) * xx;
  return dy * sigmoid_slope(v, x * dv);
}

// The nearest bfloat16, ties to even: the upper half of the bits.
INLINE vf round_bfloat16_v(vf x) {
  const vu bits = (vu)x, upper = (vu){} + 0xffff0000u;
  const vu nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) & upper;
  return select_f(x == x, (vf)nearest, (vf)((bits | 0x00400000u) & upper));
}

// The nearest float16, ties to even; infinity from 65520 on. Below 2⁻¹⁴ the results lie 2⁻²⁴ apart,
// as floats do next to 0.5.
INLINE vf round_float16_v(vf x) {
  const vf a = absolute(x);
  const vu bits = (vu)a;
  vf y = (vf)((bits + 0xfffu + ((bits >> 13) & 1u)) & 0xffffe000u);
  y = select_f(y > splat(65504.0f), splat(INFINITY), y);
  y = select_f(a < splat(0x1p-14f), (a + splat(0.5f)) - splat(0.5f), y);
  return select_f(x == x, (vf)((vi)y | (vi)sign_of(x)), x);
}

// MARK: element loops

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
INLINE vf add_v(vf a, vf b) { return a + b; }
INLINE vf multiply_v(vf a, vf b) { return a * b; }

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
static void k_add(long n, const float *a, const float *b, float *y) { map2(n, a, b, y, add_v); }
static void k_multiply(long n, const float *a, const float *b, float *y) {
  map2(n, a, b, y, multiply_v);
}

static void k_scale(long n, float alpha, const float *x, float *y) {
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
static void k_add_bias(long rows, long n, const float *bias, float *y) {
  for (long r = 0; r < rows; r++) map2(n, y + r * n, bias, y + r * n, add_v);
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
static double k_dot(long n, const float *a, const float *b) {
#define TERM(i) (load_d(a + (i)) * load_d(b + (i)))
#define TERM_PART(i, r) (load_d_part(a + (i), r) * load_d_part(b + (i), r))
  SUM_IN_DOUBLE(TERM, TERM_PART)
#undef TERM
#undef TERM_PART
}
static double k_sum_of_squares(long n, const float *x) { return k_dot(n, x, x); }

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
static long k_first_nonfinite(long n, const float *x) {
  const long block = 1024;
  for (long start = 0; start < n; start += block) {
    const long end = start + block < n ? start + block : n;
    const float m = k_max_magnitude(end - start, x + start);
    if (m < INFINITY) continue;
    for (long i = start; i < end; i++)
      if (!(fabsf(x[i]) < INFINITY)) return i;
  }
  return -1;
}

// MARK: weights in bfloat16

// Philox 4x32-10 for W counters (first + lane, c1, c2, c3): eight 16-bit numbers of each, in order.
INLINE void random_halves(uint32_t first, const uint32_t *counter, const uint32_t *key, uint16_t *r) {
  vu c0, c1 = (vu){} + counter[1], c2 = (vu){} + counter[2], c3 = (vu){} + counter[3];
  for (long l = 0; l < W; l++) c0[l] = first + (uint32_t)l;
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    const vl a = __builtin_convertvector(c0, vl) * 0xD2511F53u;
    const vl b = __builtin_convertvector(c2, vl) * 0xCD9E8D57u;
    c0 = __builtin_convertvector(b >> 32, vu) ^ c1 ^ k0;
    c1 = __builtin_convertvector(b, vu);
    c2 = __builtin_convertvector(a >> 32, vu) ^ c3 ^ k1;
    c3 = __builtin_convertvector(a, vu);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (long l = 0; l < W; l++) {
    const uint32_t words[4] = {c0[l], c1[l], c2[l], c3[l]};
    for (long j = 0; j < 4; j++) {
      r[8 * l + 2 * j] = (uint16_t)words[j];
      r[8 * l + 2 * j + 1] = (uint16_t)(words[j] >> 16);
    }
  }
}

INLINE vu widen_bits(vh x) { return __builtin_convertvector(x, vu) << 16; }
INLINE vh narrow_bits(vf x) { return __builtin_convertvector((vu)x >> 16, vh); }
INLINE vh load_h(const uint16_t *p, long n) {
  vh v = {};
  memcpy(&v, p, (size_t)n * sizeof(uint16_t));
  return v;
}
INLINE void store_h(uint16_t *p, vh v, long n) { memcpy(p, &v, (size_t)n * sizeof(uint16_t)); }
// Adds 16 random bits to those that are cut off: up with a probability that is their share of a
// spacing. Infinity and NaN are left alone.
INLINE vf round_up_by(vf x, vu random) {
  const vu upper = (vu){} + 0xffff0000u;
  return select_f(absolute(x) < splat(INFINITY), (vf)(((vu)x + random) & upper), round_bfloat16_v(x));
}

// x is the updated weight, y becomes its rounded value. Counts the updates and those of which
// nothing is left.
#define STORE_WEIGHTS(round)                                              \
  vi lost = {}, moved = {};                                               \
  for (long i = 0; i < n; i += W) {                                       \
    const long r = n - i < W ? n - i : W;                                 \
    const vf old = (vf)widen_bits(load_h(stored + i, r));                 \
    const vf x = r == W ? load(w + i) : load_part(w + i, r, 0);           \
    vi traceless = splat_i(-1);                                           \
    vf y;                                                                 \
    round;                                                                \
    moved -= (x != old);                                                  \
    lost -= (x != old) & (y == old) & traceless;                          \
    store_h(stored + i, narrow_bits(y), r);                               \
    if (r == W) store(w + i, y);                                          \
    else store_part(w + i, y, r);                                         \
  }                                                                       \
  for (long l = 0; l < W; l++) counts[0] += lost[l], counts[1] += moved[l];

static void k_store_nearest(long n, float *w, uint16_t *stored, long *counts) {
  STORE_WEIGHTS(y = round_bfloat16_v(x))
}
static void k_store_kahan(long n, float *w, uint16_t *stored, uint16_t *kept, long *counts) {
  STORE_WEIGHTS({
    const vf k = (vf)widen_bits(load_h(kept + i, r));
    const vf sum = round_bfloat16_v(k + (x - old));
    y = round_bfloat16_v(old + sum);
    vf rest = round_bfloat16_v(sum + (old - y));
    rest = select_f(absolute(y) < splat(INFINITY), rest, splat(0.0f));
    traceless = rest == k;
    store_h(kept + i, narrow_bits(rest), r);
  })
}
static void k_store_stochastic(
    long n, float *w, uint16_t *stored, const uint32_t *counter, const uint32_t *key,
    long *counts) {
  uint16_t random[8 * W];
  STORE_WEIGHTS({
    const long place = i % (8 * W);
    if (place == 0) random_halves(counter[0] + (uint32_t)(i / 8), counter, key, random);
    y = round_up_by(x, __builtin_convertvector(load_h(random + place, W), vu));
  })
}

// MARK: rows

#define LOWEST (-INFINITY)

INLINE float row_max(long n, const float *x) {
  vf m0 = splat(LOWEST), m1 = m0;
  long i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    m0 = larger(load(x + i), m0);
    m1 = larger(load(x + i + W), m1);
  }
  for (; i + W <= n; i += W) m0 = larger(load(x + i), m0);
  if (i < n) m0 = larger(load_part(x + i, n - i, LOWEST), m0);
  return max_lanes(larger(m0, m1));
}

// Σ f(i) over a row in two accumulators of W lanes; the last vector may be partial.
#define ROW_SUM(n, full, part)                                 \
  ({                                                           \
    vf s0 = {}, s1 = {};                                       \
    long i = 0;                                                \
    for (; i + 2 * W <= (n); i += 2 * W) {                     \
      s0 += full(i);                                           \
      s1 += full(i + W);                                       \
    }                                                          \
    for (; i + W <= (n); i += W) s0 += full(i);                \
    if (i < (n)) s1 += part(i, (n) - i);                       \
    add_lanes(s0 + s1);                                        \
  })

static void k_softmax(long n, long valid, float scale, const float *x, float *y) {
  if (valid > 0) {
    // Subtracting scale·max keeps every exponent at or below 0 (for a negative scale the largest
    // scaled value is at the smallest x).
    float top;
    if (scale >= 0) {
      top = scale * row_max(valid, x);
    } else {
      top = scale * x[0];
      for (long j = 1; j < valid; j++) top = scale * x[j] > top ? scale * x[j] : top;
    }
    const vf s = splat(scale), m = splat(top);
    vf s0 = {}, s1 = {};
    long i = 0;
    for (; i + 2 * W <= valid; i += 2 * W) {
      const vf e0 = exp_v(load(x + i) * s - m), e1 = exp_v(load(x + i + W) * s - m);
      store(y + i, e0);
      store(y + i + W, e1);
      s0 += e0;
      s1 += e1;
    }
    for (; i + W <= valid; i += W) {
      const vf e0 = exp_v(load(x + i) * s - m);
      store(y + i, e0);
      s0 += e0;
    }
    float total = 0;
    if (i < valid) {
      const vf e = exp_v(load_part(x + i, valid - i, 0) * s - m);
      store_part(y + i, e, valid - i);
      s1 += load_part(y + i, valid - i, 0);
    }
    total = add_lanes(s0 + s1);
    k_scale(valid, 1.0f / total, y, y);
  }
  if (valid < n) memset(y + valid, 0, (size_t)(n - valid) * sizeof(float));
}

static void k_softmax_backward(
    long n, long valid, float scale, const float *y, const float *dy, float *dx) {
#define FULL(i) (load(y + (i)) * load(dy + (i)))
#define PART(i, r) (load_part(y + (i), r, 0) * load_part(dy + (i), r, 0))
  const vf mean = splat(ROW_SUM(valid, FULL, PART)), s = splat(scale);
#undef FULL
#undef PART
  long i = 0;
  for (; i + W <= valid; i += W) store(dx + i, s * load(y + i) * (load(dy + i) - mean));
  if (i < valid) {
    const long r = valid - i;
    store_part(dx + i, s * load_part(y + i, r, 0) * (load_part(dy + i, r, 0) - mean), r);
  }
  if (valid < n) memset(dx + valid, 0, (size_t)(n - valid) * sizeof(float));
}

static float k_log_sum_exp(long n, const float *x) {
  const float m = row_max(n, x);
  if (!(m > -INFINITY)) {
    // All -∞, or nothing but NaN compares: let a NaN through.
    for (long i = 0; i < n; i++)
      if (x[i] != x[i]) return x[i];
    return m;
  }
  if (m == INFINITY) {
    for (long i = 0; i < n; i++)
      if (x[i] != x[i]) return x[i];
    return m;
  }
  const vf top = splat(m);
#define FULL(i) exp_v(load(x + (i)) - top)
#define PART(i, r) exp_v(load_part(x + (i), r, LOWEST) - top)
  return m + logf(ROW_SUM(n, FULL, PART));
#undef FULL
#undef PART
}

static void k_cross_entropy_backward(
    long n, const float *x, float lse, long target, float scale, float *dx) {
  const vf s = splat(scale), l = splat(lse);
  const float at_target = x[target];
  long i = 0;
  for (; i + W <= n; i += W) store(dx + i, s * exp_v(load(x + i) - l));
  if (i < n) store_part(dx + i, s * exp_v(load_part(x + i, n - i, 0) - l), n - i);
  // exp(x − lse) − 1 without cancellation matters when the target is nearly certain.
  dx[target] = scale * expm1f(at_target - lse);
}

static void k_layer_norm(
    long n, const float *x, const float *gain, const float *bias, float eps, float *y, float *mean,
    float *rstd) {
#define FULL(i) load(x + (i))
#define PART(i, r) load_part(x + (i), r, 0)
  const float mu = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const vf m = splat(mu);
#define FULL(i) ({ const vf d = load(x + (i)) - m; d * d; })
#define PART(i, r) ({ const vf d = load_part(x + (i), r, mu) - m; d * d; })
  const float variance = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const float inverse = 1.0f / __builtin_elementwise_sqrt(variance + eps);
  *mean = mu;
  *rstd = inverse;
  const vf s = splat(inverse), one = splat(1.0f), zero = splat(0.0f);
  long i = 0;
  for (; i + W <= n; i += W)
    store(y + i, (load(x + i) - m) * s * (gain ? load(gain + i) : one) +
                     (bias ? load(bias + i) : zero));
  if (i < n) {
    const long r = n - i;
    const vf g = gain ? load_part(gain + i, r, 0) : one;
    const vf b = bias ? load_part(bias + i, r, 0) : zero;
    store_part(y + i, (load_part(x + i, r, 0) - m) * s * g + b, r);
  }
}

// With d = dy·gain and x̂ = (x − mean)·rstd: dx = rstd·(d − mean(d) − x̂·mean(d·x̂)).
static void k_layer_norm_backward(
    long n, const float *x, const float *gain, const float *dy, float mean, float rstd,
    float *dx) {
  const vf m = splat(mean), s = splat(rstd), one = splat(1.0f);
#define D(i) (load(dy + (i)) * (gain ? load(gain + (i)) : one))
#define D_PART(i, r) (load_part(dy + (i), r, 0) * (gain ? load_part(gain + (i), r, 0) : one))
  vf a0 = {}, b0 = {};
  long i = 0;
  for (; i + W <= n; i += W) {
    const vf d = D(i);
    a0 += d;
    b0 += d * ((load(x + i) - m) * s);
  }
  if (i < n) {
    const vf d = D_PART(i, n - i);
    a0 += d;
    b0 += d * ((load_part(x + i, n - i, 0) - m) * s);
  }
  const vf a = splat(add_lanes(a0) / (float)n), b = splat(add_lanes(b0) / (float)n);
  for (i = 0; i + W <= n; i += W)
    store(dx + i, s * (D(i) - a - (load(x + i) - m) * s * b));
  if (i < n) {
    const long r = n - i;
    store_part(dx + i, s * (D_PART(i, r) - a - (load_part(x + i, r, 0) - m) * s * b), r);
  }
}

static void k_layer_norm_gradients(
    long rows, long n, const float *x, const float *dy, const float *mean, const float *rstd,
    float *dgain, float *dbias) {
  for (long r = 0; r < rows; r++) {
    const float *xr = x + r * n, *dr = dy + r * n;
    const vf m = splat(mean[r]), s = splat(rstd[r]);
    long j = 0;
    for (; j + W <= n; j += W) {
      const vf d = load(dr + j);
      store(dgain + j, d * ((load(xr + j) - m) * s) + load(dgain + j));
      if (dbias) store(dbias + j, load(dbias + j) + d);
    }
    if (j < n) {
      const long p = n - j;
      const vf d = load_part(dr + j, p, 0);
      store_part(
          dgain + j, d * ((load_part(xr + j, p, 0) - m) * s) + load_part(dgain + j, p, 0), p);
      if (dbias) store_part(dbias + j, load_part(dbias + j, p, 0) + d, p);
    }
  }
}

static void k_rms_norm(
    long n, const float *x, const float *gain, float eps, float *y, float *rstd) {
#define FULL(i) ({ const vf d = load(x + (i)); d * d; })
#define PART(i, r) ({ const vf d = load_part(x + (i), r, 0); d * d; })
  const float square = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const float inverse = 1.0f / __builtin_elementwise_sqrt(square + eps);
  *rstd = inverse;
  const vf s = splat(inverse), one = splat(1.0f);
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, load(x + i) * s * (gain ? load(gain + i) : one));
  if (i < n) {
    const long r = n - i;
    store_part(y + i, load_part(x + i, r, 0) * s * (gain ? load_part(gain + i, r, 0) : one), r);
  }
}

// With d = dy·gain and x̂ = x·rstd: dx = rstd·(d − x̂·mean(d·x̂)).
static void k_rms_norm_backward(
    long n, const float *x, const float *gain, const float *dy, float rstd, float *dx) {
  const vf s = splat(rstd), one = splat(1.0f);
#define FULL(i) (D(i) * (load(x + (i)) * s))
#define PART(i, r) (D_PART(i, r) * (load_part(x + (i), r, 0) * s))
  const vf b = splat(ROW_SUM(n, FULL, PART) / (float)n);
#undef FULL
#undef PART
  long i = 0;
  for (; i + W <= n; i += W) store(dx + i, s * (D(i) - load(x + i) * s * b));
  if (i < n) {
    const long r = n - i;
    store_part(dx + i, s * (D_PART(i, r) - load_part(x + i, r, 0) * s * b), r);
  }
}
#undef D
#undef D_PART

static void k_rms_norm_gradients(
    long rows, long n, const float *x, const float *dy, const float *rstd, float *dgain) {
  for (long r = 0; r < rows; r++) {
    const float *xr = x + r * n, *dr = dy + r * n;
    const vf s = splat(rstd[r]);
    long j = 0;
    for (; j + W <= n; j += W)
      store(dgain + j, load(dr + j) * (load(xr + j) * s) + load(dgain + j));
    if (j < n) {
      const long p = n - j;
      store_part(
          dgain + j,
          load_part(dr + j, p, 0) * (load_part(xr + j, p, 0) * s) + load_part(dgain + j, p, 0), p);
    }
  }
}
