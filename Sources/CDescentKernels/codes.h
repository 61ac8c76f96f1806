// Optimizer state in fewer bits: bfloat16, and 8-bit codes of a sorted list of 256 values with one
// scale for each CODE_BLOCK elements.

enum { CODE_BLOCK = DESCENT_CODE_BLOCK };

static void k_to_bfloat16(long n, const float *x, uint16_t *y) {
  for (long i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, x + i, sizeof u);
    const uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    const bool nan = (u & 0x7fffffff) > 0x7f800000;
    y[i] = (uint16_t)(nan ? u >> 16 | 0x40 : rounded);
  }
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

// The code of a ratio in [−1, 1]: the least code of its cell, or the next. Cells are the numbers
// that share a sign, an exponent and 7 bits of fraction, and hold one threshold at most.
static void encode_nearest(
    long n, const float *x, float scale, const descent_codebook *book, uint8_t *codes) {
  float ratio[CODE_BLOCK + 16];
  int32_t cell[CODE_BLOCK + 16];
  const vf s = splat(scale), one = splat(1.0f);
  for (long i = 0; i < n; i += W) {
    const vf v = n - i < W ? load_part(x + i, n - i, 0) : load(x + i);
    vf r = v / s;
    r = select_f(r > one, one, select_f(r < -one, -one, r));
    vi c = ((vi)absolute(r) >> 16) - splat_i(DESCENT_FIRST_CELL);
    c = c & (c > 0);
    c += (r < 0) & splat_i(DESCENT_CELLS);
    store(ratio + i, r);
    memcpy(cell + i, &c, sizeof c);
  }
  for (long i = 0; i < n; i++) {
    const uint8_t least = book->least[cell[i]];
    codes[i] = (uint8_t)(least + (ratio[i] > book->thresholds[least]));
  }
}

// Tapered codes of numbers of magnitudes up to `scale`. The shift and the offset that make a code are those of
// the segment where the bits of the magnitude lie. With phases a magnitude between two values becomes the
// upper one for a share of the turns that is its share of the way there; without, it becomes the nearer one. A
// value is left as it is: the low bits, where a quotient's rounding lies, are dropped first. What is never
// negative never becomes 0 unless it is.
#if VECTOR_BYTES == 64
// 32 codes at once, in 16 bits wherever these are enough. A table with an entry for each half octave below 1
// lies in two registers; no code needs more than the upper half of a number, but for its phase.
typedef struct { __m512i shifts[2], offsets[2]; } segments;
INLINE segments segments_of(const descent_codebook *book) {
  segments s;
  for (int k = 0; k < 2; k++) {
    s.shifts[k] = _mm512_loadu_si512(book->shifts + 2 * W * k);
    s.offsets[k] = _mm512_loadu_si512(book->offsets + 2 * W * k);
  }
  return s;
}
// The halves of 32 words that `first` and every second one after it are.
INLINE __m512i every_second(__m512i a, __m512i b, int first) {
  const __m512i even = _mm512_add_epi32(
      _mm512_mullo_epi32(
          _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
          _mm512_set1_epi32(0x00040004)),
      _mm512_set1_epi32(0x00020000));
  return _mm512_permutex2var_epi16(a, _mm512_add_epi16(even, _mm512_set1_epi16((short)first)), b);
}
INLINE __m512i tapered_codes(
    vf x0, vf x1, vf scale, const segments *s, const uint32_t *phases, uint32_t turn,
    bool is_signed) {
  const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi16(1);
  vi b0 = (vi)(x0 / scale), b1 = (vi)(x1 / scale);
  __m512i sign = zero;
  if (phases) {
    // The book has no signs.
    b0 = (__builtin_elementwise_min((vi)absolute((vf)b0), (vi)splat(1.0f)) + splat_i(4)) & splat_i(~7);
    b1 = (__builtin_elementwise_min((vi)absolute((vf)b1), (vi)splat(1.0f)) + splat_i(4)) & splat_i(~7);
  } else {
    b0 += splat_i(4);
    b1 += splat_i(4);
  }
  __m512i bits = every_second((__m512i)b0, (__m512i)b1, 1);
  if (!phases) {
    sign = _mm512_srai_epi16(bits, 15);
    bits = _mm512_and_si512(bits, _mm512_set1_epi16(0x7fff));
    bits = _mm512_min_epi16(bits, _mm512_set1_epi16(0x3f80));
  }
  const __m512i place = _mm512_max_epi16(
      _mm512_sub_epi16(_mm512_srli_epi16(bits, 6), _mm512_set1_epi16(DESCENT_FIRST_LINE)), zero);
  const __m512i shift = _mm512_permutex2var_epi16(s->shifts[0], place, s->shifts[1]);
  __m512i c;
  if (phases) {
    vu part0, part1;
    memcpy(&part0, phases, sizeof part0);
    memcpy(&part1, phases + W, sizeof part1);
    const vu s0 = (vu)_mm512_cvtepu16_epi32(_mm512_castsi512_si256(shift));
    const vu s1 = (vu)_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(shift, 1));
    const vu c0 = ((vu)b0 + ((part0 + turn) >> (32 - s0))) >> s0;
    const vu c1 = ((vu)b1 + ((part1 + turn) >> (32 - s1))) >> s1;
    c = every_second((__m512i)c0, (__m512i)c1, 0);
  } else {
    const __m512i twice = _mm512_srlv_epi16(bits, _mm512_sub_epi16(shift, _mm512_set1_epi16(17)));
    c = _mm512_srli_epi16(_mm512_add_epi16(twice, one), 1);
  }
  c = _mm512_add_epi16(c, _mm512_permutex2var_epi16(s->offsets[0], place, s->offsets[1]));
  c = _mm512_max_epi16(c, zero);
  if (is_signed)
    return _mm512_add_epi16(
        _mm512_set1_epi16(128), _mm512_sub_epi16(_mm512_xor_si512(c, sign), sign));
  const __mmask32 positive = _mm512_kunpackw(
      _mm512_cmp_ps_mask((__m512)x1, (__m512)splat(0), _CMP_GT_OQ),
      _mm512_cmp_ps_mask((__m512)x0, (__m512)splat(0), _CMP_GT_OQ));
  return _mm512_mask_max_epi16(c, positive, c, one);
}

INLINE void encode_tapered(
    long n, const float *x, float scale, const segments *s, const uint32_t *phases, uint32_t turn,
    bool is_signed, uint8_t *codes) {
  for (long i = 0; i < n; i += 2 * W) {
    const long r = n - i;
    const vf x0 = r >= W ? load(x + i) : load_part(x + i, r, 0);
    const vf x1 = r >= 2 * W ? load(x + i + W) : r > W ? load_part(x + i + W, r - W, 0) : splat(0);
    const __m256i bytes = _mm512_cvtepi16_epi8(
        tapered_codes(x0, x1, splat(scale), s, phases ? phases + i : NULL, turn, is_signed));
    if (r >= 2 * W)
      _mm256_storeu_si256((__m256i *)(codes + i), bytes);
    else
      memcpy(codes + i, &bytes, (size_t)r);
  }
}
#else
// By comparing with where each segment begins.
typedef struct {
  vi first[DESCENT_SEGMENTS];
  vi shift[DESCENT_SEGMENTS], offset[DESCENT_SEGMENTS];
#if VECTOR_BYTES == 32
  vi shifts, offsets;
#endif
} segments;
INLINE segments segments_of(const descent_codebook *book) {
  segments s;
  for (int k = 0; k < DESCENT_SEGMENTS; k++) {
    const bool exists = k < book->segment_count;
    const descent_segment segment = book->segments[exists ? k : 0];
    s.first[k] = splat_i(exists ? segment.first : INT32_MAX);
    s.shift[k] = splat_i(segment.shift);
    s.offset[k] = splat_i(segment.offset);
#if VECTOR_BYTES == 32
    s.shifts[k] = segment.shift;
    s.offsets[k] = segment.offset;
#endif
  }
  return s;
}
INLINE vi find(const segments *s, vi bits, vi *offset) {
#if VECTOR_BYTES == 32
  vi place = {};
  for (int k = 1; k < DESCENT_SEGMENTS; k++) place -= bits >= s->first[k];
  *offset = (vi)_mm256_permutevar8x32_epi32((__m256i)s->offsets, (__m256i)place);
  return (vi)_mm256_permutevar8x32_epi32((__m256i)s->shifts, (__m256i)place);
#else
  vi shift = s->shift[0];
  *offset = s->offset[0];
  for (int k = 1; k < DESCENT_SEGMENTS; k++) {
    const vi inside = bits >= s->first[k];
    shift = (inside & s->shift[k]) | (~inside & shift);
    *offset = (inside & s->offset[k]) | (~inside & *offset);
  }
  return shift;
#endif
}
INLINE vi tapered_codes(
    vf x, vf scale, const segments *s, const uint32_t *phases, uint32_t turn, bool is_signed) {
  vi bits = (vi)absolute(x / scale), offset;
  bits = (__builtin_elementwise_min(bits, (vi)splat(1.0f)) + splat_i(4)) & splat_i(~7);
  const vi shift = find(s, bits, &offset);
  vi up = splat_i(1) << (shift - splat_i(1));
  if (phases) {
    vu part;
    memcpy(&part, phases, sizeof part);
    up = (vi)((part + turn) >> (vu)(splat_i(32) - shift));
  }
  vi c = ((bits + up) >> shift) + offset;
  c &= c > 0;
  if (is_signed) return splat_i(128) + ((c ^ (x < 0)) - (x < 0));
  return __builtin_elementwise_max(c, (x > 0) & splat_i(1));
}

INLINE void encode_tapered(
    long n, const float *x, float scale, const segments *s, const uint32_t *phases, uint32_t turn,
    bool is_signed, uint8_t *codes) {
  typedef uint8_t vb __attribute__((vector_size(VECTOR_BYTES / sizeof(float))));
  for (long i = 0; i < n; i += W) {
    const long r = n - i < W ? n - i : W;
    const vf v = r == W ? load(x + i) : load_part(x + i, r, 0);
    const vi c =
        tapered_codes(v, splat(scale), s, phases ? phases + i : NULL, turn, is_signed);
    const vb bytes = __builtin_convertvector(c, vb);
    if (r == W)
      memcpy(codes + i, &bytes, sizeof bytes);
    else
      memcpy(codes + i, &bytes, (size_t)r);
  }
}
#endif

// bitsandbytes' CPU quantizer: the ratio cut to 65,536 steps.
static void encode_by_table(
    long n, const float *x, float scale, const uint8_t *table, uint8_t *codes) {
  const float inverse = 1 / scale;
  for (long i = 0; i < n; i++) {
    const float product = x[i] * inverse;
    const float ratio = product > 1 ? 1 : product < -1 ? -1 : product;
    // No fused multiply-add: the rounding is part of the definition.
    float step = (ratio + 1) * 0.5f;
    step *= 65535;
    codes[i] = table[(int32_t)(step + 0.5f)];
  }
}

static void encode_block(
    long n, const float *x, float scale, const descent_codebook *book, const segments *s, uint32_t turn,
    uint8_t *codes) {
  if (scale == 0)
    memset(codes, book->zero, (size_t)n);
  else if (scale != scale)
    memset(codes, 255, (size_t)n);
  else if (book->table)
    encode_by_table(n, x, scale, book->table, codes);
  else if (!book->segment_count)
    encode_nearest(n, x, scale, book, codes);
  else if (book->phases)
    encode_tapered(n, x, scale, s, book->phases, turn, false, codes);
  else if (book->is_signed)
    encode_tapered(n, x, scale, s, NULL, 0, true, codes);
  else
    encode_tapered(n, x, scale, s, NULL, 0, false, codes);
}

static void k_encode(
    long n, const float *x, const descent_codebook *book, uint32_t turn, float *scales,
    uint8_t *codes) {
  // All scales first: each is the end of a chain of operations for which the codes would wait.
  for (long i = 0; i < n; i += CODE_BLOCK) {
    const float largest = k_max_magnitude(n - i < CODE_BLOCK ? n - i : CODE_BLOCK, x + i);
    scales[i / CODE_BLOCK] = largest > 3.40282347e38f ? 3.40282347e38f : largest;
  }
  segments s;
  if (book->segment_count) s = segments_of(book);
  for (long i = 0; i < n; i += CODE_BLOCK, turn += DESCENT_BLOCK_TURN)
    encode_block(
        n - i < CODE_BLOCK ? n - i : CODE_BLOCK, x + i, scales[i / CODE_BLOCK], book, &s, turn,
        codes + i);
}

#if VECTOR_BYTES == 64
// Values of few digits, 16 bits each, lie in eight registers: 32 codes at once, without a read.
static void decode_halves(
    long n, const uint8_t *codes, float scale, const uint16_t *halves, float *y) {
  __m512i t[8];
  for (int k = 0; k < 8; k++) t[k] = _mm512_loadu_si512(halves + 32 * k);
  for (long i = 0; i < n; i += 2 * W) {
    const long r = n - i < 2 * W ? n - i : 2 * W;
    uint8_t part[2 * W];
    if (r < 2 * W) memcpy(part, codes + i, (size_t)r);
    const __m512i c =
        _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)(r == 2 * W ? codes + i : part)));
    const __mmask32 bit6 = _mm512_test_epi16_mask(c, _mm512_set1_epi16(64));
    const __mmask32 bit7 = _mm512_test_epi16_mask(c, _mm512_set1_epi16(128));
    __m512i quarters[4];
    for (int k = 0; k < 4; k++) quarters[k] = _mm512_permutex2var_epi16(t[2 * k], c, t[2 * k + 1]);
    const __m512i half = _mm512_mask_blend_epi16(
        bit7, _mm512_mask_blend_epi16(bit6, quarters[0], quarters[1]),
        _mm512_mask_blend_epi16(bit6, quarters[2], quarters[3]));
    const vf low = (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(half)), 16);
    const vf high =
        (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(half, 1)), 16);
    if (r == 2 * W) {
      store(y + i, low * splat(scale));
      store(y + i + W, high * splat(scale));
    } else {
      store_part(y + i, low * splat(scale), r < W ? r : W);
      if (r > W) store_part(y + i + W, high * splat(scale), r - W);
    }
  }
}
#endif

static void k_decode(
    long n, const uint8_t *codes, const float *scales, const descent_codebook *book, float *y) {
  const float *values = book->values;
  for (long i = 0; i < n; i += CODE_BLOCK) {
    const long count = n - i < CODE_BLOCK ? n - i : CODE_BLOCK;
    const float scale = scales[i / CODE_BLOCK];
    for (long j = 0; j < CODE_BLOCK; j += 64) ahead(codes + i + j + n);
#if VECTOR_BYTES == 64
    if (book->halves) {
      decode_halves(count, codes + i, scale, book->halves, y + i);
      continue;
    }
#endif
    for (long j = i; j < i + count; j++) y[j] = values[codes[j]] * scale;
  }
}
