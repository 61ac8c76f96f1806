// The loops of CDescentKernels on fixed numbers, without Swift: for processors that only an emulator has.
//
//   kernels write FILE    what the 128-bit loops of this processor give
//   kernels check FILE    whether the loops of this processor give the same: every set that it has
//
// Loops whose bits are promised must have them; the others, whose sums run in lanes or whose products may be
// fused, must be near. See Scripts/other-processors.sh.

#include "CDescentKernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1100, RESULTS = 20000 };
static const long lengths[] = {1, 3, 4, 7, 15, 16, 17, 33, 64, 65, 255, 256, 257, 511, 512, 513, 1031};

// A result: the bits of what a loop gave, or a number that stands for it.
typedef struct {
  char name[48];
  int exact;
  uint64_t bits;
  double number;
} result;
static result results[RESULTS];
static int count;

static uint32_t state;
static uint32_t word(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}
// Mostly of the size of 1; some tiny, some large, some zeros of both signs.
static float number(long i) {
  const float x = (float)word() / (1 << 23) - 1;
  switch (i % 29) {
    case 3: return 0;
    case 5: return -0.0f;
    case 7: return x * 0x1p-130f;
    case 11: return x * 0x1p40f;
    case 13: return x * 0x1p-30f;
    default: return x;
  }
}
static void fill(float *x, long n, uint32_t seed, int positive) {
  state = seed;
  for (long i = 0; i < n; i++) {
    x[i] = number(i);
    if (positive) x[i] = fabsf(x[i]);
  }
}

static void keep(const char *loop, long n, int exact, const void *bytes, size_t size) {
  if (count == RESULTS) abort();
  result *r = results + count++;
  memset(r, 0, sizeof *r);
  snprintf(r->name, sizeof r->name, "%s[%ld]", loop, n);
  r->exact = exact;
  r->bits = 14695981039346656037u;
  for (size_t i = 0; i < size; i++) r->bits = (r->bits ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}
static void keep_near(const char *loop, long n, const float *y, long count_of_y) {
  keep(loop, n, 0, "", 0);
  // Weights keep places apart; a root keeps large numbers from hiding the rest.
  double total = 0;
  for (long i = 0; i < count_of_y; i++)
    total += copysign(sqrt(fabs((double)y[i])), y[i]) * (1 + (double)(i % 7));
  results[count - 1].number = total;
}
#define EXACT(name, y) keep(name, n, 1, y, (size_t)n * sizeof *(y))

static float a[MOST], b[MOST], c[MOST], d[MOST], e[MOST], f[MOST];
static void fill_all(long n) {
  fill(a, n, 1, 0);
  fill(b, n, 2, 0);
  fill(c, n, 3, 0);
  fill(d, n, 4, 1);
  fill(e, n, 5, 0);
  fill(f, n, 6, 1);
}

// The same with some of them in bfloat16, where `half`: in the place of floats, one after the other.
static void fill_state(const descent_kernels *k, long n, bool half, const char *arrays) {
  static uint16_t bits[MOST];
  fill_all(n);
  for (; half && *arrays; arrays++) {
    float *x = *arrays == 'c' ? c : *arrays == 'd' ? d : *arrays == 'e' ? e : f;
    k->to_bfloat16(n, x, bits);
    memcpy(x, bits, (size_t)n * sizeof *bits);
  }
}

// Each update from the same start, and all that it wrote.
static void updates(const descent_kernels *k, long n, bool half) {
  const descent_sums none = {0, 0};
  const descent_sgd sgd = {0.5f, 0.1f, 0.9f, 0.01f, 0.9f, 0.8f};
  for (int form = 0; form < 3; form++) {
    fill_state(k, n, half, "c");
    k->sgd(n, &sgd, (descent_sgd_form)form, a, b, c, half);
    EXACT("sgd w", b);
    EXACT("sgd b", c);
  }
  const descent_moments moments = {0.5f, 0.01f, 0.99f, 0.1f, 0.999f, 0.001f, 0.1f, 0.2f, 1.5f, 1e-8f};
  for (int form = 0; form < 4; form++) {
    fill_state(k, n, half, "cdf");
    k->moments(n, &moments, (descent_moments_form)form, a, b, c, d, form == 0 ? f : NULL, half);
    EXACT("moments w", b);
    EXACT("moments m", c);
    EXACT("moments v", d);
  }
  const descent_lion lion = {0.5f, 0.1f, 0.99f, 0.9f, 0.1f, 0.99f, 0.01f};
  fill_state(k, n, half, "c");
  k->lion(n, &lion, a, b, c, half);
  EXACT("lion w", b);
  EXACT("lion m", c);
  const descent_rmsprop rmsprop = {0.5f, 0.01f, 0.1f, 0.9f, 0.99f, 0.01f, 1e-8f};
  for (int form = 0; form < 4; form++) {
    fill_state(k, n, half, "cde");
    k->rmsprop(n, &rmsprop, a, b, d, form & 1 ? c : NULL, form & 2 ? e : NULL, half);
    EXACT("rmsprop w", b);
    EXACT("rmsprop v", d);
  }
  const descent_adagrad adagrad = {0.5f, 0.01f, 0.1f, 1e-8f};
  fill_state(k, n, half, "d");
  k->adagrad(n, &adagrad, a, b, d, half);
  EXACT("adagrad w", b);
  const descent_adadelta adadelta = {0.5f, 0.01f, 0.1f, 0.9f, 0.1f, 1e-6f};
  fill_state(k, n, half, "df");
  k->adadelta(n, &adadelta, a, b, d, f, half);
  EXACT("adadelta w", b);
  EXACT("adadelta d", f);
  const descent_adamax adamax = {0.5f, 0.01f, 0.1f, 0.1f, 0.999f, 1e-8f};
  fill_state(k, n, half, "cd");
  k->adamax(n, &adamax, a, b, c, d, half);
  EXACT("adamax w", b);
  EXACT("adamax u", d);
  const descent_rprop rprop = {0.5f, 1.2f, 0.5f, 1e-6f, 50};
  fill_state(k, n, half, "c");
  k->rprop(n, &rprop, a, b, c, d, half);
  EXACT("rprop w", b);
  EXACT("rprop previous", c);
  EXACT("rprop steps", d);
  const descent_asgd asgd = {0.5f, 0.01f, 0.1f, 0.99f, 0.2f, 0.8f};
  fill_all(n);
  k->asgd(n, &asgd, a, b, c);
  EXACT("asgd w", b);
  EXACT("asgd x", c);
  const descent_sophia sophia = {0.5f, 0.01f, 0.1f, 0.1f, 0.99f, 0.3f, 1e-8f, 1.5f, 1};
  for (int form = 0; form < 2; form++) {
    fill_state(k, n, half, "cde");
    (form ? k->sophia_h : k->sophia_g)(n, &sophia, a, b, c, form ? e : d, half);
    EXACT("sophia w", b);
    EXACT("sophia m", c);
  }
  const descent_schedule_free free_of = {0.5f, 0.01f, 0.1f, 0.1f, -0.05f, 0.999f, 0.001f, 1.5f, 1e-8f};
  for (int form = 0; form < 2; form++) {
    fill_state(k, n, half, "d");
    k->schedule_free(n, &free_of, a, b, c, form ? d : NULL, half);
    EXACT("schedule_free y", b);
    EXACT("schedule_free z", c);
  }
  const descent_prodigy prodigy = {
      0.5f, 0.01f, 0.9f, 0.1f, 0.999f, 0.001f, 0.99f, 0.1f, 0.01f, 0.1f, 1e-8f};
  fill_state(k, n, half, "cfd");
  k->prodigy_gather(n, &prodigy, none, a, b, c, e, f, d, half);
  EXACT("prodigy s", c);
  EXACT("prodigy v", d);
  EXACT("prodigy m", f);
  k->prodigy_update(n, &prodigy, a, b, f, d, half);
  EXACT("prodigy w", b);
  fill_state(k, n, half, "ced");
  k->prodigy_gather(n, &prodigy, none, a, b, c, NULL, e, d, half);
  EXACT("dadapt s", c);
  EXACT("dadapt v", d);
  EXACT("dadapt m", e);
  const descent_lamb lamb = {
      0.5f, 0.01f, 0.9f, 0.1f, 0.999f, 0.001f, 1.1f, 1.2f, 0, 1e-6f, 0.01f, 0.99f, 0.1f};
  fill_state(k, n, half, "cd");
  k->lamb_gather(n, &lamb, true, none, a, b, c, d, half);
  k->lamb_update(n, &lamb, b, c, d, half);
  EXACT("lamb w", b);
  const descent_factored factored = {0.5f, 1.5f, 1e6f, 0.99f, 0.01f, 0.1f, 0.9f, 0.1f};
  fill_all(n);
  k->factored_update(n, &factored, a, d, b, c);
  EXACT("factored w", b);
  static double squares[MOST];
  fill_all(n);
  for (long i = 0; i < n; i++) squares[i] = (double)e[i];
  const float sums[] = {
      (float)k->add_squares(n, 0.5f, a, squares), (float)k->factored_squares(n, &factored, b, d)};
  EXACT("add_squares", squares);
  keep_near("sums of squares", n, sums, 2);
}

static void storage(const descent_kernels *k, long n) {
  static uint16_t halves[MOST], kept[MOST];
  fill_all(n);
  k->to_bfloat16(n, a, halves);
  EXACT("to_bfloat16", halves);
  k->from_bfloat16(n, halves, b);
  EXACT("from_bfloat16", b);
  for (int element = DESCENT_BFLOAT16; element <= DESCENT_FLOAT16; element++) {
    for (long i = 0; i < n; i++) halves[i] = (uint16_t)(word() & 0x7bff);
    k->widen((descent_element)element, n, halves, b);
    EXACT("widen", b);
  }
  k->round_bfloat16(n, a, b);
  EXACT("round_bfloat16", b);
  k->round_float16(n, a, b);
  EXACT("round_float16", b);
  k->to_bfloat16(n, c, halves);
  memset(kept, 0, sizeof kept);
  k->store_nearest(n, c, halves);
  EXACT("store_nearest", halves);
  k->store_kahan(n, e, halves, kept);
  EXACT("store_kahan", halves);
  EXACT("store_kahan kept", kept);
  fill_all(n);
  k->store_stochastic(n, e, halves, (descent_counter){{1, 2, 3, 4}}, (descent_key){{5, 6}});
  EXACT("store_stochastic", halves);
}

// Tapered codes as DescentCompute's Codebook makes them.
static const descent_codebook *book(int is_signed, int alternates) {
  typedef struct { float end; int steps; } segment;
  enum { SEGMENTS = 7 };
  static const segment of_either_sign[SEGMENTS] = {
      {0.75f, 16}, {0.5f, 32}, {0x1p-4f, 16}, {0x1.8p-8f, 8}, {0x1p-11f, 4}, {0x1p-14f, 2}, {0x1p-20f, 1}};
  static const segment of_none[SEGMENTS] = {
      {0.5f, 64}, {0x1p-3f, 32}, {0x1p-7f, 16}, {0x1p-10f, 8}, {0x1p-14f, 4}, {0x1p-19f, 2}, {0x1p-31f, 1}};
  static float values[256];
  static uint16_t halves[256], coarse[DESCENT_CODE_BLOCK];
  static int16_t shifts[DESCENT_LINES], offsets[DESCENT_LINES];
  static uint8_t octave_factors[32], octave_offsets[32];
  static int32_t fine[2 * DESCENT_CODE_BLOCK];
  static descent_segment segments[SEGMENTS];
  static descent_codebook made;
  const segment *runs = is_signed ? of_either_sign : of_none;
  int code = is_signed ? 127 : 255;
  int32_t bits = 127 << 23;
  memset(values, 0, sizeof values);
  for (int k = 0; k < SEGMENTS; k++) {
    const int shift = 23 - __builtin_ctz((unsigned)runs[k].steps);
    int32_t end;
    memcpy(&end, &runs[k].end, sizeof end);
    segments[SEGMENTS - 1 - k].shift = shift;
    for (; bits > end || code == 1; bits -= 1 << shift, code--) {
      memcpy(values + (is_signed ? 128 + code : code), &bits, sizeof bits);
      if (is_signed) values[128 - code] = -values[128 + code];
    }
    const int last = k + 1 == SEGMENTS;
    segments[SEGMENTS - 1 - k].first = last ? 0 : end;
    segments[SEGMENTS - 1 - k].offset = (last ? 1 : code) - (end >> shift);
  }
  if (is_signed) values[0] = -1;
  for (int i = 0; i < DESCENT_LINES; i++) {
    const int32_t first = i == 0 ? 0 : (DESCENT_FIRST_LINE + i) << 22;
    int k = SEGMENTS - 1;
    while (segments[k].first > first) k--;
    shifts[i] = (int16_t)segments[k].shift;
    offsets[i] = (int16_t)segments[k].offset;
  }
  for (int i = 0; i < 256; i++) {
    uint32_t u;
    memcpy(&u, values + i, sizeof u);
    halves[i] = (uint16_t)(u >> 16);
  }
  const int32_t least = (1 - segments[0].offset) << segments[0].shift;
  for (int i = 0; i < 32; i++) {
    int k = SEGMENTS - 1;
    while (segments[k].first > least + (i << 23)) k--;
    const int steps = 23 - segments[k].shift;
    octave_factors[i] = (uint8_t)(2 << steps);
    octave_offsets[i] =
        (uint8_t)(((least + (i << 23)) >> segments[k].shift) + segments[k].offset - (i << steps));
  }
  for (int i = 0; i < 2 * DESCENT_CODE_BLOCK; i++)
    fine[i] = 16 * (i * 167 & 255) + (i % 2 ? 12 : 4) - least;
  for (int i = 0; i < DESCENT_CODE_BLOCK; i++) coarse[i] = (uint16_t)(40503 * i);
  made = (descent_codebook){
      .values = values, .zero = is_signed ? 128 : 0, .segment_count = SEGMENTS, .segments = segments,
      .shifts = shifts, .offsets = offsets, .halves = halves, .is_signed = is_signed};
  if (alternates) {
    made.octave_factors = octave_factors;
    made.octave_offsets = octave_offsets;
    made.fine = fine;
    made.coarse = coarse;
  }
  return &made;
}

static void codes(const descent_kernels *k, long n) {
  static uint8_t made[MOST];
  for (int form = 0; form < 3; form++) {
    fill(a, n, 7, form > 0);
    k->encode(n, a, book(form == 0, form == 2), 12345, b, made);
    EXACT("encode", made);
    k->decode(n, made, b, book(form == 0, form == 2), c);
    EXACT("decode", c);
  }
}

static void functions(const descent_kernels *k, long n) {
#define NEAR_1(loop)            \
  fill_all(n);                  \
  for (long i = 0; i < n; i++)  \
    if (fabsf(a[i]) > 20) a[i] = 20; \
  k->loop(n, a, b);             \
  keep_near(#loop, n, b, n);
  NEAR_1(exp) NEAR_1(tanh) NEAR_1(sigmoid) NEAR_1(silu) NEAR_1(gelu) NEAR_1(gelu_tanh)
#define NEAR_2(loop)            \
  k->loop(n, a, b, c);          \
  keep_near(#loop, n, b, n);    \
  keep_near(#loop, n, c, n);
  NEAR_2(gelu_with_slope) NEAR_2(gelu_tanh_with_slope)
  fill_all(n);
  k->dropout(n, (1ull << 34) - 7, 1ull << 40 | 3, 1ull << 33 | 5, 1u << 30, 1.5f, a, c);
  EXACT("dropout", c);
  k->add(n, a, b, c);
  EXACT("add", c);
  k->multiply(n, 0.7f, a, c);
  EXACT("multiply", c);
  // Two rows of pixels, many of them equal.
  for (long i = 0; i < MOST; i++) f[i] = (float)((7 * i + i / 3) % 5);
  if (n >= 4 && n < MOST / 2) {
    memset(c, 0, sizeof c);
    k->max_pool_by_two(1, n / 2, n / 2 * 2, f, c);
    EXACT("max_pool_by_two", c);
    memset(c, 0, sizeof c);
    k->max_pool_by_two_backward(1, n / 2, n / 2 * 2, f, e, false, c);
    keep("max_pool_by_two_backward", n, 1, c, (size_t)n / 2 * 4 * sizeof *c);
  }
  if (3 * (n + 4) < MOST) {
    k->frame(1, 1, n, 1, 2, b, f);
    keep("frame", n, 1, f, (size_t)(3 * (n + 4)) * sizeof *f);
  }
  const descent_channel channel = {0.1f, 1.5f, -0.2f, 0.7f, 0.05f, 0.3f};
  for (int rectifies = 0; rectifies < 2; rectifies++) {
    for (long i = 0; i < n; i++) f[i] = fmaxf(-9, fminf(9, b[i]));
    k->channel_norm(n, &channel, rectifies, f, c);
    keep_near("channel_norm", n, c, n);
    k->channel_backward(n, &channel, rectifies, f, d, false, c);
    keep_near("channel_backward", n, c, n);
  }
  const float largest = k->max_magnitude(n, a);
  keep("max_magnitude", n, 1, &largest, sizeof largest);
  const float *const reads[] = {e, d};
  memcpy(c, b, sizeof c);
  memcpy(f, d, sizeof f);
  float *const changes[] = {c, f};
  const int32_t bits = k->in_place(n, 0.5f, 0, 2, reads, 0, changes);
  keep("in_place bits", n, 1, &bits, sizeof bits);
  k->in_place(n, 0.5f, 0, 2, reads, 2, changes);
  EXACT("in_place first", c);
  EXACT("in_place second", f);
  float sum = (float)k->sum_of_squares(n, e);
  keep_near("sum_of_squares", n, &sum, 1);
  for (long i = 0; i < n; i++) a[i] = fminf(a[i], 20);
  k->softmax(n, n, 1, a, c);
  keep_near("softmax", n, c, n);
}

static void products(const descent_kernels *k) {
  enum { M = 19, N = 37, K = 29 };
  for (int form = 0; form < 4; form++) {
    for (long i = 0; i < MOST; i++) a[i] = sinf((float)i), b[i] = cosf((float)i * 0.7f);
    memset(c, 0, sizeof c);
    k->product(
        form & 1, form & 2, M, N, K, 1.5f, a, form & 1 ? M : K, b, form & 2 ? K : N, 0, c, N);
    keep_near("product", form, c, M * N);
    static double x[M * K], y[K * N], z[M * N];
    for (long i = 0; i < M * K; i++) x[i] = a[i];
    for (long i = 0; i < K * N; i++) y[i] = b[i];
    k->product_double(
        form & 1, form & 2, M, N, K, 1.5, x, form & 1 ? M : K, y, form & 2 ? K : N, 0, z, N);
    for (long i = 0; i < M * N; i++) c[i] = (float)z[i];
    keep_near("product_double", form, c, M * N);
  }
  memset(c, 0, sizeof c);
  k->transpose(M, N, a, N + 2, c, M + 3);
  keep("transpose", 0, 1, c, N * (M + 3) * sizeof(float));
  int32_t places[M], steps[K];
  for (int i = 0; i < M; i++) places[i] = 5 * i;
  for (int p = 0; p < K; p++) steps[p] = 7 * p;
  k->patch_product(2, M, N, K, a, 100, places, steps, true, b, K, 0, c, 0, 1, M);
  keep_near("patch_product", 0, c, M * N);
}

static void run(const descent_kernels *k) {
  count = 0;
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    updates(k, lengths[i], false);
    updates(k, lengths[i], true);
    storage(k, lengths[i]);
    codes(k, lengths[i]);
    functions(k, lengths[i]);
  }
  products(k);
}

int main(int arguments, char **argument) {
  if (arguments != 3) {
    fprintf(stderr, "kernels write FILE | kernels check FILE\n");
    return 64;
  }
  const int writes = strcmp(argument[1], "write") == 0;
  FILE *file = fopen(argument[2], writes ? "wb" : "rb");
  if (!file) {
    perror(argument[2]);
    return 66;
  }
  const descent_kernels *k;
  if (writes) {
    // The last table has vectors of 128 bits.
    for (long i = 0; (k = descent_kernels_available(i)) != NULL; i++) run(k);
    const size_t written = fwrite(results, sizeof *results, (size_t)count, file);
    return fclose(file) == 0 && written == (size_t)count ? 0 : 74;
  }
  static result expected[RESULTS];
  const int known = (int)fread(expected, sizeof *expected, RESULTS, file);
  int faults = 0;
  for (long i = 0; (k = descent_kernels_available(i)) != NULL; i++) {
    run(k);
    int wrong = count != known, exact = 0;
    for (int j = 0; j < count && j < known; j++) {
      const result *x = results + j, *y = expected + j;
      exact += x->exact;
      const int same = strcmp(x->name, y->name) == 0 &&
          (x->exact ? x->bits == y->bits : fabs(x->number - y->number) <= 1e-4 * (1 + fabs(y->number)));
      if (!same && wrong++ < 10)
        printf("%s: %s differs: %.9g, %.9g\n", k->name, x->name, x->number, y->number);
    }
    printf("%s: %d results, %d of them to the bit, %d wrong\n", k->name, count, exact, wrong);
    faults += wrong;
  }
  return faults ? 1 : 0;
}
