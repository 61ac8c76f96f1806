// C ← A·B + β·C where A has the patches of images: element (i, p) of A is a[places[i] + steps[p]], so that
// patches are read where they lie, and never copied. B is packed as in matrix.h, once for all images.

enum { PATCH_ROWS = 6, PATCH_DEPTH = 384, PATCH_COLUMNS = 320 };
_Static_assert(PATCH_DEPTH * PATCH_COLUMNS <= DEPTH * PACK_COLUMNS, "panels must fit");

// A block of `rows` × `vectors`·W of C, whose element (i, j) is c[i·down + j·across].
INLINE void patch_block(
    const int rows, const int vectors, long depth, const float *a, const int32_t *places,
    const int32_t *steps, const float *b, float beta, float *c, long down, long across,
    long columns) {
  const float *row[PATCH_ROWS];
  vf sum[PATCH_ROWS][COLUMN_VECTORS];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    row[i] = a + places[i];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[i][v] = splat(0.0f);
  }
#pragma clang loop unroll(disable)
  for (long p = 0; p < depth; p++) {
    const long step = steps[p];
    vf bv[COLUMN_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) bv[v] = *(const vf *)(b + p * vectors * W + v * W);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const vf av = splat(row[i][step]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[i][v] = av * bv[v] + sum[i][v];
    }
  }
  if (across == 1 && columns == vectors * W) {
    const vf keep = splat(beta);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) {
        float *p = c + i * down + v * W;
        store(p, beta == 0 ? sum[i][v] : keep * load(p) + sum[i][v]);
      }
    return;
  }
  float out[PATCH_ROWS][COLUMN_VECTORS * VECTOR_BYTES / sizeof(float)];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) store(out[i] + v * W, sum[i][v]);
  for (long j = 0; j < columns; j++) {
    float *p = c + j * across;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
      p[i * down] = beta == 0 ? out[i][j] : beta * p[i * down] + out[i][j];
  }
}

typedef void (*patch_function)(
    long depth, const float *a, const int32_t *places, const int32_t *steps, const float *b,
    float beta, float *c, long down, long across, long columns);
#define PATCH_BLOCK(R, V)                                                                     \
  static void patch_block_##R##_##V(                                                          \
      long depth, const float *a, const int32_t *places, const int32_t *steps,                \
      const float *b, float beta, float *c, long down, long across, long columns) {           \
    if (down == 1)                                                                            \
      patch_block(R, V, depth, a, places, steps, b, beta, c, 1, across, columns);             \
    else                                                                                      \
      patch_block(R, V, depth, a, places, steps, b, beta, c, down, across, columns);          \
  }
#define PATCH_BLOCKS(R) PATCH_BLOCK(R, 1) PATCH_BLOCK(R, 2)
PATCH_BLOCKS(1)
PATCH_BLOCKS(2)
PATCH_BLOCKS(3)
PATCH_BLOCKS(4)
PATCH_BLOCKS(5)
PATCH_BLOCKS(6)
#define PATCH_ENTRY(R) {patch_block_##R##_1, patch_block_##R##_2}
// [rows − 1][vectors − 1]
static const patch_function patch_table[PATCH_ROWS][COLUMN_VECTORS] = {
    PATCH_ENTRY(1), PATCH_ENTRY(2), PATCH_ENTRY(3), PATCH_ENTRY(4), PATCH_ENTRY(5), PATCH_ENTRY(6),
};

static void k_patch_product(
    long images, long m, long n, long k, const float *a, long a_image, const int32_t *places,
    const int32_t *steps, bool trans_b, const float *b, long ldb, float beta, float *c,
    long c_image, long down, long across) {
  const pack_buffers pack = buffers();
  const long parts = (k + PATCH_DEPTH - 1) / PATCH_DEPTH, most = (k + parts - 1) / parts;
  for (long j0 = 0; j0 < n; j0 += PATCH_COLUMNS) {
    const long columns = n - j0 < PATCH_COLUMNS ? n - j0 : PATCH_COLUMNS;
    for (long p0 = 0; p0 < k; p0 += most) {
      const long depth = k - p0 < most ? k - p0 : most;
      for (long j = 0; j < columns; j += NR) {
        const long w = columns - j < NR ? columns - j : NR, width = (w + W - 1) / W * W;
        float *panel = pack.b + j * depth;
        if (trans_b)
          pack_transposed(
              DESCENT_FLOAT32, panel, width, b + (j0 + j) * ldb + p0, ldb, w, depth);
        else
          pack_plain(DESCENT_FLOAT32, panel, width, b + p0 * ldb + j0 + j, ldb, w, depth);
      }
      for (long image = 0; image < images; image++)
        for (long j = 0; j < columns; j += NR) {
          const long w = columns - j < NR ? columns - j : NR, vectors = (w + W - 1) / W;
          for (long i = 0; i < m; i += PATCH_ROWS) {
            const long h = m - i < PATCH_ROWS ? m - i : PATCH_ROWS;
            patch_table[h - 1][vectors - 1](
                depth, a + image * a_image, places + i, steps + p0, pack.b + j * depth,
                p0 == 0 ? beta : 1, c + image * c_image + i * down + (j0 + j) * across, down,
                across, w);
          }
        }
    }
  }
}
