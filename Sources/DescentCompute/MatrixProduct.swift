internal import CDescentKernels

/// Products of row-major matrices, C ← α·op(A)·op(B) + β·C.
///
/// op(A) is m × k and op(B) is k × n; `transA` says that A is stored k × m, `transB` that B is
/// stored n × k. `lda`, `ldb` and `ldc` are the distances between the starts of stored rows.
/// C is not read when β = 0.
package enum MatrixProduct {
  package enum Backend: Sendable {
    case builtIn
    case blas
  }

  /// What the calling thread's products are computed by: the faster of the two, which on x86 with
  /// AVX2 or AVX-512 is the built-in kernels unless DESCENT_BLAS asks for a BLAS. Setting it is for tests and measurements; `blas` has no effect where none is
  /// found.
  package static var backend: Backend {
    get { descent_product_is_built_in() ? .builtIn : .blas }
    set { descent_product_select_built_in(newValue == .builtIn) }
  }

  /// Undoes a setting of ``backend`` on the calling thread.
  package static func useBestBackend() { descent_product_select_best() }

  /// The product, computed by all threads in tiles of C whose shape follows from m, n and k alone.
  package static func multiply(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
    beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    let product = unsafe descent_product_current()
    let tile = Tile(m: m, n: n, k: k)
    let across = (n + tile.columns - 1) / tile.columns
    let count = across * ((m + tile.rows - 1) / tile.rows)
    let (a, b, c) = unsafe (Shared(mutating: a), Shared(mutating: b), Shared(c))
    ThreadPool.shared.run(count) { t in
      let i = t / across * tile.rows
      let j = t % across * tile.columns
      unsafe product(
        transA, transB, min(tile.rows, m - i), min(tile.columns, n - j), k,
        alpha, a.pointer + (transA ? i : i * lda), lda, b.pointer + (transB ? j * ldb : j), ldb,
        beta, c.pointer + i * ldc + j, ldc)
    }
  }

  /// The product, computed by the calling thread: for use inside tasks.
  package static func multiplySerial(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
    beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    guard m > 0, n > 0 else { return }
    unsafe descent_product_current()(
      transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  /// `batch` products of the same shape; matrix i of each operand starts i strides after the first.
  /// A stride of 0 uses one A or B for all.
  package static func multiplyBatched(
    batch: Int, transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: UnsafePointer<Float>, lda: Int, strideA: Int,
    b: UnsafePointer<Float>, ldb: Int, strideB: Int,
    beta: Float = 0, c: UnsafeMutablePointer<Float>, ldc: Int, strideC: Int
  ) {
    guard m > 0, n > 0 else { return }
    let product = unsafe descent_product_current()
    let (a, b, c) = unsafe (Shared(mutating: a), Shared(mutating: b), Shared(c))
    ThreadPool.shared.run(batch) { i in
      unsafe product(
        transA, transB, m, n, k, alpha, a.pointer + i * strideA, lda,
        b.pointer + i * strideB, ldb, beta, c.pointer + i * strideC, ldc)
    }
  }
}

/// The part of C that one task computes: by shape alone, so that results never depend on threads.
struct Tile {
  let rows: Int
  let columns: Int

  init(m: Int, n: Int, k: Int) {
    // Small products are not worth a second thread.
    guard m * n * k > 64 * 64 * 64 else {
      (rows, columns) = (max(m, 1), max(n, 1))
      return
    }
    // Wide tiles: memory is slow, and each tile across reads A again.
    var rows = Self.part(of: m, atMost: 192)
    var columns = Self.part(of: n, atMost: 256)
    // Enough tiles to share, while they stay large enough to be worth packing.
    while (m + rows - 1) / rows * ((n + columns - 1) / columns) < 4 {
      if min(n, columns) > 96 {
        columns = Self.part(of: n, atMost: columns - 1)
      } else if min(m, rows) > 96 {
        rows = Self.part(of: m, atMost: rows - 1)
      } else {
        break
      }
    }
    (self.rows, self.columns) = (rows, columns)
  }

  /// The size of the equal parts of `length`, each at most `limit` ≥ 32 long; a multiple of 32,
  /// which every vector width divides.
  private static func part(of length: Int, atMost limit: Int) -> Int {
    let limit = limit / 32 * 32
    let parts = (length + limit - 1) / limit
    let size = (length + parts - 1) / parts
    return (size + 31) / 32 * 32
  }
}

// MARK: - Checked matrices

extension MatrixProduct {
  /// The product of contiguous matrices (row length = number of columns), by all threads.
  package static func multiply(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: Span<Float>, b: Span<Float>, beta: Float = 0,
    c: inout MutableSpan<Float>
  ) {
    precondition(a.count == m * k && b.count == k * n && c.count == m * n)
    guard !c.isEmpty else { return }
    unsafe withPointers(a, b, &c) { a, b, c in
      unsafe multiply(
        transA: transA, transB: transB, m: m, n: n, k: k,
        alpha: alpha, a: a, lda: max(transA ? m : k, 1), b: b, ldb: max(transB ? k : n, 1),
        beta: beta, c: c, ldc: n)
    }
  }

  /// The product of contiguous matrices (row length = number of columns), by the calling thread.
  package static func multiplySerial(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Float = 1, a: Span<Float>, b: Span<Float>, beta: Float = 0,
    c: inout MutableSpan<Float>
  ) {
    precondition(a.count == m * k && b.count == k * n && c.count == m * n)
    guard !c.isEmpty else { return }
    unsafe withPointers(a, b, &c) { a, b, c in
      unsafe multiplySerial(
        transA: transA, transB: transB, m: m, n: n, k: k,
        alpha: alpha, a: a, lda: max(transA ? m : k, 1), b: b, ldb: max(transB ? k : n, 1),
        beta: beta, c: c, ldc: n)
    }
  }

  /// The product of contiguous matrices in double precision, by the calling thread.
  package static func multiplySerial(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: Double = 1, a: Span<Double>, b: Span<Double>, beta: Double = 0,
    c: inout MutableSpan<Double>
  ) {
    precondition(a.count == m * k && b.count == k * n && c.count == m * n)
    // Rows of C grow by rows of op(B), so that the inner loop is over neighbours; a transposed B
    // is copied out a block of rows at a time.
    let depth = min(k, 64)
    var rows = [Double](repeating: 0, count: transB ? depth * n : 0)
    for i in 0..<(m * n) { c[i] = beta == 0 ? 0 : beta * c[i] }
    var p0 = 0
    while p0 < k {
      let p1 = min(k, p0 + depth)
      if transB {
        for p in p0..<p1 {
          for j in 0..<n { rows[(p - p0) * n + j] = b[j * k + p] }
        }
      }
      for i in 0..<m {
        for p in p0..<p1 {
          let x = alpha * a[transA ? p * m + i : i * k + p]
          let start = (p - p0) * n
          if transB {
            for j in 0..<n { c[i * n + j] += x * rows[start + j] }
          } else {
            for j in 0..<n { c[i * n + j] += x * b[p * n + j] }
          }
        }
      }
      p0 = p1
    }
  }

  /// Calls `body` with the starts of the spans; an empty span gives a pointer that is not read.
  @unsafe
  private static func withPointers(
    _ a: Span<Float>, _ b: Span<Float>, _ c: inout MutableSpan<Float>,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    unsafe c.withUnsafeMutableBufferPointer { c in
      unsafe a.withUnsafeBufferPointer { a in
        unsafe b.withUnsafeBufferPointer { b in
          let c = c.baseAddress!
          unsafe body(a.baseAddress ?? UnsafePointer(c), b.baseAddress ?? UnsafePointer(c), c)
        }
      }
    }
  }
}
