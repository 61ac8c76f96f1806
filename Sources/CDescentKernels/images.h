// Loops over images: their frames of zeros, one row of a channel in batch normalization, with ReLU where that
// follows, and the largest of two by two pixels.

static void k_frame(
    long planes, long height, long width, long above, long beside, const float *x, float *y) {
  const long edge = above * (width + 2 * beside) + beside;
  for (long plane = 0; plane < planes; plane++) {
    memset(y, 0, (size_t)edge * sizeof *y);
    y += edge;
    for (long i = 0; i < height; i++) {
      copy_row(y, x, width);
      x += width;
      y += width;
      if (i + 1 == height) break;
      if (beside == 1)  // for which a call of memset would take longer
        y[0] = y[1] = 0;
      else
        memset(y, 0, (size_t)beside * 2 * sizeof *y);
      y += 2 * beside;
    }
    memset(y, 0, (size_t)edge * sizeof *y);
    y += edge;
  }
}

// The normalized value. The derivative computes it again to see what ReLU let through: the same expression, so the
// same bits.
INLINE vf channel_value(vf x, vf mean, vf scale, vf shift) { return (x - mean) * scale + shift; }

static float k_channel_squares(long n, float mean, const float *x) {
  const vf m = splat(mean);
#define FULL(i) ({ const vf d = load(x + (i)) - m; d * d; })
#define PART(i, r) ({ const vf d = load_part(x + (i), r, mean) - m; d * d; })
  return ROW_SUM(n, FULL, PART);
#undef FULL
#undef PART
}

static void k_channel_norm(
    long n, const descent_channel *a, bool rectifies, const float *x, float *y) {
  const vf mean = splat(a->mean), scale = splat(a->scale), shift = splat(a->shift);
  for (long i = 0; i < n; i += W) {
    const long r = n - i;
    vf v = channel_value(r < W ? load_part(x + i, r, 0) : load(x + i), mean, scale, shift);
    if (rectifies) v = select_f(v < 0, splat(0), v);
    if (r < W)
      store_part(y + i, v, r);
    else
      store(y + i, v);
  }
}

// What of dy comes through ReLU.
INLINE vf channel_slope(vf x, vf dy, vf mean, vf scale, vf shift, bool rectifies) {
  return rectifies ? select_f(channel_value(x, mean, scale, shift) > 0, dy, splat(0)) : dy;
}

static descent_sums k_channel_sums(
    long n, const descent_channel *a, bool rectifies, const float *x, const float *dy) {
  const vf mean = splat(a->mean), scale = splat(a->scale), shift = splat(a->shift);
  vf first0 = {}, first1 = {}, second0 = {}, second1 = {};
  long i = 0;
#define ADD(first, second, loaded_x, loaded_dy)                                            \
  do {                                                                                     \
    const vf xi = loaded_x, di = channel_slope(xi, loaded_dy, mean, scale, shift, rectifies); \
    first += di;                                                                           \
    second += di * (xi - mean);                                                            \
  } while (0)
  for (; i + 2 * W <= n; i += 2 * W) {
    ADD(first0, second0, load(x + i), load(dy + i));
    ADD(first1, second1, load(x + i + W), load(dy + i + W));
  }
  for (; i + W <= n; i += W) ADD(first0, second0, load(x + i), load(dy + i));
  if (i < n) ADD(first1, second1, load_part(x + i, n - i, 0), load_part(dy + i, n - i, 0));
#undef ADD
  return (descent_sums){add_lanes(first0 + first1), add_lanes(second0 + second1)};
}

static void k_channel_backward(
    long n, const descent_channel *a, bool rectifies, const float *x, const float *dy, bool adds, float *dx) {
  const vf mean = splat(a->mean), scale = splat(a->scale), shift = splat(a->shift);
  const vf factor = splat(a->factor), drift = splat(a->drift), slope = splat(a->slope);
  for (long i = 0; i < n; i += W) {
    const long r = n - i;
    const vf xi = r < W ? load_part(x + i, r, 0) : load(x + i);
    const vf di = channel_slope(
        xi, r < W ? load_part(dy + i, r, 0) : load(dy + i), mean, scale, shift, rectifies);
    vf v = factor * (di - drift - (xi - mean) * slope);
    if (adds) v += r < W ? load_part(dx + i, r, 0) : load(dx + i);
    if (r < W)
      store_part(dx + i, v, r);
    else
      store(dx + i, v);
  }
}

// Of b and a, which stands first: b only where it is larger, or alone a NaN.
INLINE vi goes_before(vf b, vf a) { return ~(b <= a) & (a == a); }

// Elements 0, 2, 4, ... and 1, 3, 5, ... of two vectors, and the way back.
#if VECTOR_BYTES == 64
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOWS 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGHS 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VECTOR_BYTES == 32
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15
#define LOWS 0, 8, 1, 9, 2, 10, 3, 11
#define HIGHS 4, 12, 5, 13, 6, 14, 7, 15
#else
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7
#define LOWS 0, 4, 1, 5
#define HIGHS 2, 6, 3, 7
#endif

// The first n pairs of numbers, n ≤ W: the first and the second of each.
typedef struct { vf first, second; } pairs;
INLINE pairs load_pairs(const float *p, long n) {
  float room[2 * VECTOR_BYTES / sizeof(float)] = {0};
  if (n < W) memcpy(room, p, (size_t)n * 2 * sizeof(float));
  const vf low = load(n < W ? room : p), high = load((n < W ? room : p) + W);
  return (pairs){
      __builtin_shufflevector(low, high, EVENS), __builtin_shufflevector(low, high, ODDS)};
}
INLINE void store_pairs(float *p, pairs x, long n) {
  float room[2 * VECTOR_BYTES / sizeof(float)];
  store(n < W ? room : p, __builtin_shufflevector(x.first, x.second, LOWS));
  store((n < W ? room : p) + W, __builtin_shufflevector(x.first, x.second, HIGHS));
  if (n < W) memcpy(p, room, (size_t)n * 2 * sizeof(float));
}

static void k_max_pool_by_two(long rows, long columns, long width, const float *x, float *y) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j += W) {
      const float *p = x + 2 * i * width + 2 * j;
      const long r = columns - j < W ? columns - j : W;
      const pairs a = load_pairs(p, r), b = load_pairs(p + width, r);
      const vf above = select_f(goes_before(a.second, a.first), a.second, a.first);
      const vf below = select_f(goes_before(b.second, b.first), b.second, b.first);
      const vf v = select_f(goes_before(below, above), below, above);
      if (r < W)
        store_part(y + i * columns + j, v, r);
      else
        store(y + i * columns + j, v);
    }
}

static void k_max_pool_by_two_backward(
    long rows, long columns, long width, const float *x, const float *dy, bool adds, float *dx) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j += W) {
      const long place = 2 * i * width + 2 * j, r = columns - j < W ? columns - j : W;
      const pairs a = load_pairs(x + place, r), b = load_pairs(x + place + width, r);
      const vi right = goes_before(a.second, a.first), lower_right = goes_before(b.second, b.first);
      const vi lower = goes_before(
          select_f(lower_right, b.second, b.first), select_f(right, a.second, a.first));
      const float *p = dy + i * columns + j;
      const vf slope = r < W ? load_part(p, r, 0) : load(p), zero = splat(0);
      const vf up = select_f(lower, zero, slope), down = select_f(lower, slope, zero);
      pairs to = {select_f(right, zero, up), select_f(right, up, zero)};
      pairs under = {select_f(lower_right, zero, down), select_f(lower_right, down, zero)};
      if (adds) {
        const pairs old = load_pairs(dx + place, r), below = load_pairs(dx + place + width, r);
        to = (pairs){old.first + to.first, old.second + to.second};
        under = (pairs){below.first + under.first, below.second + under.second};
      }
      store_pairs(dx + place, to, r);
      store_pairs(dx + place + width, under, r);
    }
}
#undef EVENS
#undef ODDS
#undef LOWS
#undef HIGHS
