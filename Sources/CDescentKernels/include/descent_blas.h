// A BLAS found at run time.
#ifndef DESCENT_BLAS_H
#define DESCENT_BLAS_H

#include <stdbool.h>

#pragma clang assume_nonnull begin

// Loads the library that DESCENT_BLAS names, else the first known one; on the first call of any
// function here. False when there is none (or DESCENT_BLAS=none).
bool descent_blas_found(void);

const char *descent_blas_name(void);     // "OpenBLAS 0.3.21"; empty when there is none
const char *descent_blas_path(void);     // the file; empty when there is none
const char *descent_blas_problem(void);  // why there is none; empty when there is one
// Whether DESCENT_BLAS names a library that could not be used.
bool descent_blas_failed(void);

// C ← α·op(A)·op(B) + β·C, row-major, on the calling thread alone.
void descent_blas_multiply(
    bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,
    const float *b, long ldb, float beta, float *c, long ldc);

// Whether that library has LAPACK's dsyevd too.
bool descent_lapack_found(void);

// Replaces a symmetric n × n matrix by its eigenvectors, one a row, and fills the eigenvalues,
// ascending. 0, or LAPACK's info; less than 0 too where there is no memory.
int descent_lapack_eigen(long n, double *a, double *values);

#pragma clang assume_nonnull end

#endif
