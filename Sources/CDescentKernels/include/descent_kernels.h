// The loops that are compiled once for each instruction set and chosen at run time.
#ifndef DESCENT_KERNELS_H
#define DESCENT_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

#define DESCENT_BLOCK_TURN 0x85EBCA6Bu

enum {
  DESCENT_FEW_ROWS = 4,
  DESCENT_READS = 4,    // the most arrays that in_place reads
  DESCENT_CHANGES = 5,  // and changes
  DESCENT_CODE_BLOCK = 256,                       // elements that share a scale
  DESCENT_FIRST_CELL = (127 - 23) << 7,           // the cell of 2⁻²³, and of all below
  DESCENT_CELLS = (127 << 7) - DESCENT_FIRST_CELL + 1,  // cells from there to 1
  DESCENT_SEGMENTS = 7,                           // the most that a book has
  DESCENT_LINES = 64,                             // half octaves, the last one from 1 on
  DESCENT_FIRST_LINE = 2 * 127 - DESCENT_LINES + 1,  // the first one's bits of exponent and half
};

typedef struct {
  int32_t first;  // the bits of the least magnitude
  int32_t shift;
  int32_t offset;
} descent_segment;

// 256 sorted values in [−1, 1] for elements divided by the largest magnitude of their block.
typedef struct {
  const float *values;
  const float *_Nullable thresholds;  // [c]: the largest number that is not nearer to value c + 1 than to c
  const uint8_t *_Nullable least;  // the least code of each cell: DESCENT_CELLS for x ≥ 0, as many for x < 0
  uint8_t zero;             // the code of 0 in a block of zeros
  const uint8_t *_Nullable table;  // the codes of 65,536 steps from −1 to 1, to round as those do

  // Tapered codes: the bits of a magnitude, read as an integer, are cut to steps of 2^shift in each
  // of some segments, in ascending order; the code is (bits >> shift) + offset. 0 segments:
  // thresholds or the table instead.
  int32_t segment_count;
  const descent_segment *_Nullable segments;
  // The same of each half octave, DESCENT_LINES of them; the first holds all below.
  const int16_t *_Nullable shifts;
  const int16_t *_Nullable offsets;
  const uint16_t *_Nullable halves;  // the values as bfloat16, which holds them exactly
  bool is_signed;  // codes stand around 128
  // What rounds numbers between two values now up, now down, where that is wanted: the values' octaves, 32 of them
  // from the least value up, have as many steps as `octave_factors` says, half as many as it is, and
  // `octave_offsets` makes codes of them, modulo 256. For each place in a block a number of `fine` and `coarse`.
  const uint8_t *_Nullable octave_factors;
  const uint8_t *_Nullable octave_offsets;
  const int32_t *_Nullable fine;  // twice as many, less the bits of the least value
  const uint16_t *_Nullable coarse;
} descent_codebook;

// How numbers lie in memory: 4 bytes each, or 2.
typedef enum { DESCENT_FLOAT32, DESCENT_BFLOAT16, DESCENT_FLOAT16 } descent_element;

// As the kernel `product`.
typedef void (*descent_product)(
    bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,
    const float *b, long ldb, float beta, float *c, long ldc);

// Updates of weights that were not zero, and those of them that rounding undid.
typedef struct {
  long lost;
  long updates;
} descent_updates;

// A Philox block and its key.
typedef struct { uint32_t words[4]; } descent_counter;
typedef struct { uint32_t words[2]; } descent_key;

// Settings of update loops. g is multiplied by `gradient` as it is read.
typedef struct { float gradient, rate, momentum, decay, kept, taken; } descent_sgd;
typedef enum { DESCENT_SGD_PLAIN, DESCENT_SGD_MOMENTUM, DESCENT_SGD_NESTEROV } descent_sgd_form;
typedef struct {
  float gradient, decay, shrink, taken1, beta2, taken2, rate, gradient_rate, correction, epsilon;
} descent_moments;
typedef enum {
  DESCENT_MOMENTS_ADAM, DESCENT_MOMENTS_NADAM, DESCENT_MOMENTS_RADAM, DESCENT_MOMENTS_MEAN
} descent_moments_form;
typedef struct { float gradient, rate, shrink, beta1, taken1, beta2, taken2; } descent_lion;
typedef struct { float gradient, decay, rate, momentum, kept, taken, epsilon; } descent_rmsprop;
typedef struct { float gradient, decay, rate, epsilon; } descent_adagrad;
typedef struct { float gradient, decay, rate, kept, taken, epsilon; } descent_adadelta;
typedef struct { float gradient, decay, rate, taken1, beta2, epsilon; } descent_adamax;
typedef struct { float gradient, growth, shrink, shortest, longest; } descent_rprop;
typedef struct { float gradient, decay, rate, shrink, taken, kept; } descent_asgd;
typedef struct {
  float gradient, decay, rate, taken1, shrink, scale, epsilon, correction, limit;
} descent_sophia;
typedef struct {
  float gradient, decay, share, rate, rate_y, beta2, taken2, correction, epsilon;
} descent_schedule_free;
typedef struct {
  float gradient, decay, beta1, taken1, beta2, taken2, beta3, taken3, shrink, rate, epsilon;
} descent_prodigy;
typedef struct {
  float gradient, coupled_decay, beta1, taken1, beta2, taken2;
  float correction1, correction2, inside, epsilon, decay, kept, factor;
} descent_lamb;
typedef struct { float gradient, row, most, shrink, decayed, factor, beta1, taken1; } descent_factored;
typedef struct { double first, second; } descent_sums;

// A channel in batch normalization: y = (x − mean)·scale + shift, and for its derivative
// dx = factor·(dy − drift − (x − mean)·slope).
typedef struct { float mean, scale, shift, factor, drift, slope; } descent_channel;

// Every loop, as K(result, name, parameters): from this list come the table below and what fills it
// (table.h). Arrays are contiguous unless a leading dimension is given; an output may be one of the
// inputs (the same address), else they must not overlap.
#define DESCENT_KERNELS(K)                                                                        \
  /* y[i] = f(x[i]) */                                                                            \
  K(void, exp, (long n, const float *x, float *y))                                                \
  K(void, tanh, (long n, const float *x, float *y))                                               \
  K(void, sigmoid, (long n, const float *x, float *y))                                            \
  K(void, silu, (long n, const float *x, float *y))                                               \
  K(void, gelu, (long n, const float *x, float *y))                                               \
  K(void, gelu_tanh, (long n, const float *x, float *y))                                          \
  /* y[i] = f(x[i]) and slope[i] = f′(x[i]) */                                                    \
  K(void, gelu_with_slope, (long n, const float *x, float *y, float *slope))                      \
  K(void, gelu_tanh_with_slope, (long n, const float *x, float *y, float *slope))                 \
  /* y[i] = the nearest number of another format, ties to even */                                 \
  K(void, round_bfloat16, (long n, const float *x, float *y))                                     \
  K(void, round_float16, (long n, const float *x, float *y))                                      \
  /* dx[i] = f′(x[i])·dy[i] */                                                                    \
  K(void, silu_backward, (long n, const float *x, const float *dy, float *dx))                    \
  K(void, gelu_backward, (long n, const float *x, const float *dy, float *dx))                    \
  K(void, gelu_tanh_backward, (long n, const float *x, const float *dy, float *dx))               \
                                                                                                  \
  K(void, add, (long n, const float *a, const float *b, float *y))  /* y = a + b */               \
  K(void, multiply, (long n, float alpha, const float *x, float *y))  /* y = α·x */               \
  K(void, axpy, (long n, float alpha, const float *x, float *y))  /* y += α·x */                  \
  K(void, column_sums, (long rows, long n, const float *x, float *y))  /* y += Σ rows of x */     \
                                                                                                  \
  /* Rounds updated weights w to bfloat16; `stored` has the bits of the weights before the update \
     and gets those after it. */                                                                  \
  K(descent_updates, store_nearest, (long n, float *w, uint16_t *stored))                         \
  /* `kept` has what earlier roundings cut off, as bfloat16. */                                   \
  K(descent_updates, store_kahan, (long n, float *w, uint16_t *stored, uint16_t *kept))           \
  /* Element i takes the half word i mod 8 of the Philox block of the counter, whose first word   \
     is that of element 0 plus i / 8. */                                                          \
  K(descent_updates, store_stochastic,                                                            \
    (long n, float *w, uint16_t *stored, descent_counter counter, descent_key key))               \
                                                                                                  \
  /* y[i] = 0 where word `start` + i of the stream is below the threshold, else scale·x[i] */     \
  K(void, dropout,                                                                                \
    (long n, uint64_t start, uint64_t seed, uint64_t stream, uint32_t threshold, float scale,     \
    const float *x, float *y))                                                                    \
                                                                                                  \
  K(double, sum, (long n, const float *x))                                                        \
  K(double, sum_of_squares, (long n, const float *x))                                             \
  K(float, max_magnitude, (long n, const float *x))  /* NaN when an x is NaN; 0 for n = 0 */      \
  /* All w ← factor·w of n elements, along with reading all x: what memory can do. */             \
  K(int32_t, in_place,                                                                            \
    (long n, float factor, long from, long reads, const float *_Nonnull const *_Nonnull x,        \
    long changes, float *_Nonnull const *_Nonnull w))                                             \
                                                                                                  \
  /* y[i] = exp(scale·x[i]) / Σ over the first `valid`; 0 beyond. */                              \
  K(void, softmax, (long n, long valid, float scale, const float *x, float *y))                   \
  /* dx = scale·y·(dy − Σ dy·y) over the first `valid`; 0 beyond. */                              \
  K(void, softmax_backward,                                                                       \
    (long n, long valid, float scale, const float *y, const float *dy, float *dx))                \
  K(float, log_sum_exp, (long n, const float *x))                                                 \
  /* dx[i] = scale·(exp(x[i] − lse) − [i = target]) */                                            \
  K(void, cross_entropy_backward,                                                                 \
    (long n, const float *x, float lse, long target, float scale, float *dx))                     \
                                                                                                  \
  /* y = (x − mean)·rstd·gain + bias */                                                           \
  K(void, layer_norm,                                                                             \
    (long n, const float *x, const float *_Nullable gain, const float *_Nullable bias,            \
    float eps, float *y, float *mean, float *rstd))                                               \
  K(void, layer_norm_backward,                                                                    \
    (long n, const float *x, const float *_Nullable gain, const float *dy, float mean,            \
    float rstd, float *dx))                                                                       \
  /* With h = (x − mean)·rstd: dgain += Σ dy·h, dbias += Σ dy over rows */                        \
  K(void, layer_norm_gradients,                                                                   \
    (long rows, long n, const float *x, const float *dy, const float *mean, const float *rstd,    \
    float *dgain, float *_Nullable dbias))                                                        \
  /* y = x·rstd·gain */                                                                           \
  K(void, rms_norm,                                                                               \
    (long n, const float *x, const float *_Nullable gain, float eps, float *y, float *rstd))      \
  K(void, rms_norm_backward,                                                                      \
    (long n, const float *x, const float *_Nullable gain, const float *dy, float rstd,            \
    float *dx))                                                                                   \
  K(void, rms_norm_gradients,                                                                     \
    (long rows, long n, const float *x, const float *dy, const float *rstd, float *dgain))        \
                                                                                                  \
  /* Of images: images.h. Images with rows of zeros above and below, and columns of them beside. */ \
  K(void, frame,                                                                                  \
    (long planes, long height, long width, long above, long beside, const float *x, float *y))    \
  /* Σ (x − mean)² */                                                                             \
  K(float, channel_squares, (long n, float mean, const float *x))                                 \
  /* y of a channel, not below 0 where it rectifies */                                            \
  K(void, channel_norm,                                                                           \
    (long n, const descent_channel *channel, bool rectifies, const float *x, float *y))           \
  /* Σ dy and Σ dy·(x − mean), of those dy that come through */                                   \
  K(descent_sums, channel_sums,                                                                   \
    (long n, const descent_channel *channel, bool rectifies, const float *x, const float *dy))    \
  /* dx, added to what is there or in its place */                                                \
  K(void, channel_backward,                                                                       \
    (long n, const descent_channel *channel, bool rectifies, const float *x, const float *dy,     \
    bool adds, float *dx))                                                                        \
  /* The largest of two by two pixels of an image of that width, in rows and columns of results; a \
     NaN counts as the largest, and the first of equal ones gets the gradient. */                 \
  K(void, max_pool_by_two, (long rows, long columns, long width, const float *x, float *y))       \
  K(void, max_pool_by_two_backward,                                                               \
    (long rows, long columns, long width, const float *x, const float *dy, bool adds, float *dx)) \
                                                                                                  \
  /* Between float32 and bfloat16, to the nearest, ties to even. */                               \
  K(void, to_bfloat16, (long n, const float *x, uint16_t *y))                                     \
  K(void, from_bfloat16, (long n, const uint16_t *x, float *y))                                   \
  /* y[i] = x[i], exactly */                                                                      \
  K(void, widen, (descent_element element, long n, const void *x, float *y))                      \
  /* Between float32 and codes with a scale, the largest magnitude, per DESCENT_CODE_BLOCK. Phases \
     are shifted by `turn`, and by DESCENT_BLOCK_TURN more for each block. */                     \
  K(void, encode,                                                                                 \
    (long n, const float *x, const descent_codebook *book, uint32_t turn, float *scales,          \
    uint8_t *codes))                                                                              \
  K(void, decode,                                                                                 \
    (long n, const uint8_t *codes, const float *scales, const descent_codebook *book,             \
    float *y))                                                                                    \
                                                                                                  \
  /* Updates of optimizers: updates.h, sums.h. State: floats or, where `half`, bfloat16. */       \
  K(void, sgd,                                                                                    \
    (long n, const descent_sgd *settings, descent_sgd_form form, const float *g, float *w,        \
    void *_Nullable b, bool half))                                                                \
  K(void, moments,                                                                                \
    (long n, const descent_moments *settings, descent_moments_form form, const float *g,          \
    float *w, void *m, void *v, void *_Nullable x, bool half))                                    \
  K(void, lion,                                                                                   \
    (long n, const descent_lion *settings, const float *g, float *w, void *m, bool half))         \
  K(void, rmsprop,                                                                                \
    (long n, const descent_rmsprop *settings, const float *g, float *w, void *v,                  \
    void *_Nullable mean, void *_Nullable b, bool half))                                          \
  K(void, adagrad,                                                                                \
    (long n, const descent_adagrad *settings, const float *g, float *w, void *s, bool half))      \
  K(void, adadelta,                                                                               \
    (long n, const descent_adadelta *settings, const float *g, float *w, void *v, void *d,        \
    bool half))                                                                                   \
  K(void, adamax,                                                                                 \
    (long n, const descent_adamax *settings, const float *g, float *w, void *m, void *u,          \
    bool half))                                                                                   \
  K(void, rprop,                                                                                  \
    (long n, const descent_rprop *settings, const float *g, float *w, void *previous, float *δ,   \
    bool half))                                                                                   \
  K(void, asgd,                                                                                   \
    (long n, const descent_asgd *settings, const float *g, float *w, float *x))                   \
  K(void, sophia_g,                                                                               \
    (long n, const descent_sophia *settings, const float *g, float *w, void *m, void *h,          \
    bool half))                                                                                   \
  K(void, sophia_h,                                                                               \
    (long n, const descent_sophia *settings, const float *g, float *w, void *m, void *h,          \
    bool half))                                                                                   \
  K(void, schedule_free,                                                                          \
    (long n, const descent_schedule_free *settings, const float *g, float *y, float *z,           \
    void *_Nullable v, bool half))                                                                \
  /* This and lamb_gather begin with the sums of what came before: a multiple of 512 elements. */ \
  K(descent_sums, prodigy_gather,                                                                 \
    (long n, const descent_prodigy *settings, descent_sums sums, const float *g, const float *w,  \
    void *s, const float *_Nullable p0, void *_Nullable m, void *v, bool half))                   \
  K(void, prodigy_update,                                                                         \
    (long n, const descent_prodigy *settings, const float *g, float *w,                           \
    const void *_Nullable m, const void *v, bool half))                                           \
  K(descent_sums, lars_gather,                                                                    \
    (long n, float gradient, float decay, const float *g, const float *w))                        \
  K(descent_sums, lamb_gather,                                                                    \
    (long n, const descent_lamb *settings, bool averages, descent_sums sums, const float *g,      \
    const float *w, void *m, void *v, bool half))                                                 \
  K(void, lamb_update,                                                                            \
    (long n, const descent_lamb *settings, float *w, const void *m, const void *v, bool half))    \
  K(double, add_squares, (long n, float scale, const float *x, double *y))                        \
  K(double, factored_squares,                                                                     \
    (long n, const descent_factored *settings, const float *g, const float *c))                   \
  K(void, factored_update,                                                                        \
    (long n, const descent_factored *settings, const float *g, const float *c, float *w,          \
    float *_Nullable m))                                                                          \
                                                                                                  \
  /* Y ← Xᵀ, row-major; X is rows × columns. */                                                   \
  K(void, transpose, (long rows, long columns, const float *x, long ldx, float *y, long ldy))     \
  /* C ← α·op(A)·op(B) + β·C, row-major, on the calling thread; C is not read when β = 0. */      \
  K(void, product,                                                                                \
    (bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,   \
    const float *b, long ldb, float beta, float *c, long ldc))                                    \
  K(void, product_double,                                                                         \
    (bool trans_a, bool trans_b, long m, long n, long k, double alpha, const double *a, long lda, \
    const double *b, long ldb, double beta, double *c, long ldc))                                 \
  /* The same with numbers of 16 bits in B, widened while they are packed. */                     \
  K(void, product_widening,                                                                       \
    (descent_element element, bool trans_a, bool trans_b, long m, long n, long k, float alpha,    \
    const float *a, long lda, const void *b, long ldb, float beta, float *c, long ldc))           \
  /* C ← A·Bᵀ + β·C for at most DESCENT_FEW_ROWS rows of A: B is read once, and not packed. */    \
  K(void, dot_rows,                                                                               \
    (descent_element element, long m, long n, long k, const float *a, long lda, const void *b,    \
    long ldb, float beta, float *c, long ldc))                                                    \
  /* C ← A·B + β·C for each of some images, a_image and c_image apart: element (i, p) of A is     \
     a[places[i] + steps[p]], element (i, j) of C is c[i·down + j·across]; k > 0. */              \
  K(void, patch_product,                                                                          \
    (long images, long m, long n, long k, const float *a, long a_image, const int32_t *places,    \
    const int32_t *steps, bool trans_b, const float *b, long ldb, float beta, float *c,           \
    long c_image, long down, long across))                                                        \
                                                                                                  \
  /* Of decompositions: double.h. Σ x·y; y += α·x; (x, y) ← (c·x − s·y, s·x + c·y) */             \
  K(double, dot_double, (long n, const double *x, const double *y))                               \
  K(void, axpy_double, (long n, double alpha, const double *x, double *y))                        \
  K(void, rotate_double, (long n, double c, double s, double *x, double *y))                      \
  /* y += the part of A·x that rows first..<last of the upper triangle of a symmetric A, n × n,   \
     make; they and the columns below them. */                                                    \
  K(void, symmetric_double,                                                                       \
    (long n, long first, long last, const double *a, long lda, const double *x, double *y))       \
  /* Σ z²/(pole − x) and its derivative */                                                        \
  K(descent_sums, secular_sums, (long n, const double *poles, const double *z, double x))         \
  /* y *= x/(poles − pole) */                                                                     \
  K(void, scale_by_quotients,                                                                     \
    (long n, const double *x, const double *poles, double pole, double *y))                       \
  /* x ← z/x; Σ x² */                                                                             \
  K(double, quotients, (long n, const double *z, double *x))

#define FIELD(result, loop, parameters) result (*loop) parameters;
typedef struct {
  const char *name;  // the instruction set
  DESCENT_KERNELS(FIELD)
} descent_kernels;
#undef FIELD

// The i-th table that this processor can run, best first; null beyond the last.
const descent_kernels *_Nullable descent_kernels_available(long i);

// The table in use on the calling thread: the best one, unless another was selected.
const descent_kernels *descent_kernels_current(void);
// Has the calling thread use the table of that name, for tests and measurements; false if this
// processor has none of that name.
bool descent_kernels_select(const char *name);

// The product in use on the calling thread: that of the BLAS when one is found, else that of the
// table in use.
descent_product descent_product_current(void);
// Has the calling thread use the product of the table even where a BLAS is found, or not so.
void descent_product_select_built_in(bool built_in);
void descent_product_select_best(void);  // undoes it
bool descent_product_is_built_in(void);

#pragma clang assume_nonnull end

#endif
