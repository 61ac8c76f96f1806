// Weights in bfloat16: rounded to the nearest, at random, or with Kahan's compensation.

// Philox 4x32-10 for W counters (first + lane, c1, c2, c3): eight 16-bit numbers of each, in order.
INLINE void random_halves(uint32_t first, descent_counter counter, descent_key key, uint16_t *r) {
  vu c[4];
  for (long l = 0; l < W; l++) c[0][l] = first + (uint32_t)l;
  for (int i = 1; i < 4; i++) c[i] = (vu){} + counter.words[i];
  philox_v(c, key.words[0], key.words[1]);
  for (long l = 0; l < W; l++) {
    const uint32_t words[4] = {c[0][l], c[1][l], c[2][l], c[3][l]};
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
  descent_updates counts = {};                                            \
  for (long l = 0; l < W; l++) {                                          \
    counts.lost += lost[l];                                               \
    counts.updates += moved[l];                                           \
  }                                                                       \
  return counts;

static descent_updates k_store_nearest(long n, float *w, uint16_t *stored) {
  STORE_WEIGHTS(y = round_bfloat16_v(x))
}
static descent_updates k_store_kahan(long n, float *w, uint16_t *stored, uint16_t *kept) {
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
static descent_updates k_store_stochastic(
    long n, float *w, uint16_t *stored, descent_counter counter, descent_key key) {
  uint16_t random[8 * W];
  STORE_WEIGHTS({
    const long place = i % (8 * W);
    if (place == 0) random_halves(counter.words[0] + (uint32_t)(i / 8), counter, key, random);
    y = round_up_by(x, __builtin_convertvector(load_h(random + place, W), vu));
  })
}
