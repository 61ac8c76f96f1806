// Products and decompositions of matrices of doubles, row-major, by all threads: the same bits for
// any number of them. What is decomposed must be finite and not far from 1.
#ifndef DESCENT_DECOMPOSITIONS_H
#define DESCENT_DECOMPOSITIONS_H

#include <stdbool.h>

#pragma clang assume_nonnull begin

// C ← α·op(A)·op(B) + β·C; C is not read when β = 0.
void descent_multiply_double(
    bool trans_a, bool trans_b, long m, long n, long k, double alpha, const double *a, long lda,
    const double *b, long ldb, double beta, double *c, long ldc);

// The same where C is symmetric, n × n: one half is computed, the other has its bits.
void descent_multiply_symmetric_double(
    bool trans_a, bool trans_b, long n, long k, double alpha, const double *a, long lda,
    const double *b, long ldb, double beta, double *c, long ldc);

// Replaces a symmetric matrix, of which the upper triangle is read, by its eigenvectors as rows;
// `values` gets the eigenvalues, ascending. False where an iteration does not end.
bool descent_symmetric_eigen(long n, double *a, double *values);

// A = Q·R of an m × n matrix with n ≤ m by Householder reflections. `a` has A's columns as rows, n × m,
// and gets those of Q; `r` gets R, n × n.
void descent_qr(long m, long n, double *a, double *r);

#pragma clang assume_nonnull end

#endif
