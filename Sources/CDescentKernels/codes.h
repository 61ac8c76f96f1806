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

static void k_from_bfloat16(long n, const uint16_t *x, float *y) {
  for (long i = 0; i < n; i++) {
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

// How many vectors are coded at once, so that a segment is read for all of them.
enum { TAPERED = 4 };

// Tapered codes of numbers of magnitudes up to `scale`: a step up at the share
// `part` of the way from one value to the next. A value is left as it is: the low bits, where a
// quotient's rounding lies, are dropped first. What is never negative never becomes 0 unless it is.
INLINE void encode_tapered_vectors(
    const vf *v, float scale, const descent_codebook *book, const vu *part, vi *codes) {
  vi bits[TAPERED], c[TAPERED];
  for (int u = 0; u < TAPERED; u++) {
    bits[u] = (vi)absolute(v[u] / splat(scale));
    bits[u] = (__builtin_elementwise_min(bits[u], (vi)splat(1.0f)) + splat_i(4)) & splat_i(~7);
    c[u] = (vi){};
  }
  for (int32_t k = 0; k < book->segment_count; k++) {
    const descent_segment segment = book->segments[k];
    for (int u = 0; u < TAPERED; u++) {
      const vi up = part ? (vi)(part[u] >> (vu)splat_i(32 - segment.shift))
                         : splat_i(1 << (segment.shift - 1));
      const vi here = ((bits[u] + up) >> splat_i(segment.shift)) + splat_i(segment.offset);
      c[u] ^= (c[u] ^ here) & (bits[u] >= splat_i(segment.first));
    }
  }
  for (int u = 0; u < TAPERED; u++) {
    c[u] &= c[u] > 0;
    codes[u] = book->is_signed ? splat_i(128) + ((c[u] ^ (v[u] < 0)) - (v[u] < 0))
                               : c[u] | ((c[u] == 0) & (v[u] > 0) & splat_i(1));
  }
}

// With phases a magnitude between two values becomes the upper one for a share of the turns that is
// its share of the way there; without, it becomes the nearer one.
static void encode_tapered(
    long n, const float *x, float scale, const descent_codebook *book, uint32_t turn,
    uint8_t *codes) {
  typedef uint8_t vb __attribute__((vector_size(VECTOR_BYTES / sizeof(float))));
  vf v[TAPERED];
  vu part[TAPERED];
  vi c[TAPERED];
  for (long i = 0; i < n; i += TAPERED * W) {
    for (int u = 0; u < TAPERED; u++) {
      const long at = i + u * W;
      v[u] = n - at >= W ? load(x + at) : n > at ? load_part(x + at, n - at, 0) : splat(0);
      if (book->phases) {
        memcpy(part + u, book->phases + at, sizeof *part);
        part[u] += turn;
      }
    }
    if (book->phases)
      encode_tapered_vectors(v, scale, book, part, c);
    else
      encode_tapered_vectors(v, scale, book, NULL, c);
    for (int u = 0; u < TAPERED && n > i + u * W; u++) {
      const vb bytes = __builtin_convertvector(c[u], vb);
      memcpy(codes + i + u * W, &bytes, (size_t)(n - i - u * W < W ? n - i - u * W : W));
    }
  }
}

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

static void k_encode(
    long n, const float *x, const descent_codebook *book, uint32_t turn, float *scales,
    uint8_t *codes) {
  for (long i = 0; i < n; i += CODE_BLOCK, turn += DESCENT_BLOCK_TURN) {
    const long count = n - i < CODE_BLOCK ? n - i : CODE_BLOCK;
    float scale = k_max_magnitude(count, x + i);
    if (scale > 3.40282347e38f) scale = 3.40282347e38f;
    scales[i / CODE_BLOCK] = scale;
    if (scale == 0)
      memset(codes + i, book->zero, (size_t)count);
    else if (scale != scale)
      memset(codes + i, 255, (size_t)count);
    else if (book->segment_count)
      encode_tapered(count, x + i, scale, book, turn, codes + i);
    else if (book->table)
      encode_by_table(count, x + i, scale, book->table, codes + i);
    else
      encode_nearest(count, x + i, scale, book, codes + i);
  }
}

static void k_decode(
    long n, const uint8_t *codes, const float *scales, const descent_codebook *book, float *y) {
  const float *values = book->values;
  for (long i = 0; i < n; i += CODE_BLOCK) {
    const long count = n - i < CODE_BLOCK ? n - i : CODE_BLOCK;
    const float scale = scales[i / CODE_BLOCK];
    for (long j = i; j < i + count; j++) y[j] = values[codes[j]] * scale;
  }
}
