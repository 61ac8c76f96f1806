// Numbers of 16 bits: rounded to bfloat16, and widened.

INLINE uint16_t to_bfloat16_1(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  const uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
  const bool nan = (u & 0x7fffffff) > 0x7f800000;
  return (uint16_t)(nan ? u >> 16 | 0x40 : rounded);
}
static void k_to_bfloat16(long n, const float *x, uint16_t *y) {
  long i = 0;
#if VECTOR_BYTES == 32
  for (; i + 2 * W <= n; i += 2 * W) {
    const vf a = load(x + i), b = load(x + i + W);
    vu u = (vu)a, v = (vu)b;
    u += ((u >> 16) & 1u) + 0x7fffu;
    v += ((v >> 16) & 1u) + 0x7fffu;
    if (__builtin_expect(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q)), 0)) {
      u = (vu)round_bfloat16_v(a);
      v = (vu)round_bfloat16_v(b);
    }
    const __m256i halves = _mm256_packus_epi32((__m256i)(u >> 16), (__m256i)(v >> 16));
    _mm256_storeu_si256((__m256i *)(y + i), _mm256_permute4x64_epi64(halves, 0xd8));
  }
#endif
  for (; i < n; i++) y[i] = to_bfloat16_1(x[i]);
}

// Blocks of coded state are short: the memory of the one that follows is asked for while one is decoded.
static void k_from_bfloat16(long n, const uint16_t *x, float *y) {
  long i = 0;
  for (; i + W <= n; i += W) {
    if (i % 32 == 0) ahead(x + i + n);
    vh bits;
    memcpy(&bits, x + i, sizeof bits);
    store(y + i, (vf)(__builtin_convertvector(bits, vu) << 16));
  }
  for (; i < n; i++) {
    const uint32_t u = (uint32_t)x[i] << 16;
    memcpy(y + i, &u, sizeof u);
  }
}

INLINE void widen_as(descent_element element, long n, const void *x, float *y) {
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, load_as(element, element_at(element, x, i)));
  for (; i < n; i++) y[i] = load_1(element, element_at(element, x, i));
}
static void k_widen(descent_element element, long n, const void *x, float *y) {
  switch (element) {
    case DESCENT_FLOAT32: widen_as(DESCENT_FLOAT32, n, x, y); break;
    case DESCENT_BFLOAT16: widen_as(DESCENT_BFLOAT16, n, x, y); break;
    case DESCENT_FLOAT16: widen_as(DESCENT_FLOAT16, n, x, y); break;
  }
}
