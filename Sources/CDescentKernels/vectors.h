// Vectors of VECTOR_BYTES: loading and storing, and functions of all lanes at once.

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
typedef float v4_unaligned __attribute__((vector_size(16), aligned(4)));
typedef float v8 __attribute__((vector_size(32)));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
// Asks for memory that will be read and written soon; it need not be there.
INLINE void ahead(const void *p) { __builtin_prefetch(p, 1, 2); }
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

// For rows so short that a call of memcpy takes longer than the copy.
INLINE void copy_row(float *dst, const float *src, long n) {
  long i = 0;
  for (; i + W <= n; i += W) store(dst + i, load(src + i));
  if (i < n && n >= W) {
    store(dst + n - W, load(src + n - W));
    return;
  }
  for (; i + 4 <= n; i += 4) *(v4_unaligned *)(dst + i) = *(const v4_unaligned *)(src + i);
  for (; i < n; i++) dst[i] = src[i];
}

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
// σ(x) + v·σ(x)·(1 − σ(x)) with e = exp(−x), and 1 − σ = σ·e to keep its digits where σ is near 1.
INLINE vf slope_of_sigmoid(vf e, vf v) {
  // Beyond 10³⁸ the result is 0 in any case, and infinity must not meet it.
  e = select_f(e > splat(1e38f), splat(1e38f), e);
  const vf s = splat(1.0f) / (splat(1.0f) + e);
  return s + v * s * (s * e);
}
INLINE vf silu_backward_v(vf x, vf dy) { return dy * slope_of_sigmoid(exp_v(-x), x); }

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
// Φ(x) + x·φ(x), and x·Φ(x) where it is wanted.
INLINE vf gelu_slope_v(vf x, vf *y) {
  const vf a = absolute(x), e = exp_v(splat(-0.5f) * x * x);
  const vf q = normal_tail(a, e);
  if (y) *y = select_f(x < splat(0.0f), splat(0.0f), x) - a * q;
  const vf cdf = select_f(x > splat(0.0f), splat(1.0f) - q, q);
  return cdf + x * e * splat(0.3989422804f);
}
INLINE vf gelu_backward_v(vf x, vf dy) { return dy * gelu_slope_v(x, NULL); }

// ½x(1 + tanh u) = x·σ(2u), u = √(2/π)·(x + 0.044715x³)
INLINE vf gelu_tanh_v(vf x) {
  const vf xx = x * x;
  const vf v = x * (splat(1.5957691216f) + splat(0.0713548162726f) * xx);
  return x / (splat(1.0f) + exp_v(-v));
}
INLINE vf gelu_tanh_slope_v(vf x, vf *y) {
  const vf xx = x * x;
  const vf v = x * (splat(1.5957691216f) + splat(0.0713548162726f) * xx);
  const vf dv = splat(1.5957691216f) + splat(0.2140644488178f) * xx;
  const vf e = exp_v(-v);
  if (y) *y = x / (splat(1.0f) + e);
  return slope_of_sigmoid(e, x * dv);
}
INLINE vf gelu_tanh_backward_v(vf x, vf dy) { return dy * gelu_tanh_slope_v(x, NULL); }

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

// Numbers of 16 bits as floats, exactly.
typedef uint16_t v4h __attribute__((vector_size(8)));
typedef uint32_t v4u __attribute__((vector_size(16)));

INLINE const void *element_at(descent_element element, const void *p, long i) {
  return (const char *)p + i * (element == DESCENT_FLOAT32 ? 4 : 2);
}
// The fields of a float16 moved to those of a float; 2¹¹² mends the bias of the exponent. What has all
// bits of the exponent set keeps them.
INLINE float widen_float16(uint16_t x) {
  const uint32_t magnitude = (uint32_t)(x & 0x7fff) << 13;
  float y;
  memcpy(&y, &magnitude, sizeof y);
  y *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &y, sizeof bits);
  bits |= (magnitude >= 0x0f800000u ? 0x7f800000u : 0) | (uint32_t)(x & 0x8000) << 16;
  memcpy(&y, &bits, sizeof y);
  return y;
}
INLINE float load_1(descent_element element, const void *p) {
  if (element == DESCENT_FLOAT32) return *(const float *)p;
  uint16_t x;
  memcpy(&x, p, sizeof x);
  if (element == DESCENT_FLOAT16) return widen_float16(x);
  const uint32_t bits = (uint32_t)x << 16;
  float y;
  memcpy(&y, &bits, sizeof y);
  return y;
}
INLINE vf load_as(descent_element element, const void *p) {
  if (element == DESCENT_FLOAT32) return load(p);
  vh x;
  memcpy(&x, p, sizeof x);
  if (element == DESCENT_BFLOAT16) return (vf)(__builtin_convertvector(x, vu) << 16);
#if VECTOR_BYTES == 64
  return (vf)_mm512_cvtph_ps((__m256i)x);
#elif VECTOR_BYTES == 32
  return (vf)_mm256_cvtph_ps((__m128i)x);
#else
  const vu magnitude = __builtin_convertvector(x & (uint16_t)0x7fff, vu) << 13;
  const vu special = (vu)(magnitude >= 0x0f800000u) & 0x7f800000u;
  const vu sign = __builtin_convertvector(x & (uint16_t)0x8000, vu) << 16;
  return (vf)((vu)((vf)magnitude * splat(0x1p112f)) | special | sign);
#endif
}
INLINE v4 load_4_as(descent_element element, const void *p) {
  if (element == DESCENT_FLOAT32) return *(const v4_unaligned *)p;
  v4h x;
  memcpy(&x, p, sizeof x);
  if (element == DESCENT_BFLOAT16) return (v4)(__builtin_convertvector(x, v4u) << 16);
#if VECTOR_BYTES >= 32
  const uint16_t __attribute__((vector_size(16))) wide = {x[0], x[1], x[2], x[3]};
  return (v4)_mm_cvtph_ps((__m128i)wide);
#else
  return (v4){widen_float16(x[0]), widen_float16(x[1]), widen_float16(x[2]), widen_float16(x[3])};
#endif
}
