// The table of loops that are compiled once for each instruction set and chosen at run time.
// Arrays are contiguous unless a leading dimension is given; an output may be one of the inputs
// (the same address), else they must not overlap.
#ifndef DESCENT_KERNELS_H
#define DESCENT_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum {
  DESCENT_CODE_BLOCK = 256,                       // elements that share a scale
  DESCENT_FIRST_CELL = (127 - 23) << 7,           // the cell of 2⁻²³, and of all below
  DESCENT_CELLS = (127 << 7) - DESCENT_FIRST_CELL + 1,  // cells from there to 1
};

// 256 sorted values in [−1, 1] for elements divided by the largest magnitude of their block.
typedef struct {
  const float *values;
  const float *thresholds;  // [c]: the largest number that is not nearer to value c + 1 than to c
  const uint8_t *least;     // the least code of each cell: DESCENT_CELLS for x ≥ 0, as many for x < 0
  uint8_t zero;             // the code of 0 in a block of zeros
  const uint8_t *_Nullable table;  // the codes of 65,536 steps from −1 to 1, to round as those do
} descent_codebook;

// C ← α·op(A)·op(B) + β·C, row-major, on the calling thread; C is not read when β = 0.
typedef void (*descent_product)(
    bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,
    const float *b, long ldb, float beta, float *c, long ldc);

typedef struct {
  const char *name;  // the instruction set

  // y[i] = f(x[i])
  void (*exp)(long n, const float *x, float *y);
  void (*tanh)(long n, const float *x, float *y);
  void (*sigmoid)(long n, const float *x, float *y);
  void (*silu)(long n, const float *x, float *y);
  void (*gelu)(long n, const float *x, float *y);
  void (*gelu_tanh)(long n, const float *x, float *y);
  // y[i] = the nearest number of another format, ties to even
  void (*round_bfloat16)(long n, const float *x, float *y);
  void (*round_float16)(long n, const float *x, float *y);
  // dx[i] = f′(x[i])·dy[i]
  void (*silu_backward)(long n, const float *x, const float *dy, float *dx);
  void (*gelu_backward)(long n, const float *x, const float *dy, float *dx);
  void (*gelu_tanh_backward)(long n, const float *x, const float *dy, float *dx);

  void (*add)(long n, const float *a, const float *b, float *y);       // y = a + b
  void (*multiply)(long n, const float *a, const float *b, float *y);  // y = a·b
  void (*scale)(long n, float alpha, const float *x, float *y);        // y = α·x
  void (*axpy)(long n, float alpha, const float *x, float *y);         // y += α·x
  void (*add_bias)(long rows, long n, const float *bias, float *y);    // each row of y += bias
  void (*column_sums)(long rows, long n, const float *x, float *y);    // y += Σ rows of x

  // Round updated weights w to bfloat16. `stored` has the bits of the weights before the update and
  // gets those after it. Adds to counts[0] the updates that left no trace, to counts[1] all that are
  // not zero.
  void (*store_nearest)(long n, float *w, uint16_t *stored, long *counts);
  // `kept` has what earlier roundings cut off, as bfloat16.
  void (*store_kahan)(long n, float *w, uint16_t *stored, uint16_t *kept, long *counts);
  // Element i takes the half word i mod 8 of the Philox block of the counter, whose first word is
  // that of element 0 plus i / 8.
  void (*store_stochastic)(
      long n, float *w, uint16_t *stored, const uint32_t *counter, const uint32_t *key,
      long *counts);

  double (*sum)(long n, const float *x);
  double (*sum_of_squares)(long n, const float *x);
  double (*dot)(long n, const float *a, const float *b);
  float (*max_magnitude)(long n, const float *x);  // NaN when an x is NaN; 0 for n = 0
  long (*first_nonfinite)(long n, const float *x);  // -1: none

  // y[i] = exp(scale·x[i]) / Σ over the first `valid`; 0 beyond.
  void (*softmax)(long n, long valid, float scale, const float *x, float *y);
  // dx = scale·y·(dy − Σ dy·y) over the first `valid`; 0 beyond.
  void (*softmax_backward)(
      long n, long valid, float scale, const float *y, const float *dy, float *dx);
  float (*log_sum_exp)(long n, const float *x);
  // dx[i] = scale·(exp(x[i] − lse) − [i = target])
  void (*cross_entropy_backward)(
      long n, const float *x, float lse, long target, float scale, float *dx);

  // y = (x − mean)·rstd·gain + bias
  void (*layer_norm)(
      long n, const float *x, const float *_Nullable gain, const float *_Nullable bias, float eps,
      float *y, float *mean, float *rstd);
  void (*layer_norm_backward)(
      long n, const float *x, const float *_Nullable gain, const float *dy, float mean, float rstd,
      float *dx);
  // dgain += Σ dy·x̂, dbias += Σ dy over rows
  void (*layer_norm_gradients)(
      long rows, long n, const float *x, const float *dy, const float *mean, const float *rstd,
      float *dgain, float *_Nullable dbias);
  // y = x·rstd·gain
  void (*rms_norm)(
      long n, const float *x, const float *_Nullable gain, float eps, float *y, float *rstd);
  void (*rms_norm_backward)(
      long n, const float *x, const float *_Nullable gain, const float *dy, float rstd, float *dx);
  void (*rms_norm_gradients)(
      long rows, long n, const float *x, const float *dy, const float *rstd, float *dgain);

  // Between float32 and bfloat16, to the nearest, ties to even.
  void (*to_bfloat16)(long n, const float *x, uint16_t *y);
  void (*from_bfloat16)(long n, const uint16_t *x, float *y);
  // Between float32 and codes with a scale, the largest magnitude, for each DESCENT_CODE_BLOCK.
  void (*encode)(
      long n, const float *x, const descent_codebook *book, float *scales, uint8_t *codes);
  void (*decode)(
      long n, const uint8_t *codes, const float *scales, const descent_codebook *book, float *y);

  descent_product product;
} descent_kernels;

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
