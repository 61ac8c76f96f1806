// Loops over doubles, for decompositions of matrices.

#define WD ((long)(VECTOR_BYTES / sizeof(double)))
typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef double v2 __attribute__((vector_size(16)));
typedef double v2_unaligned __attribute__((vector_size(16), aligned(8)));
typedef double d4 __attribute__((vector_size(32)));
typedef double d4_unaligned __attribute__((vector_size(32), aligned(8)));
typedef double vd_unaligned __attribute__((vector_size(VECTOR_BYTES), aligned(8)));

INLINE vd load_doubles(const double *p) { return *(const vd_unaligned *)p; }
INLINE void store_doubles(double *p, vd v) { *(vd_unaligned *)p = v; }
INLINE vd splat_d(double x) { return x - (vd){}; }
INLINE double add_lanes_of(vd v) {
  double t[VECTOR_BYTES / sizeof(double)];
  memcpy(t, &v, sizeof v);
  for (long w = WD / 2; w > 0; w /= 2)
    for (long i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}

// C ← α·op(A)·op(B) + β·C. A is packed into panels of ROWS rows and B into panels of two vectors, both
// filled up with zeros; a block of C stays in registers while k runs, in blocks of DEPTH.
#define NRD (2 * WD)
enum { PACK_ROWS_D = ROWS * (ROWS < 10 ? 16 : 8), PACK_COLUMNS_D = 256 };

typedef struct {
  double *a;  // PACK_ROWS_D × DEPTH
  double *b;  // DEPTH × PACK_COLUMNS_D
} pack_buffers_d;

static pack_buffers_d buffers_d(void) {
  static _Thread_local pack_buffers_d own;
  if (!own.a) {
    const size_t a = PACK_ROWS_D * DEPTH, b = DEPTH * PACK_COLUMNS_D;
    own.a = descent_allocate((long)((a + b) * sizeof(double)), 128);
    own.b = own.a + a;
  }
  return own;
}

// to[p·width + j] = the element (j, p) of an operand, j < count ≤ width; 0 up to `width`. Element (j, p)
// lies at from[j·ld + p], or where `across` at from[p·ld + j].
INLINE void pack_d(
    const long width, bool across, double *to, const double *from, long ld, long count,
    long depth) {
  if (count < width)
    for (long p = 0; p < depth; p++)
      for (long j = count; j < width; j++) to[p * width + j] = 0;
  if (across) {
    if (count == width) {
      for (long p = 0; p < depth; p++)
        memcpy(to + p * width, from + p * ld, (size_t)width * sizeof(double));
    } else {
      for (long p = 0; p < depth; p++)
        for (long j = 0; j < count; j++) to[p * width + j] = from[p * ld + j];
    }
    return;
  }
  long j = 0;
  for (; j + 4 <= count; j += 4) {
    const double *r0 = from + j * ld, *r1 = r0 + ld, *r2 = r1 + ld, *r3 = r2 + ld;
    double *t = to + j;
    long p = 0;
    for (; p + 4 <= depth; p += 4) {
      const d4 a = *(const d4_unaligned *)(r0 + p), b = *(const d4_unaligned *)(r1 + p);
      const d4 c = *(const d4_unaligned *)(r2 + p), e = *(const d4_unaligned *)(r3 + p);
      const d4 ab0 = __builtin_shufflevector(a, b, 0, 4, 2, 6);
      const d4 ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
      const d4 ce0 = __builtin_shufflevector(c, e, 0, 4, 2, 6);
      const d4 ce1 = __builtin_shufflevector(c, e, 1, 5, 3, 7);
      *(d4_unaligned *)(t + p * width) = __builtin_shufflevector(ab0, ce0, 0, 1, 4, 5);
      *(d4_unaligned *)(t + (p + 1) * width) = __builtin_shufflevector(ab1, ce1, 0, 1, 4, 5);
      *(d4_unaligned *)(t + (p + 2) * width) = __builtin_shufflevector(ab0, ce0, 2, 3, 6, 7);
      *(d4_unaligned *)(t + (p + 3) * width) = __builtin_shufflevector(ab1, ce1, 2, 3, 6, 7);
    }
    for (; p < depth; p++) {
      t[p * width] = r0[p];
      t[p * width + 1] = r1[p];
      t[p * width + 2] = r2[p];
      t[p * width + 3] = r3[p];
    }
  }
  for (; j + 2 <= count; j += 2) {
    const double *r0 = from + j * ld, *r1 = r0 + ld;
    double *t = to + j;
    long p = 0;
    for (; p + 2 <= depth; p += 2) {
      const v2 x = *(const v2_unaligned *)(r0 + p), y = *(const v2_unaligned *)(r1 + p);
      *(v2_unaligned *)(t + p * width) = __builtin_shufflevector(x, y, 0, 2);
      *(v2_unaligned *)(t + (p + 1) * width) = __builtin_shufflevector(x, y, 1, 3);
    }
    if (p < depth) {
      t[p * width] = r0[p];
      t[p * width + 1] = r1[p];
    }
  }
  for (; j < count; j++)
    for (long p = 0; p < depth; p++) to[p * width + j] = from[j * ld + p];
}

// A block of `rows` × `columns` of C, which are ROWS × NRD unless at an edge.
static void block_d(
    long depth, const double *a, const double *b, double alpha, double beta, double *c, long ldc,
    long rows, long columns) {
  vd sum[ROWS][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < ROWS; i++) sum[i][0] = sum[i][1] = splat_d(0);
#pragma clang loop unroll(disable)
  for (long p = 0; p < depth; p++) {
    const vd b0 = *(const vd *)(b + p * NRD), b1 = *(const vd *)(b + p * NRD + WD);
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++) {
      const vd x = splat_d(a[p * ROWS + i]);
      sum[i][0] = x * b0 + sum[i][0];
      sum[i][1] = x * b1 + sum[i][1];
    }
  }
  const vd scale = splat_d(alpha), keep = splat_d(beta);
  if (rows == ROWS && columns == NRD) {
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++)
#pragma clang loop unroll(full)
      for (int v = 0; v < 2; v++) {
        double *p = c + i * ldc + v * WD;
        const vd product = scale * sum[i][v];
        store_doubles(p, beta == 0 ? product : keep * load_doubles(p) + product);
      }
    return;
  }
  double out[ROWS][2 * VECTOR_BYTES / sizeof(double)];
#pragma clang loop unroll(full)
  for (int i = 0; i < ROWS; i++) {
    store_doubles(out[i], scale * sum[i][0]);
    store_doubles(out[i] + WD, scale * sum[i][1]);
  }
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) {
      double *p = c + i * ldc + j;
      *p = beta == 0 ? out[i][j] : beta * *p + out[i][j];
    }
}

static void k_product_double(
    bool trans_a, bool trans_b, long m, long n, long k, double alpha, const double *a, long lda,
    const double *b, long ldb, double beta, double *c, long ldc) {
  if (k == 0 || alpha == 0) {
    for (long i = 0; i < m; i++)
      for (long j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    return;
  }
  const pack_buffers_d pack = buffers_d();
  for (long j0 = 0; j0 < n; j0 += PACK_COLUMNS_D) {
    const long columns = n - j0 < PACK_COLUMNS_D ? n - j0 : PACK_COLUMNS_D;
    for (long p0 = 0; p0 < k; p0 += DEPTH) {
      const long depth = k - p0 < DEPTH ? k - p0 : DEPTH;
      const double keep = p0 == 0 ? beta : 1;
      for (long j = 0; j < columns; j += NRD) {
        const long w = columns - j < NRD ? columns - j : NRD;
        const double *from = trans_b ? b + (j0 + j) * ldb + p0 : b + p0 * ldb + j0 + j;
        pack_d(NRD, !trans_b, pack.b + j * depth, from, ldb, w, depth);
      }
      for (long i0 = 0; i0 < m; i0 += PACK_ROWS_D) {
        const long rows = m - i0 < PACK_ROWS_D ? m - i0 : PACK_ROWS_D;
        for (long i = 0; i < rows; i += ROWS) {
          const long h = rows - i < ROWS ? rows - i : ROWS;
          const double *from = trans_a ? a + p0 * lda + i0 + i : a + (i0 + i) * lda + p0;
          pack_d(ROWS, trans_a, pack.a + i * depth, from, lda, h, depth);
        }
        for (long j = 0; j < columns; j += NRD) {
          const long w = columns - j < NRD ? columns - j : NRD;
          for (long i = 0; i < rows; i += ROWS) {
            const long h = rows - i < ROWS ? rows - i : ROWS;
            block_d(
                depth, pack.a + i * depth, pack.b + j * depth, alpha, keep,
                c + (i0 + i) * ldc + j0 + j, ldc, h, w);
          }
        }
      }
    }
  }
}

static double k_dot_double(long n, const double *x, const double *y) {
  vd s0 = {}, s1 = {}, s2 = {}, s3 = {};
  long i = 0;
  for (; i + 4 * WD <= n; i += 4 * WD) {
    s0 = load_doubles(x + i) * load_doubles(y + i) + s0;
    s1 = load_doubles(x + i + WD) * load_doubles(y + i + WD) + s1;
    s2 = load_doubles(x + i + 2 * WD) * load_doubles(y + i + 2 * WD) + s2;
    s3 = load_doubles(x + i + 3 * WD) * load_doubles(y + i + 3 * WD) + s3;
  }
  for (; i + WD <= n; i += WD) s0 = load_doubles(x + i) * load_doubles(y + i) + s0;
  double sum = add_lanes_of((s0 + s1) + (s2 + s3));
  for (; i < n; i++) sum += x[i] * y[i];
  return sum;
}

static void k_axpy_double(long n, double alpha, const double *x, double *y) {
  const vd s = splat_d(alpha);
  long i = 0;
  for (; i + WD <= n; i += WD) store_doubles(y + i, s * load_doubles(x + i) + load_doubles(y + i));
  for (; i < n; i++) y[i] += alpha * x[i];
}

static void k_rotate_double(long n, double c, double s, double *x, double *y) {
  const vd cv = splat_d(c), sv = splat_d(s);
  long i = 0;
  for (; i + WD <= n; i += WD) {
    const vd a = load_doubles(x + i), b = load_doubles(y + i);
    store_doubles(x + i, cv * a - sv * b);
    store_doubles(y + i, sv * a + cv * b);
  }
  for (; i < n; i++) {
    const double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

// Four rows of A at a time, so that x and y are read once for four.
static void k_symmetric_double(
    long n, long first, long last, const double *a, long lda, const double *x, double *y) {
  long r = first;
  for (; r + 4 <= last; r += 4) {
    const double *a0 = a + r * lda, *a1 = a0 + lda, *a2 = a1 + lda, *a3 = a2 + lda;
    const double x0 = x[r], x1 = x[r + 1], x2 = x[r + 2], x3 = x[r + 3];
    y[r] += a0[r] * x0 + a0[r + 1] * x1 + (a0[r + 2] * x2 + a0[r + 3] * x3);
    y[r + 1] += a0[r + 1] * x0 + a1[r + 1] * x1 + (a1[r + 2] * x2 + a1[r + 3] * x3);
    y[r + 2] += a0[r + 2] * x0 + a1[r + 2] * x1 + (a2[r + 2] * x2 + a2[r + 3] * x3);
    y[r + 3] += a0[r + 3] * x0 + a1[r + 3] * x1 + (a2[r + 3] * x2 + a3[r + 3] * x3);
    const vd v0 = splat_d(x0), v1 = splat_d(x1), v2 = splat_d(x2), v3 = splat_d(x3);
    vd s0 = {}, s1 = {}, s2 = {}, s3 = {};
    long c = r + 4;
    for (; c + WD <= n; c += WD) {
      const vd b0 = load_doubles(a0 + c), b1 = load_doubles(a1 + c);
      const vd b2 = load_doubles(a2 + c), b3 = load_doubles(a3 + c);
      const vd xv = load_doubles(x + c);
      vd yv = load_doubles(y + c);
      s0 = b0 * xv + s0;
      s1 = b1 * xv + s1;
      s2 = b2 * xv + s2;
      s3 = b3 * xv + s3;
      yv = b0 * v0 + yv;
      yv = b1 * v1 + yv;
      yv = b2 * v2 + yv;
      yv = b3 * v3 + yv;
      store_doubles(y + c, yv);
    }
    double t0 = add_lanes_of(s0), t1 = add_lanes_of(s1);
    double t2 = add_lanes_of(s2), t3 = add_lanes_of(s3);
    for (; c < n; c++) {
      t0 += a0[c] * x[c];
      t1 += a1[c] * x[c];
      t2 += a2[c] * x[c];
      t3 += a3[c] * x[c];
      y[c] += a0[c] * x0 + a1[c] * x1 + (a2[c] * x2 + a3[c] * x3);
    }
    y[r] += t0;
    y[r + 1] += t1;
    y[r + 2] += t2;
    y[r + 3] += t3;
  }
  for (; r < last; r++) {
    const double *row = a + r * lda;
    y[r] += row[r] * x[r] + k_dot_double(n - r - 1, row + r + 1, x + r + 1);
    k_axpy_double(n - r - 1, x[r], row + r + 1, y + r + 1);
  }
}

static descent_sums k_secular_sums(long n, const double *poles, const double *z, double x) {
  const vd at = splat_d(x);
  vd v0 = {}, v1 = {}, s0 = {}, s1 = {};
  long i = 0;
  for (; i + 2 * WD <= n; i += 2 * WD) {
    const vd z0 = load_doubles(z + i), z1 = load_doubles(z + i + WD);
    const vd t0 = z0 / (load_doubles(poles + i) - at), t1 = z1 / (load_doubles(poles + i + WD) - at);
    v0 = z0 * t0 + v0;
    v1 = z1 * t1 + v1;
    s0 = t0 * t0 + s0;
    s1 = t1 * t1 + s1;
  }
  double value = add_lanes_of(v0 + v1), slope = add_lanes_of(s0 + s1);
  for (; i < n; i++) {
    const double t = z[i] / (poles[i] - x);
    value += z[i] * t;
    slope += t * t;
  }
  return (descent_sums){value, slope};
}

static void k_scale_by_quotients(
    long n, const double *x, const double *poles, double pole, double *y) {
  const vd at = splat_d(pole);
  long i = 0;
  for (; i + WD <= n; i += WD)
    store_doubles(y + i, load_doubles(y + i) * (load_doubles(x + i) / (load_doubles(poles + i) - at)));
  for (; i < n; i++) y[i] *= x[i] / (poles[i] - pole);
}

static double k_quotients(long n, const double *z, double *x) {
  vd s0 = {};
  long i = 0;
  for (; i + WD <= n; i += WD) {
    const vd t = load_doubles(z + i) / load_doubles(x + i);
    store_doubles(x + i, t);
    s0 = t * t + s0;
  }
  double sum = add_lanes_of(s0);
  for (; i < n; i++) {
    x[i] = z[i] / x[i];
    sum += x[i] * x[i];
  }
  return sum;
}
