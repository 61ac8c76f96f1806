// Philox 4x32-10 in W lanes, and dropout by its words.

// The words of W blocks, c[0..3] of each lane, in place of their counters.
INLINE void philox_v(vu c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    const vl a = __builtin_convertvector(c[0], vl) * 0xD2511F53u;
    const vl b = __builtin_convertvector(c[2], vl) * 0xCD9E8D57u;
    c[0] = __builtin_convertvector(b >> 32, vu) ^ c[1] ^ k0;
    c[1] = __builtin_convertvector(b, vu);
    c[2] = __builtin_convertvector(a >> 32, vu) ^ c[3] ^ k1;
    c[3] = __builtin_convertvector(a, vu);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// The words of blocks `first` to `first` + W − 1 of a stream, in order.
INLINE void random_words(uint64_t first, uint64_t seed, uint64_t stream, uint32_t *words) {
  vu c[4];
  for (long l = 0; l < W; l++) {
    c[0][l] = (uint32_t)(first + (uint64_t)l);
    c[1][l] = (uint32_t)((first + (uint64_t)l) >> 32);
  }
  c[2] = (vu){} + (uint32_t)stream;
  c[3] = (vu){} + (uint32_t)(stream >> 32);
  philox_v(c, (uint32_t)seed, (uint32_t)(seed >> 32));
  // Words of a lane become neighbours, four lanes at a time.
  const v4u *rows[4] = {(v4u *)c, (v4u *)(c + 1), (v4u *)(c + 2), (v4u *)(c + 3)};
  for (long q = 0; q < W / 4; q++) {
    const v4u x = rows[0][q], y = rows[1][q], z = rows[2][q], w = rows[3][q];
    const v4u xy0 = __builtin_shufflevector(x, y, 0, 4, 1, 5);
    const v4u xy1 = __builtin_shufflevector(x, y, 2, 6, 3, 7);
    const v4u zw0 = __builtin_shufflevector(z, w, 0, 4, 1, 5);
    const v4u zw1 = __builtin_shufflevector(z, w, 2, 6, 3, 7);
    const v4u lanes[4] = {
        __builtin_shufflevector(xy0, zw0, 0, 1, 4, 5), __builtin_shufflevector(xy0, zw0, 2, 3, 6, 7),
        __builtin_shufflevector(xy1, zw1, 0, 1, 4, 5), __builtin_shufflevector(xy1, zw1, 2, 3, 6, 7)};
    memcpy(words + 16 * q, lanes, sizeof lanes);
  }
}

static void k_dropout(
    long n, uint64_t start, uint64_t seed, uint64_t stream, uint32_t threshold, float scale,
    const float *x, float *y) {
  uint32_t words[4 * W];
  long i = 0;
  while (i < n) {
    const uint64_t place = start + (uint64_t)i;
    const long skipped = (long)(place % 4), room = 4 * W - skipped;
    const long count = n - i < room ? n - i : room;
    random_words(place / 4, seed, stream, words);
    const uint32_t *word = words + skipped;
    long j = 0;
    for (; j + W <= count; j += W) {
      vu u;
      memcpy(&u, word + j, sizeof u);
      const vf kept = splat(scale) * load(x + i + j);
      store(y + i + j, select_f((vi)(u < threshold), splat(0.0f), kept));
    }
    for (; j < count; j++) y[i + j] = word[j] < threshold ? 0 : scale * x[i + j];
    i += count;
  }
}
