// Codes of tapered books, made and read without a search or a table in memory.

// Tapered codes of numbers times the inverse of the largest magnitude. The shift and the offset that make a code
// are those of the segment where the bits of the magnitude lie. A magnitude between two values becomes the nearer
// one, or in a book that alternates the upper one for a share of the turns that is its share of the way there.
// What is never negative never becomes 0 unless it is.
//
// Books that alternate compute in 16 bits, too: the place above the least value, in units of 2⁻¹¹ of an octave,
// cut off after a number has been added that is any of such a unit (`fine`), so that the mean is exact. Of a code
// as many of these bits are a fraction as its octave has not for its steps; the fraction is compared with
// `coarse`. A value is left as it is: `fine` begins and ends beyond what a product's rounding may do.
enum { FINE = 12 };  // bits below such a unit
typedef struct {
  const int32_t *fine;
  uint16_t coarse;
} phases;
INLINE phases phases_of(const descent_codebook *book, uint32_t turn) {
  // What a fraction must exceed falls by the golden ratio from step to step: rising, it would let averages that
  // decay lag behind.
  return (phases){book->fine + (turn >> 8 & 255), (uint16_t)-(turn >> 16)};
}
#if VECTOR_BYTES == 64
// 32 codes at once, in 16 bits wherever these are enough. A table with an entry for each half octave below 1
// lies in two registers; no nearest code needs more than the upper half of a number.
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
INLINE __m512i nearest_codes(vf x0, vf x1, vf inverse, const segments *s, bool is_signed) {
  const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi16(1);
  __m512i bits = every_second((__m512i)(x0 * inverse), (__m512i)(x1 * inverse), 1);
  const __m512i sign = _mm512_srai_epi16(bits, 15);
  bits = _mm512_and_si512(bits, _mm512_set1_epi16(0x7fff));
  bits = _mm512_min_epi16(bits, _mm512_set1_epi16(0x3f80));
  const __m512i place = _mm512_max_epi16(
      _mm512_sub_epi16(_mm512_srli_epi16(bits, 6), _mm512_set1_epi16(DESCENT_FIRST_LINE)), zero);
  const __m512i shift = _mm512_permutex2var_epi16(s->shifts[0], place, s->shifts[1]);
  const __m512i twice = _mm512_srlv_epi16(bits, _mm512_sub_epi16(shift, _mm512_set1_epi16(17)));
  __m512i c = _mm512_srli_epi16(_mm512_add_epi16(twice, one), 1);
  c = _mm512_add_epi16(c, _mm512_permutex2var_epi16(s->offsets[0], place, s->offsets[1]));
  c = _mm512_max_epi16(c, zero);
  if (is_signed)
    return _mm512_add_epi16(
        _mm512_set1_epi16(128), _mm512_sub_epi16(_mm512_xor_si512(c, sign), sign));
  const __mmask32 positive = _mm512_kunpackw(
      _mm512_cmp_ps_mask((__m512)x1, (__m512)splat(0), _CMP_GT_OQ),
      _mm512_cmp_ps_mask((__m512)x0, (__m512)splat(0), _CMP_GT_OQ));
  return _mm512_maskz_max_epi16(positive, c, one);
}

typedef struct { __m512i factors, offsets; } octaves;
INLINE octaves octaves_of(const descent_codebook *book) {
  const __m256i *factors = (const __m256i *)book->octave_factors;
  const __m256i *offsets = (const __m256i *)book->octave_offsets;
  return (octaves){
      _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm256_loadu_si256(factors)), 4),
      _mm512_cvtepu8_epi16(_mm256_loadu_si256(offsets))};
}
INLINE __m512i alternating_codes(
    vf x0, vf x1, vf inverse, const octaves *o, phases p, long i, const uint16_t *coarse) {
  // Too small or too large is cut off. Packing takes four numbers of each vector in turn.
  const __m512i order = _mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0);
  const __m512i h = _mm512_permutexvar_epi64(
      order,
      _mm512_packus_epi32(
          _mm512_srai_epi32(
              _mm512_add_epi32((__m512i)(x0 * inverse), _mm512_loadu_si512(p.fine + i)), FINE),
          _mm512_srai_epi32(
              _mm512_add_epi32((__m512i)(x1 * inverse), _mm512_loadu_si512(p.fine + i + W)), FINE)));
  const __m512i octave = _mm512_srli_epi16(h, 11);
  const __m512i factor = _mm512_permutexvar_epi16(octave, o->factors);
  const __m512i fraction = _mm512_mullo_epi16(h, factor);
  const __m512i limit =
      _mm512_add_epi16(_mm512_loadu_si512(coarse + i), _mm512_set1_epi16((short)p.coarse));
  const __mmask32 up = _mm512_cmpgt_epu16_mask(fraction, limit);
  __m512i c = _mm512_add_epi16(
      _mm512_mulhi_epu16(h, factor), _mm512_permutexvar_epi16(octave, o->offsets));
  c = _mm512_mask_add_epi16(c, up, c, _mm512_set1_epi16(1));
  const __mmask32 positive = _mm512_kunpackw(
      _mm512_cmp_ps_mask((__m512)x1, (__m512)splat(0), _CMP_GT_OQ),
      _mm512_cmp_ps_mask((__m512)x0, (__m512)splat(0), _CMP_GT_OQ));
  return _mm512_maskz_mov_epi16(positive, c);
}

INLINE void encode_tapered(
    long n, const float *x, float inverse, const descent_codebook *book, const segments *s,
    uint32_t turn, bool alternates, bool is_signed, uint8_t *codes) {
  octaves o;
  phases p;
  if (alternates) {
    o = octaves_of(book);
    p = phases_of(book, turn);
  }
  for (long i = 0; i < n; i += 2 * W) {
    const long r = n - i;
    const vf x0 = r >= W ? load(x + i) : load_part(x + i, r, 0);
    const vf x1 = r >= 2 * W ? load(x + i + W) : r > W ? load_part(x + i + W, r - W, 0) : splat(0);
    const __m256i bytes = _mm512_cvtepi16_epi8(
        alternates ? alternating_codes(x0, x1, splat(inverse), &o, p, i, book->coarse)
                   : nearest_codes(x0, x1, splat(inverse), s, is_signed));
    if (r >= 2 * W)
      _mm256_storeu_si256((__m256i *)(codes + i), bytes);
    else
      memcpy(codes + i, &bytes, (size_t)r);
  }
}
#elif VECTOR_BYTES == 32
// 64 codes at once, two times 32, since constants are read once for both. Four vectors of 8 numbers become two of
// 16 bits in each lane of 32, then four bytes, so that only the last step needs a shuffle. Segments begin with
// half octaves: the bits of a float above these, a byte, are compared with where each segment begins, and what
// is done there stands in tables of bytes.
typedef int8_t vb __attribute__((vector_size(32)));
typedef uint16_t vw __attribute__((vector_size(32)));

INLINE vb splat_b(int x) { return (vb){} + (int8_t)x; }
INLINE vw splat_w(int x) { return (vw){} + (uint16_t)x; }
INLINE vb table_of(const int8_t *bytes) {
  return (vb)_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes));
}
INLINE vb look_up(vb table, vb places) {
  return (vb)_mm256_shuffle_epi8((__m256i)table, (__m256i)places);
}
// Of the bytes of two vectors, how many of some limits each is above.
INLINE void places_in(const vb *below, int count, const vb *x, vb *places) {
  places[0] = places[1] = (vb){};
  for (int k = 0; k < count; k++) {
    const vb limit = below[k];
    for (int j = 0; j < 2; j++) places[j] -= x[j] > limit;
  }
}
// The upper halves of a and of b, side by side in each lane.
INLINE vw upper_halves(vi a, vi b) {
  return (vw)_mm256_blend_epi16((__m256i)((vu)a >> 16), (__m256i)b, 0xaa);
}
INLINE vb bytes_of(vw a, vw b) { return (vb)((a & splat_w(0xff)) | (b << 8)); }
// From lanes with a byte of each of four vectors to bytes in order, and back.
INLINE __m256i in_order(vb lanes) {
  const __m256i quarters = _mm256_shuffle_epi8(
      (__m256i)lanes,
      _mm256_broadcastsi128_si256(
          _mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)));
  return _mm256_permutevar8x32_epi32(quarters, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
INLINE vb in_lanes(__m256i ordered) {
  const __m256i quarters =
      _mm256_permutevar8x32_epi32(ordered, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
  return (vb)_mm256_shuffle_epi8(
      quarters,
      _mm256_broadcastsi128_si256(
          _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15)));
}

typedef struct {
  vb below[DESCENT_SEGMENTS];  // the half octave below the one that begins each segment but the first
  vb factors, offsets;
  int32_t least;  // the bits of the least magnitude that has the least code, or the first that is not 0
} segments;
INLINE segments segments_of(const descent_codebook *book) {
  segments s;
  int8_t factors[16] = {}, offsets[16] = {};
  for (int k = 0; k < DESCENT_SEGMENTS; k++) {
    // As bytes with a sign half octaves are negative, and keep their order.
    const bool begins = k + 1 < book->segment_count;
    s.below[k] = splat_b(begins ? (int8_t)(book->segments[k + 1].first >> 22) - 1 : INT8_MAX);
    if (k >= book->segment_count) continue;
    factors[k] = (int8_t)(1 << (23 - book->segments[k].shift));
    offsets[k] = (int8_t)book->segments[k].offset;
  }
  s.factors = table_of(factors);
  s.offsets = table_of(offsets);
  s.least = ((book->is_signed ? 0 : 1) - book->segments[0].offset) << book->segments[0].shift;
  return s;
}
INLINE vi ratio_bits(const float *x, vf inverse) { return (vi)(load(x) * inverse); }
// 255, or the bits of a number that is next to nothing, where x > 0, else 0. Packing takes four numbers of each
// vector in turn.
INLINE __m256i positives(const float *x) {
  __m256i b[4];
  for (int k = 0; k < 4; k++) b[k] = _mm256_loadu_si256((const __m256i *)(x + W * k));
  return _mm256_packus_epi16(_mm256_packs_epi32(b[0], b[1]), _mm256_packs_epi32(b[2], b[3]));
}
INLINE __m256i unpacked(__m256i packed) {
  return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
// To the nearest value, in 16 bits.
INLINE void nearest_codes(
    const float *x, vf inverse, const segments *s, bool is_signed, __m256i *codes) {
  vw h[2][2], m[2][2];
  vb half_octaves[2], places[2];
  for (int j = 0; j < 2; j++) {
    for (int k = 0; k < 2; k++) {
      const float *from = x + 2 * W * (2 * j + k);
      h[j][k] = upper_halves(ratio_bits(from, inverse), ratio_bits(from + W, inverse));
      m[j][k] = is_signed ? h[j][k] & splat_w(0x7fff) : h[j][k];
      const __m256i least = _mm256_set1_epi16((short)(s->least >> 16));
      m[j][k] = (vw)_mm256_min_epi16(
          _mm256_max_epi16((__m256i)m[j][k], least), _mm256_set1_epi16(0x3f80));
    }
    half_octaves[j] = (vb)((m[j][0] >> 6) | ((m[j][1] << 2) & splat_w(0xff00)));
  }
  places_in(s->below, DESCENT_SEGMENTS - 1, half_octaves, places);
  for (int j = 0; j < 2; j++) {
    const vw factor = (vw)look_up(s->factors, places[j]);
    const vw q0 = (vw)_mm256_mulhrs_epi16((__m256i)m[j][0], (__m256i)(factor << 8));
    const vw q1 = (vw)_mm256_mulhrs_epi16((__m256i)m[j][1], (__m256i)(factor & splat_w(0xff00)));
    vb c = bytes_of(q0, q1) + look_up(s->offsets, places[j]);
    if (is_signed) {
      const vw signs = (h[j][0] >> 8) | (h[j][1] & splat_w(0xff00));
      c = (vb)_mm256_sign_epi8((__m256i)c, (__m256i)signs) ^ splat_b(-128);
    }
    codes[j] = in_order(c);
    if (!is_signed) codes[j] = _mm256_min_epu8(codes[j], unpacked(positives(x + 4 * W * j)));
  }
}

typedef struct { vb factors[2], offsets[2]; } octaves;
INLINE octaves octaves_of(const descent_codebook *book) {
  const int8_t *factors = (const int8_t *)book->octave_factors;
  const int8_t *offsets = (const int8_t *)book->octave_offsets;
  return (octaves){
      {table_of(factors), table_of(factors + 16)}, {table_of(offsets), table_of(offsets + 16)}};
}
INLINE void alternating_codes(
    const float *x, vf inverse, const octaves *o, phases p, const uint16_t *coarse, __m256i *codes) {
  __m256i h[2][2], octave[2], upper[2], factor[2], offset[2];
  for (int j = 0; j < 2; j++) {
    __m256i b[4];
    for (int k = 0; k < 4; k++) {
      const long i = W * (4 * j + k);
      b[k] = _mm256_srai_epi32(
          _mm256_add_epi32(
              (__m256i)ratio_bits(x + i, inverse),
              _mm256_loadu_si256((const __m256i *)(p.fine + i))),
          FINE);
    }
    // Too small or too large is cut off.
    for (int k = 0; k < 2; k++) h[j][k] = _mm256_packus_epi32(b[2 * k], b[2 * k + 1]);
    octave[j] =
        _mm256_packus_epi16(_mm256_srli_epi16(h[j][0], 11), _mm256_srli_epi16(h[j][1], 11));
    upper[j] = _mm256_slli_epi16(octave[j], 3);
  }
  for (int j = 0; j < 2; j++) {
    factor[j] = _mm256_blendv_epi8(
        (__m256i)look_up(o->factors[0], (vb)octave[j]),
        (__m256i)look_up(o->factors[1], (vb)octave[j]), upper[j]);
    offset[j] = _mm256_blendv_epi8(
        (__m256i)look_up(o->offsets[0], (vb)octave[j]),
        (__m256i)look_up(o->offsets[1], (vb)octave[j]), upper[j]);
  }
  const __m256i zero = _mm256_setzero_si256();
  for (int j = 0; j < 2; j++) {
    __m256i c[2] = {_mm256_unpacklo_epi8(factor[j], zero), _mm256_unpackhi_epi8(factor[j], zero)};
    for (int k = 0; k < 2; k++) {
      const __m256i f = _mm256_slli_epi16(c[k], 4);
      const __m256i limit = _mm256_add_epi16(
          _mm256_permute4x64_epi64(
              _mm256_loadu_si256((const __m256i *)(coarse + 2 * W * (2 * j + k))), 0xd8),
          _mm256_set1_epi16((short)(p.coarse ^ 0x8000)));
      const __m256i fraction =
          _mm256_xor_si256(_mm256_mullo_epi16(h[j][k], f), _mm256_set1_epi16((short)0x8000));
      c[k] = _mm256_sub_epi16(_mm256_mulhi_epu16(h[j][k], f), _mm256_cmpgt_epi16(fraction, limit));
      c[k] = _mm256_and_si256(c[k], _mm256_set1_epi16(0xff));
    }
    const __m256i made = _mm256_add_epi8(_mm256_packus_epi16(c[0], c[1]), offset[j]);
    codes[j] = unpacked(_mm256_min_epu8(made, positives(x + 4 * W * j)));
  }
}

INLINE void encode_tapered(
    long n, const float *x, float inverse, const descent_codebook *book, const segments *s,
    uint32_t turn, bool alternates, bool is_signed, uint8_t *codes) {
  octaves o;
  phases p;
  if (alternates) {
    o = octaves_of(book);
    p = phases_of(book, turn);
  }
  float rest[8 * W];
  for (long i = 0; i < n; i += 8 * W) {
    const long r = n - i;
    const float *from = x + i;
    if (__builtin_expect(r < 8 * W, 0)) {
      memset(rest, 0, sizeof rest);
      memcpy(rest, from, (size_t)r * sizeof(float));
      from = rest;
    }
    __m256i bytes[2];
    if (alternates)
      alternating_codes(from, splat(inverse), &o, p, book->coarse + i, bytes);
    else
      nearest_codes(from, splat(inverse), s, is_signed, bytes);
    if (alternates) p.fine += 8 * W;
    if (__builtin_expect(r >= 8 * W, 1)) {
      _mm256_storeu_si256((__m256i *)(codes + i), bytes[0]);
      _mm256_storeu_si256((__m256i *)(codes + i + 4 * W), bytes[1]);
    } else {
      memcpy(codes + i, bytes, (size_t)r);
    }
  }
}
#else
// By comparing with where each segment begins.
typedef struct {
  vi first[DESCENT_SEGMENTS];
  vi shift[DESCENT_SEGMENTS], offset[DESCENT_SEGMENTS];
} segments;
INLINE segments segments_of(const descent_codebook *book) {
  segments s;
  for (int k = 0; k < DESCENT_SEGMENTS; k++) {
    const bool exists = k < book->segment_count;
    const descent_segment segment = book->segments[exists ? k : 0];
    s.first[k] = splat_i(exists ? segment.first : INT32_MAX);
    s.shift[k] = splat_i(segment.shift);
    s.offset[k] = splat_i(segment.offset);
  }
  return s;
}
INLINE vi find(const segments *s, vi bits, vi *offset) {
  vi shift = s->shift[0];
  *offset = s->offset[0];
  for (int k = 1; k < DESCENT_SEGMENTS; k++) {
    const vi inside = bits >= s->first[k];
    shift = (inside & s->shift[k]) | (~inside & shift);
    *offset = (inside & s->offset[k]) | (~inside & *offset);
  }
  return shift;
}
INLINE vi nearest_codes(vf x, vf inverse, const segments *s, bool is_signed) {
  vi bits = __builtin_elementwise_min((vi)absolute(x * inverse), (vi)splat(1.0f)), offset;
  const vi shift = find(s, bits, &offset);
  vi c = ((bits + (splat_i(1) << (shift - splat_i(1)))) >> shift) + offset;
  c &= c > 0;
  if (is_signed) return splat_i(128) + ((c ^ (x < 0)) - (x < 0));
  return __builtin_elementwise_max(c, splat_i(1)) & (x > 0);
}
INLINE vi alternating_codes(
    vf x, vf inverse, const segments *s, phases p, long i, const uint16_t *coarse, int32_t least) {
  vi fine, offset;
  vh limit;
  memcpy(&fine, p.fine + i, sizeof fine);
  memcpy(&limit, coarse + i, sizeof limit);
  vi h = ((vi)(x * inverse) + fine) >> FINE;
  h = __builtin_elementwise_min(__builtin_elementwise_max(h, splat_i(0)), splat_i(0xffff));
  const vi shift = find(s, (h << FINE) + splat_i(least), &offset);
  const vi fraction = (h << (splat_i(16 + FINE) - shift)) & splat_i(0xffff);
  const vi up = fraction > __builtin_convertvector(limit + p.coarse, vi);
  return (((h << FINE) + splat_i(least)) >> shift) + offset - up;
}

INLINE void encode_tapered(
    long n, const float *x, float inverse, const descent_codebook *book, const segments *s,
    uint32_t turn, bool alternates, bool is_signed, uint8_t *codes) {
  typedef uint8_t vb __attribute__((vector_size(VECTOR_BYTES / sizeof(float))));
  phases p;
  if (alternates) p = phases_of(book, turn);
  const int32_t least = (1 - book->segments[0].offset) << book->segments[0].shift;
  for (long i = 0; i < n; i += W) {
    const long r = n - i < W ? n - i : W;
    const vf v = r == W ? load(x + i) : load_part(x + i, r, 0);
    const vi c = alternates
        ? alternating_codes(v, splat(inverse), s, p, i, book->coarse, least) & (v > 0)
        : nearest_codes(v, splat(inverse), s, is_signed);
    const vb bytes = __builtin_convertvector(c, vb);
    if (r == W)
      memcpy(codes + i, &bytes, sizeof bytes);
    else
      memcpy(codes + i, &bytes, (size_t)r);
  }
}
#endif

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

#if VECTOR_BYTES == 32
// The way back: a value's upper half is that of its segment's first value, and a step for each code beyond.
typedef struct {
  vb below[DESCENT_SEGMENTS];  // the code below the first one of each segment
  vb first, steps, half_octaves;
} segment_values;
INLINE segment_values segment_values_of(const descent_codebook *book) {
  segment_values s;
  int8_t first[16] = {}, steps[16] = {}, half_octaves[16] = {};
  for (int k = 0; k < DESCENT_SEGMENTS; k++) {
    // Codes of numbers without a sign keep their order as bytes with one once the upper bit is turned.
    const int turned = book->is_signed ? 0 : 128;
    s.below[k] = splat_b(INT8_MAX);
    if (k >= book->segment_count) continue;
    const descent_segment segment = book->segments[k];
    // The first value that is not 0 begins the first segment. A place before it is that of 0.
    const int32_t bits = k == 0 ? (1 - segment.offset) << segment.shift : segment.first;
    const int code = (bits >> segment.shift) + segment.offset;
    s.below[k] = splat_b(code - 1 - turned);
    first[k + 1] = (int8_t)code;
    steps[k + 1] = (int8_t)(1 << (segment.shift - 16));
    half_octaves[k + 1] = (int8_t)(bits >> 22);
  }
  s.first = table_of(first);
  s.steps = table_of(steps);
  s.half_octaves = table_of(half_octaves);
  return s;
}
INLINE void decode_64(
    const uint8_t *codes, vf scale, const segment_values *s, bool is_signed, float *y) {
  vb turned[2], c[2], t[2], places[2];
  for (int j = 0; j < 2; j++) {
    c[j] = in_lanes(_mm256_loadu_si256((const __m256i *)(codes + 32 * j)));
    turned[j] = c[j] ^ splat_b(-128);
    if (is_signed)
      c[j] = (vb)_mm256_min_epu8(_mm256_abs_epi8((__m256i)turned[j]), _mm256_set1_epi8(127));
    t[j] = is_signed ? c[j] : turned[j];
  }
  places_in(s->below, DESCENT_SEGMENTS, t, places);
  const vw low = splat_w(0xff), high = splat_w(0xff00);
  const vu upper = (vu){} + 0xffff0000u;
  for (int j = 0; j < 2; j++) {
    const vw beyond = (vw)(c[j] - look_up(s->first, places[j]));
    const vw step = (vw)look_up(s->steps, places[j]);
    const vw begin = (vw)look_up(s->half_octaves, places[j]);
    vw a = (beyond & low) * (step & low) + ((begin & low) << 6);
    vw b = (beyond >> 8) * (step >> 8) + ((begin & high) >> 2);
    if (is_signed) {
      a |= ((vw)turned[j] << 8) & splat_w(0x8000);
      b |= (vw)turned[j] & splat_w(0x8000);
    }
    float *to = y + 4 * W * j;
    store(to, (vf)((vu)a << 16) * scale);
    store(to + W, (vf)((vu)a & upper) * scale);
    store(to + 2 * W, (vf)((vu)b << 16) * scale);
    store(to + 3 * W, (vf)((vu)b & upper) * scale);
  }
}
INLINE void decode_tapered(
    long n, const uint8_t *codes, float scale, const segment_values *s, bool is_signed, float *y) {
  long i = 0;
  for (; i + 8 * W <= n; i += 8 * W) decode_64(codes + i, splat(scale), s, is_signed, y + i);
  if (i == n) return;
  uint8_t part[8 * W] = {};
  float values[8 * W];
  memcpy(part, codes + i, (size_t)(n - i));
  decode_64(part, splat(scale), s, is_signed, values);
  memcpy(y + i, values, (size_t)(n - i) * sizeof(float));
}
#endif
