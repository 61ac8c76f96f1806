// Optimizer state as 8-bit codes of a sorted list of 256 values, with one scale for each CODE_BLOCK elements.

enum { CODE_BLOCK = DESCENT_CODE_BLOCK };

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

// What the largest magnitude is so small or so large for that its inverse has lost digits or is none.
static const float *by_division(long n, const float *x, float scale, float *ratios) {
  for (long i = 0; i < n; i++) {
    const float r = x[i] / scale;
    ratios[i] = r > 1 ? 1 : r < -1 ? -1 : x[i] > 0 && r == 0 ? 0x1p-149f : r;
  }
  return ratios;
}
static void encode_block(
    long n, const float *x, float scale, const descent_codebook *book, const segments *s, uint32_t turn,
    uint8_t *codes) {
  float ratios[CODE_BLOCK];
  float inverse = 1;
  if (book->segment_count && scale == scale && scale != 0) {
    if (scale < 0x1p-100f || scale > 0x1p100f)
      x = by_division(n, x, scale, ratios);
    else
      inverse = 1 / scale;
  }
  if (scale == 0)
    memset(codes, book->zero, (size_t)n);
  else if (scale != scale)
    memset(codes, 255, (size_t)n);
  else if (book->table)
    encode_by_table(n, x, scale, book->table, codes);
  else if (!book->segment_count)
    encode_nearest(n, x, scale, book, codes);
  else if (book->fine)
    encode_tapered(n, x, inverse, book, s, turn, true, false, codes);
  else if (book->is_signed)
    encode_tapered(n, x, inverse, book, s, 0, false, true, codes);
  else
    encode_tapered(n, x, inverse, book, s, 0, false, false, codes);
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

static void k_decode(
    long n, const uint8_t *codes, const float *scales, const descent_codebook *book, float *y) {
  const float *values = book->values;
#if VECTOR_BYTES == 32
  segment_values s;
  if (book->segment_count) s = segment_values_of(book);
#endif
  for (long i = 0; i < n; i += CODE_BLOCK) {
    const long count = n - i < CODE_BLOCK ? n - i : CODE_BLOCK;
    const float scale = scales[i / CODE_BLOCK];
    for (long j = 0; j < CODE_BLOCK; j += 64) ahead(codes + i + j + n);
#if VECTOR_BYTES == 64
    if (book->halves) {
      decode_halves(count, codes + i, scale, book->halves, y + i);
      continue;
    }
#elif VECTOR_BYTES == 32
    if (book->segment_count) {
      if (book->is_signed)
        decode_tapered(count, codes + i, scale, &s, true, y + i);
      else
        decode_tapered(count, codes + i, scale, &s, false, y + i);
      continue;
    }
#endif
    for (long j = i; j < i + count; j++) y[j] = values[codes[j]] * scale;
  }
}
