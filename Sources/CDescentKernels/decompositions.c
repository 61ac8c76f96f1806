// Symmetric eigenvalue problems and QR: blocked, so that most of the work is products of matrices.
//
// The eigenvalue problem goes the way of LAPACK's dsyevd. Householder reflections make the matrix
// tridiagonal, NB columns at a time; half of that work reads the matrix once for each column, the
// other half is a product. The tridiagonal matrix is cut into small ones, which implicit QL steps
// make diagonal, and put together again two by two: the eigenvalues of a diagonal matrix plus one of
// rank one are the roots of a secular equation, and the vectors follow from them.
//
// Golub, Van Loan: Matrix Computations, sections 5.2, 8.3 and 8.4; Gu, Eisenstat: A divide-and-conquer
// algorithm for the symmetric tridiagonal eigenproblem, 1995; Li: Solving secular equations stably and
// efficiently, 1993.
#include "descent_decompositions.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "descent_kernels.h"
#include "descent_pool.h"

// Columns of a panel; reflections that are applied together; the longest part that QL steps take.
enum { NB = 32, LEAF = 32 };

#define TASK __attribute__((swiftcall)) void
#define CONTEXT __attribute__((swift_context)) const void *

static inline long least(long a, long b) { return a < b ? a : b; }
static inline double greater(double a, double b) { return a > b ? a : b; }

static void run(long count, descent_task task, const void *context) {
  descent_pool_run(count, task, context);
}

// MARK: Products

typedef struct {
  const descent_kernels *k;
  bool trans_a, trans_b, symmetric;
  long m, n, depth;
  double alpha, beta;
  const double *a, *b;
  double *c;
  long lda, ldb, ldc, rows, columns, across;
} product;

static void compute(const product *p, long i, long rows, long j, long columns) {
  p->k->product_double(
      p->trans_a, p->trans_b, rows, columns, p->depth, p->alpha,
      p->a + (p->trans_a ? i : i * p->lda), p->lda, p->b + (p->trans_b ? j * p->ldb : j), p->ldb,
      p->beta, p->c + i * p->ldc + j, p->ldc);
}

// The part of a symmetric C above the diagonal that lies in some rows and columns, and the same below it.
static void mirrored(const product *p, long i, long rows, long j, long columns) {
  compute(p, i, rows, j, columns);
  // In squares, so that neither rows nor columns are far apart for long.
  for (long r0 = i; r0 < i + rows; r0 += 16)
    for (long s = r0 < j ? j : r0; s < j + columns; s++)
      for (long r = r0; r < least(r0 + 16, i + rows) && r < s; r++)
        p->c[s * p->ldc + r] = p->c[r * p->ldc + s];
}
static void symmetric_square(const product *p, long i, long n) {
  if (n <= 64) return mirrored(p, i, n, i, n);
  const long half = (n / 2 + 31) / 32 * 32;
  symmetric_square(p, i, half);
  mirrored(p, i, half, i + half, n - half);
  symmetric_square(p, i + half, n - half);
}

static TASK multiply_tile(long t, CONTEXT context) {
  const product *p = context;
  const long i = t / p->across * p->rows, j = t % p->across * p->columns;
  const long rows = least(p->rows, p->m - i), columns = least(p->columns, p->n - j);
  if (!p->symmetric)
    compute(p, i, rows, j, columns);
  else if (i == j)
    symmetric_square(p, i, rows);
  else if (i < j)
    mirrored(p, i, rows, j, columns);
}

void descent_multiply_double(
    bool trans_a, bool trans_b, long m, long n, long k, double alpha, const double *a, long lda,
    const double *b, long ldb, double beta, double *c, long ldc) {
  if (m == 0 || n == 0) return;
  product p = {
      descent_kernels_current(), trans_a, trans_b, false, m, n, k, alpha, beta, a, b, c, lda, ldb,
      ldc, m, n, 1};
  if (m * n * k > 64 * 64 * 64) {
    // Equal parts, so that there are some for each thread.
    const long down = (m + 143) / 144, across = (n + 255) / 256;
    p.rows = (m + down - 1) / down;
    p.columns = ((n + across - 1) / across + 15) / 16 * 16;
    while ((m + p.rows - 1) / p.rows * ((n + p.columns - 1) / p.columns) < 8 &&
           (p.rows > 96 || p.columns > 96)) {
      if (p.rows >= p.columns)
        p.rows = (p.rows + 1) / 2;
      else
        p.columns = (p.columns / 2 + 15) / 16 * 16;
    }
    p.across = (n + p.columns - 1) / p.columns;
  }
  run(p.across * ((m + p.rows - 1) / p.rows), multiply_tile, &p);
}

void descent_multiply_symmetric_double(
    bool trans_a, bool trans_b, long n, long k, double alpha, const double *a, long lda,
    const double *b, long ldb, double beta, double *c, long ldc) {
  if (n == 0) return;
  long across = 1, side = n;
  if (n * n * k > 64 * 64 * 64) {
    // Equal parts, at least 10 that are not below the diagonal where they stay large enough.
    across = (n + 191) / 192;
    while (across < 4 && n / across > 96) across++;
    side = ((n + across - 1) / across + 31) / 32 * 32;
    across = (n + side - 1) / side;
  }
  product p = {
      descent_kernels_current(), trans_a, trans_b, true, n, n, k, alpha, beta, a, b, c, lda, ldb,
      ldc, side, side, across};
  run(across * across, multiply_tile, &p);
}

// MARK: Reflections

// Turns x into v with v₀ = 1 and (I − τ·v·vᵀ)·x = (α, 0, …); returns α. τ is 0 where nothing is to do.
static double reflect(const descent_kernels *k, long n, double *x, double *tau) {
  const double head = x[0];
  double most = 0, factor = 1;
  for (long i = 1; i < n; i++) most = greater(most, fabs(x[i]));
  *tau = 0;
  x[0] = 1;
  if (most == 0) return head;
  // Squares of small numbers would lose their digits.
  if (most < 0x1p-400 && fabs(head) < 0x1p-400) {
    factor = 0x1p600;
    for (long i = 1; i < n; i++) x[i] *= factor;
  }
  const double first = head * factor, tail = k->dot_double(n - 1, x + 1, x + 1);
  const double norm = sqrt(first * first + tail);
  // The sign that avoids cancellation.
  const double alpha = first > 0 ? -norm : norm;
  const double inverse = 1 / (first - alpha);
  for (long i = 1; i < n; i++) x[i] *= inverse;
  *tau = (alpha - first) / alpha;
  return alpha / factor;
}

// Reflections in blocks of NB: block b is I − V·T·Vᵀ with V's columns as rows of `v`. Reflection i is
// zero up to position i + shift, where it has its 1.
typedef struct {
  const descent_kernels *k;
  long count, shift, length;
  const double *v, *tau;
  long ldv;
  double *t;  // NB × NB a block
  long first;  // the block of an application, or the last of all
  bool all;
  bool transposed;
  double *x;
  long ldx, rows, strip;
} reflections;

// T of each block, upper triangular.
static TASK make_t(long b, CONTEXT context) {
  const reflections *r = context;
  const long i0 = b * NB, count = least(NB, r->count - i0), from = i0 + r->shift;
  const double *v = r->v + i0 * r->ldv + from;
  double g[NB * NB], *t = r->t + b * NB * NB;
  r->k->product_double(
      false, true, count, count, r->length - from, 1, v, r->ldv, v, r->ldv, 0, g, NB);
  for (long i = 0; i < count; i++) {
    const double tau = r->tau[i0 + i];
    for (long j = 0; j < NB; j++) t[i * NB + j] = 0;
    for (long j = 0; j < i; j++) {
      double sum = 0;
      for (long p = j; p < i; p++) sum += t[j * NB + p] * g[p * NB + i];
      t[j * NB + i] = -tau * sum;
    }
    t[i * NB + i] = tau;
  }
}

// X ← X·(I − V·T·Vᵀ), or its transpose, for some rows of X.
static void apply_block(const reflections *r, long b, bool transposed, double *x, long rows) {
  const long i0 = b * NB, count = least(NB, r->count - i0), from = i0 + r->shift;
  const double *v = r->v + i0 * r->ldv + from;
  double *y = descent_scratch_begin((long)sizeof(double) * rows * NB * 2), *yt = y + rows * NB;
  r->k->product_double(
      false, true, rows, count, r->length - from, 1, x + from, r->ldx, v, r->ldv, 0, y, NB);
  r->k->product_double(
      false, transposed, rows, count, count, 1, y, NB, r->t + b * NB * NB, NB, 0, yt, NB);
  r->k->product_double(
      false, false, rows, r->length - from, count, -1, yt, NB, v, r->ldv, 1, x + from, r->ldx);
  descent_scratch_end();
}

static TASK apply_strip(long s, CONTEXT context) {
  const reflections *r = context;
  const long i = s * r->strip, rows = least(r->strip, r->rows - i);
  double *x = r->x + i * r->ldx;
  if (r->all) {
    for (long b = r->first; b >= 0; b--) apply_block(r, b, true, x, rows);
  } else {
    apply_block(r, r->first, false, x, rows);
  }
}

// Row i of Qᵀ begins as a unit vector, which blocks from beyond i do not change.
static TASK form_strip(long s, CONTEXT context) {
  const reflections *r = context;
  const long i0 = s * r->strip, rows = least(r->strip, r->rows - i0);
  for (long b = least(r->first, (i0 + rows - 1) / NB); b >= 0; b--) {
    const long skipped = b * NB > i0 ? b * NB - i0 : 0;
    apply_block(r, b, true, r->x + (i0 + skipped) * r->ldx, rows - skipped);
  }
}

static long strip_for(long rows) {
  // At least 8 strips where they stay tall enough.
  const long eighth = (rows + 7) / 8;
  return eighth < 32 ? 32 : eighth > 128 ? 128 : (eighth + 5) / 6 * 6;
}

// MARK: QR

void descent_qr(long m, long n, double *a, double *r) {
  if (n == 0) return;
  const descent_kernels *k = descent_kernels_current();
  const long blocks = (n + NB - 1) / NB;
  double *memory = descent_scratch_begin((long)sizeof(double) * (n * m + n + blocks * NB * NB));
  double *v = memory, *tau = v + n * m, *t = tau + n;
  memcpy(v, a, sizeof(double) * (size_t)(n * m));
  memset(r, 0, sizeof(double) * (size_t)(n * n));
  reflections all = {
      .k = k, .count = n, .shift = 0, .length = m, .v = v, .tau = tau, .ldv = m, .t = t, .ldx = m};
  for (long b = 0; b < blocks; b++) {
    const long i0 = b * NB, i1 = least(i0 + NB, n);
    for (long i = i0; i < i1; i++) {
      double *x = v + i * m;
      for (long j = 0; j < i; j++) {
        r[j * n + i] = x[j];
        x[j] = 0;
      }
      r[i * n + i] = reflect(k, m - i, x + i, tau + i);
      if (tau[i] == 0) continue;
      for (long j = i + 1; j < i1; j++) {
        double *y = v + j * m + i;
        k->axpy_double(m - i, -tau[i] * k->dot_double(m - i, x + i, y), x + i, y);
      }
    }
    make_t(b, &all);
    if (i1 == n) break;
    all.first = b;
    all.all = false;
    all.x = v + i1 * m;
    all.rows = n - i1;
    all.strip = strip_for(all.rows);
    run((all.rows + all.strip - 1) / all.strip, apply_strip, &all);
  }
  memset(a, 0, sizeof(double) * (size_t)(n * m));
  for (long i = 0; i < n; i++) a[i * m + i] = 1;
  all.first = blocks - 1;
  all.x = a;
  all.rows = n;
  all.strip = least(strip_for(n), 64);
  run((n + all.strip - 1) / all.strip, form_strip, &all);
  descent_scratch_end();
}

// MARK: Tridiagonal form

enum { PARTS = 8 };

typedef struct {
  const descent_kernels *k;
  long n, ld;
  const double *a, *x;
  double *parts;  // a sum of n a task
  long first[PARTS + 1];
} symmetric_product;

static TASK symmetric_part(long p, CONTEXT context) {
  const symmetric_product *s = context;
  double *y = s->parts + p * s->n;
  memset(y, 0, sizeof(double) * (size_t)s->n);
  s->k->symmetric_double(s->n, s->first[p], s->first[p + 1], s->a, s->ld, s->x, y);
}

// y ← A·x of a symmetric n × n matrix, in parts of its upper triangle that are equally large.
static void multiply_symmetric(
    const descent_kernels *k, long n, const double *a, long ld, const double *x, double *parts,
    double *y) {
  symmetric_product s = {k, n, ld, a, x, parts, {0}};
  const long count = n < 96 ? 1 : n < 256 ? 2 : n < 768 ? 4 : PARTS;
  for (long p = 1; p < count; p++)
    s.first[p] = (long)((double)n * (1 - sqrt(1 - (double)p / (double)count))) & ~3L;
  s.first[count] = n;
  run(count, symmetric_part, &s);
  memcpy(y, parts, sizeof(double) * (size_t)n);
  for (long p = 1; p < count; p++)
    k->axpy_double(n - s.first[p], 1, parts + p * n + s.first[p], y + s.first[p]);
}

typedef struct {
  const descent_kernels *k;
  long n, from, strip, depth;
  double *a;
  const double *vw, *wv;
} rank_update;

// A ← A − [V W]·[W V]ᵀ for some rows of the upper triangle.
static TASK update_strip(long s, CONTEXT context) {
  const rank_update *u = context;
  const long i = u->from + s * u->strip, rows = least(u->strip, u->n - i);
  u->k->product_double(
      true, false, rows, u->n - i, u->depth, -1, u->vw + i, u->n, u->wv + i, u->n, 1,
      u->a + i * u->n + i, u->n);
}

// T = HᵀAH. Row k of `a` gets reflection k, zeros before it; d and e get T, e[k] the element below d[k].
// `memory` has room for (3·NB + PARTS + 1)·n.
static void make_tridiagonal(
    long n, double *a, double *d, double *e, double *tau, double *memory) {
  const descent_kernels *k = descent_kernels_current();
  double *parts = memory + 3 * NB * n, *y = parts + PARTS * n;
  for (long k0 = 0; k0 < n - 1; k0 += NB) {
    const long count = least(NB, n - 1 - k0);
    double *v = memory, *w = v + count * n, *v2 = w + count * n;
    for (long i = 0; i < count; i++) {
      const long at = k0 + i, next = at + 1, length = n - next;
      double *row = a + at * n, *vi = v + i * n, *wi = w + i * n;
      for (long j = 0; j < i; j++) {
        k->axpy_double(n - at, -v[j * n + at], w + j * n + at, row + at);
        k->axpy_double(n - at, -w[j * n + at], v + j * n + at, row + at);
      }
      d[at] = row[at];
      e[at] = reflect(k, length, row + next, tau + at);
      memset(row, 0, sizeof(double) * (size_t)next);
      memcpy(vi, row, sizeof(double) * (size_t)n);
      memset(wi, 0, sizeof(double) * (size_t)n);
      if (tau[at] == 0) continue;
      const double *x = vi + next;
      multiply_symmetric(k, length, a + next * n + next, n, x, parts, y);
      for (long j = 0; j < i; j++) {
        const double *vj = v + j * n + next, *wj = w + j * n + next;
        const double wx = k->dot_double(length, wj, x), vx = k->dot_double(length, vj, x);
        k->axpy_double(length, -wx, vj, y);
        k->axpy_double(length, -vx, wj, y);
      }
      const double half = tau[at] / 2 * k->dot_double(length, y, x);
      for (long c = 0; c < length; c++) wi[next + c] = tau[at] * (y[c] - half * x[c]);
    }
    const long rest = k0 + count;
    memcpy(v2, v, sizeof(double) * (size_t)(count * n));
    rank_update u = {k, n, rest, 96, 2 * count, a, v, w};
    run((n - rest + u.strip - 1) / u.strip, update_strip, &u);
  }
  d[n - 1] = a[n * n - 1];
}

#include "tridiagonal.h"

bool descent_symmetric_eigen(long n, double *a, double *values) {
  if (n == 0) return true;
  const size_t square = (size_t)n * (size_t)n, row = (size_t)n;
  const size_t blocks = (row + NB - 1) / NB;
  const size_t wide = 3 * NB + PARTS + 1, panel = row * wide;
  // The panels of the reduction are done with when the division begins.
  const size_t doubles = (3 * square > panel ? 3 * square : panel) + 7 * row + blocks * NB * NB;
  char *memory =
      descent_scratch_begin((long)(sizeof(double) * doubles + sizeof(long) * (5 * row + 2) + 2 * row));
  double *free_doubles = (double *)memory;
  division v = {.k = descent_kernels_current(), .n = n};
  v.q = free_doubles;
  v.g = v.q + square;
  v.s = v.g + square;
  double *rows = free_doubles + (3 * square > panel ? 3 * square : panel);
  v.d = rows;
  v.e = v.d + row;
  v.z = v.e + row;
  v.poles = v.z + row;
  v.weights = v.poles + row;
  v.found = v.weights + row;
  double *tau = v.found + row, *t = tau + row;
  v.index = (long *)(t + blocks * NB * NB);
  v.order = v.index + row;
  v.place = v.order + row;
  v.bounds = v.place + row;
  v.wide = v.bounds + row + 1;
  v.kind = (char *)(v.wide + row + 1);
  v.failed = (bool *)(v.kind + row);
  memset(v.failed, 0, row);

  make_tridiagonal(n, a, v.d, v.e, tau, v.q);
  const bool solved = divide_and_conquer(&v);
  if (solved) {
    for (long i = 0; i < n; i++) {
      values[i] = v.d[v.index[i]];
      memcpy(v.g + i * n, v.q + v.index[i] * n, sizeof(double) * row);
    }
    // A·h = h·ℓ for h = H·s: the rows sᵀ turn into sᵀ·Hᵀ.
    reflections r = {
        .k = v.k, .count = n - 1, .shift = 1, .length = n, .v = a, .tau = tau, .ldv = n, .t = t,
        .x = v.g, .ldx = n, .rows = n, .strip = strip_for(n), .all = true};
    const long used = (n - 1 + NB - 1) / NB;
    r.first = used - 1;
    run(used, make_t, &r);
    run((n + r.strip - 1) / r.strip, apply_strip, &r);
    memcpy(a, v.g, sizeof(double) * square);
  }
  descent_scratch_end();
  return solved;
}
