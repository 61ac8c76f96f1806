// C ← α·op(A)·op(B) + β·C, written once over vectors and compiled for each instruction set
// (see kernels_*.c, which define ROWS, the height of the register block).
//
// B is packed into panels of two vectors; A is read where it lies, or from a copy when it is
// transposed or its rows would fall into the same cache sets. A block of ROWS × 2 vectors of C stays
// in registers while k runs. Each element of C is summed over k in
// order, in blocks of DEPTH.

#include <stdlib.h>

enum { COLUMN_VECTORS = 2, DEPTH = 256, PACK_COLUMNS = 512 };
#define NR (COLUMN_VECTORS * W)
// The row stride of a copied A that is not transposed; odd in cache lines, so that the rows of a
// panel fall into different cache sets.
#define A_STRIDE (DEPTH + 16)
#define PACK_ROWS (ROWS * (ROWS < 10 ? 24 : 12))

typedef struct {
  float *a;  // PACK_ROWS × A_STRIDE
  float *b;  // DEPTH × PACK_COLUMNS
} pack_buffers;

// One pair of buffers a thread, kept for the next product.
static pack_buffers buffers(void) {
  static _Thread_local pack_buffers own;
  if (!own.a) {
    const size_t a = PACK_ROWS * A_STRIDE, b = DEPTH * PACK_COLUMNS;
    own.a = descent_allocate((long)((a + b) * sizeof(float)), 128);
    own.b = own.a + a;
  }
  return own;
}

// dst[p·width + j] = src[j·ld + p] for j < columns, p < depth.
INLINE void transpose(
    const descent_element element, float *dst, long width, const void *src, long ld, long columns,
    long depth) {
#define FROM(row, p) element_at(element, row, p)
  long j = 0;
  for (; j + 4 <= columns; j += 4) {
    const void *r0 = FROM(src, j * ld), *r1 = FROM(r0, ld), *r2 = FROM(r1, ld), *r3 = FROM(r2, ld);
    float *d = dst + j;
    long p = 0;
    for (; p + 4 <= depth; p += 4) {
      const v4 a = load_4_as(element, FROM(r0, p)), b = load_4_as(element, FROM(r1, p));
      const v4 c = load_4_as(element, FROM(r2, p)), e = load_4_as(element, FROM(r3, p));
      const v4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const v4 ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const v4 ce0 = __builtin_shufflevector(c, e, 0, 4, 1, 5);
      const v4 ce1 = __builtin_shufflevector(c, e, 2, 6, 3, 7);
      *(v4_unaligned *)(d + p * width) = __builtin_shufflevector(ab0, ce0, 0, 1, 4, 5);
      *(v4_unaligned *)(d + (p + 1) * width) = __builtin_shufflevector(ab0, ce0, 2, 3, 6, 7);
      *(v4_unaligned *)(d + (p + 2) * width) = __builtin_shufflevector(ab1, ce1, 0, 1, 4, 5);
      *(v4_unaligned *)(d + (p + 3) * width) = __builtin_shufflevector(ab1, ce1, 2, 3, 6, 7);
    }
    for (; p < depth; p++) {
      d[p * width] = load_1(element, FROM(r0, p));
      d[p * width + 1] = load_1(element, FROM(r1, p));
      d[p * width + 2] = load_1(element, FROM(r2, p));
      d[p * width + 3] = load_1(element, FROM(r3, p));
    }
  }
  for (; j < columns; j++)
    for (long p = 0; p < depth; p++)
      dst[p * width + j] = load_1(element, FROM(src, j * ld + p));
}
static void k_transpose(long rows, long columns, const float *x, long ldx, float *y, long ldy) {
  // Rows of Y, whose lines in the cache are filled before others take their places.
  for (long p = 0; p < columns; p += 16)
    transpose(
        DESCENT_FLOAT32, y + p * ldy, ldy, x + p, ldx, rows, columns - p < 16 ? columns - p : 16);
}

// The same; 0 up to `width` columns.
INLINE void pack_transposed(
    const descent_element element, float *dst, long width, const void *src, long ld, long columns,
    long depth) {
  transpose(element, dst, width, src, ld, columns, depth);
  for (long j = columns; j < width; j++)
    for (long p = 0; p < depth; p++) dst[p * width + j] = 0;
}

// dst[p·width + j] = src[p·ld + j] for j < columns, p < depth; 0 up to `width` columns.
INLINE void pack_plain(
    const descent_element element, float *dst, long width, const void *src, long ld, long columns,
    long depth) {
  if (columns == NR) {
    for (long p = 0; p < depth; p++)
      for (long v = 0; v < COLUMN_VECTORS; v++)
        store(dst + p * NR + v * W, load_as(element, FROM(src, p * ld + v * W)));
    return;
  }
  for (long p = 0; p < depth; p++) {
    for (long j = 0; j < columns; j++) dst[p * width + j] = load_1(element, FROM(src, p * ld + j));
    for (long j = columns; j < width; j++) dst[p * width + j] = 0;
  }
}

#undef FROM

// The first n ≤ ROWS elements: whole panels by copies of known size.
INLINE void copy_part(float *dst, const float *src, long n) {
  if (n == ROWS) {
    memcpy(dst, src, ROWS * sizeof(float));
  } else if (ROWS < W) {
    store_part(dst, load_part(src, n, 0), n);
  } else {
    for (long i = 0; i < n; i++) dst[i] = src[i];
  }
}

// A block of `rows` × `vectors`·W of C. Element (i, p) of A is a[i·row_stride + p·step].
INLINE void block(
    const int rows, const int vectors, long row_stride, long step, long depth, const float *a,
    const float *b, float alpha, float beta, float *c, long ldc, long columns) {
  vf sum[ROWS][COLUMN_VECTORS];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[i][v] = splat(0.0f);
  // C is wanted when the sums are done.
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) __builtin_prefetch(c + i * ldc, 1);
#pragma clang loop unroll(disable)
  for (long p = 0; p < depth; p++) {
    vf bv[COLUMN_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) bv[v] = *(const vf *)(b + p * vectors * W + v * W);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const vf av = splat(a[i * row_stride + p * step]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[i][v] = av * bv[v] + sum[i][v];
    }
  }
  const vf scale = splat(alpha), keep = splat(beta);
  if (columns == vectors * W) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) {
        float *p = c + i * ldc + v * W;
        const vf product = scale * sum[i][v];
        store(p, beta == 0 ? product : keep * load(p) + product);
      }
    return;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    float out[COLUMN_VECTORS * VECTOR_BYTES / sizeof(float)];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) store(out + v * W, scale * sum[i][v]);
    float *p = c + i * ldc;
    for (long j = 0; j < columns; j++) p[j] = beta == 0 ? out[j] : beta * p[j] + out[j];
  }
}

// The function that computes a block of a number of rows and vectors known to the compiler.
typedef void (*block_function)(
    long depth, const float *a, long a_stride, const float *b, float alpha, float beta, float *c,
    long ldc, long columns);
#define BLOCK(R, V)                                                                           \
  static void block_##R##_##V(                                                                \
      long depth, const float *a, long a_stride, const float *b, float alpha, float beta,     \
      float *c, long ldc, long columns) {                                                     \
    block(R, V, a_stride, 1, depth, a, b, alpha, beta, c, ldc, columns);                      \
  }                                                                                           \
  static void block_t_##R##_##V(                                                              \
      long depth, const float *a, long a_stride, const float *b, float alpha, float beta,     \
      float *c, long ldc, long columns) {                                                     \
    (void)a_stride;                                                                           \
    block(R, V, 1, ROWS, depth, a, b, alpha, beta, c, ldc, columns);                          \
  }
#define BLOCKS(R) BLOCK(R, 1) BLOCK(R, 2)
BLOCKS(1)
BLOCKS(2)
BLOCKS(3)
BLOCKS(4)
BLOCKS(5)
BLOCKS(6)
#if ROWS > 6
BLOCKS(7)
BLOCKS(8)
BLOCKS(9)
BLOCKS(10)
BLOCKS(11)
BLOCKS(12)
#endif
#if ROWS > 12
BLOCKS(13)
BLOCKS(14)
#endif

#define ENTRY(R)                                 \
  {{block_##R##_1, block_##R##_2}, {block_t_##R##_1, block_t_##R##_2}}
// [rows − 1][A transposed][vectors − 1]
static const block_function block_table[ROWS][2][COLUMN_VECTORS] = {
    ENTRY(1),  ENTRY(2),  ENTRY(3),  ENTRY(4),  ENTRY(5),  ENTRY(6),
#if ROWS > 6
    ENTRY(7),  ENTRY(8),  ENTRY(9),  ENTRY(10), ENTRY(11), ENTRY(12),
#endif
#if ROWS > 12
    ENTRY(13), ENTRY(14),
#endif
};

INLINE void product_of(
    const descent_element element, bool trans_a, bool trans_b, long m, long n, long k, float alpha,
    const float *a, long lda, const void *b, long ldb, float beta, float *c, long ldc) {
  if (k == 0 || alpha == 0) {
    for (long i = 0; i < m; i++)
      for (long j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    return;
  }
  const pack_buffers pack = buffers();
  // Rows whose distance is a multiple of half the first-level cache's set span displace each other.
  const bool direct = !trans_a && lda % 512 != 0;
  for (long j0 = 0; j0 < n; j0 += PACK_COLUMNS) {
    const long columns = n - j0 < PACK_COLUMNS ? n - j0 : PACK_COLUMNS;
    for (long p0 = 0; p0 < k; p0 += DEPTH) {
      const long depth = k - p0 < DEPTH ? k - p0 : DEPTH;
      const float keep = p0 == 0 ? beta : 1;
      for (long j = 0; j < columns; j += NR) {
        const long w = columns - j < NR ? columns - j : NR, width = (w + W - 1) / W * W;
        if (trans_b)
          pack_transposed(
              element, pack.b + j * depth, width, element_at(element, b, (j0 + j) * ldb + p0), ldb,
              w, depth);
        else
          pack_plain(
              element, pack.b + j * depth, width, element_at(element, b, p0 * ldb + j0 + j), ldb, w,
              depth);
      }
      for (long i0 = 0; i0 < m; i0 += PACK_ROWS) {
        const long rows = m - i0 < PACK_ROWS ? m - i0 : PACK_ROWS;
        if (trans_a) {
          for (long i = 0; i < rows; i += ROWS) {
            const long h = rows - i < ROWS ? rows - i : ROWS;
            const float *from = a + p0 * lda + i0 + i;
            float *to = pack.a + i * depth;
            for (long p = 0; p < depth; p++) copy_part(to + p * ROWS, from + p * lda, h);
          }
        } else if (!direct) {
          for (long i = 0; i < rows; i++)
            copy_row(pack.a + i * A_STRIDE, a + (i0 + i) * lda + p0, depth);
        }
        const float *panel = direct ? a + i0 * lda + p0 : pack.a;
        const long stride = direct ? lda : trans_a ? depth : A_STRIDE;
        for (long j = 0; j < columns; j += NR) {
          const long w = columns - j < NR ? columns - j : NR, vectors = (w + W - 1) / W;
          for (long i = 0; i < rows; i += ROWS) {
            const long h = rows - i < ROWS ? rows - i : ROWS;
            block_table[h - 1][trans_a][vectors - 1](
                depth, panel + i * stride, stride, pack.b + j * depth, alpha, keep,
                c + (i0 + i) * ldc + j0 + j, ldc, w);
          }
        }
      }
    }
  }
}

static void k_product(
    bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,
    const float *b, long ldb, float beta, float *c, long ldc) {
  product_of(
      DESCENT_FLOAT32, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void k_product_widening(
    descent_element element, bool trans_a, bool trans_b, long m, long n, long k, float alpha,
    const float *a, long lda, const void *b, long ldb, float beta, float *c, long ldc) {
  switch (element) {
    case DESCENT_FLOAT32:
      k_product(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
      break;
    case DESCENT_BFLOAT16:
      product_of(
          DESCENT_BFLOAT16, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
      break;
    case DESCENT_FLOAT16:
      product_of(DESCENT_FLOAT16, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
      break;
  }
}

// `columns` elements in each of `rows` rows of C: all their sums run at once, each in one vector of
// lanes.
INLINE void dots(
    const descent_element element, const int rows, const int columns, long k, const float *a,
    long lda, const void *b, long ldb, float beta, float *c, long ldc) {
  vf sum[DESCENT_FEW_ROWS][4];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) sum[i][j] = splat(0.0f);
  long p = 0;
  for (; p + W <= k; p += W) {
    vf bv[4];
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) bv[j] = load_as(element, element_at(element, b, j * ldb + p));
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const vf av = load(a + i * lda + p);
#pragma clang loop unroll(full)
      for (int j = 0; j < columns; j++) sum[i][j] = av * bv[j] + sum[i][j];
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      float total = add_lanes(sum[i][j]);
      for (long q = p; q < k; q++)
        total += a[i * lda + q] * load_1(element, element_at(element, b, j * ldb + q));
      float *y = c + i * ldc + j;
      *y = beta == 0 ? total : beta * *y + total;
    }
}

INLINE void dot_rows_of(
    const descent_element element, const int rows, long n, long k, const float *a, long lda,
    const void *b, long ldb, float beta, float *c, long ldc) {
  // As many sums as registers hold.
  const int columns = rows > 2 ? 2 : 4;
  long j = 0;
  for (; j + columns <= n; j += columns)
    dots(element, rows, columns, k, a, lda, element_at(element, b, j * ldb), ldb, beta, c + j, ldc);
  for (; j < n; j++)
    dots(element, rows, 1, k, a, lda, element_at(element, b, j * ldb), ldb, beta, c + j, ldc);
}

#define DOT_ROWS(element)                                                            \
  switch (m) {                                                                       \
    case 1: dot_rows_of(element, 1, n, k, a, lda, b, ldb, beta, c, ldc); break;      \
    case 2: dot_rows_of(element, 2, n, k, a, lda, b, ldb, beta, c, ldc); break;      \
    case 3: dot_rows_of(element, 3, n, k, a, lda, b, ldb, beta, c, ldc); break;      \
    case 4: dot_rows_of(element, 4, n, k, a, lda, b, ldb, beta, c, ldc); break;      \
  }
static void k_dot_rows(
    descent_element element, long m, long n, long k, const float *a, long lda, const void *b,
    long ldb, float beta, float *c, long ldc) {
  switch (element) {
    case DESCENT_FLOAT32: DOT_ROWS(DESCENT_FLOAT32) break;
    case DESCENT_BFLOAT16: DOT_ROWS(DESCENT_BFLOAT16) break;
    case DESCENT_FLOAT16: DOT_ROWS(DESCENT_FLOAT16) break;
  }
}
