internal import CDescentKernels

/// Products of row-major matrices, C ← α·A·B + β·C. C is not read when β = 0.
package enum MatrixProduct {
  package enum Backend: Sendable {
    case builtIn
    case blas
  }

  /// What the calling thread's products are computed by: the faster of the two, which on x86 with
  /// AVX2 or AVX-512 is the built-in kernels unless DESCENT_BLAS asks for a BLAS. Setting it is for
  /// tests and measurements; `blas` has no effect where none is found.
  package static var backend: Backend {
    get { descent_product_is_built_in() ? .builtIn : .blas }
    set { descent_product_select_built_in(newValue == .builtIn) }
  }

  /// Undoes a setting of ``backend`` on the calling thread.
  package static func useBestBackend() { descent_product_select_best() }

  /// The product, computed by all threads in tiles of C.
  package static func multiply(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, alpha: Float = 1, beta: Float = 0,
    into c: MutableMatrixView<Float>
  ) {
    unsafe inTiles(of: c, depth: a.columns, Product(a, b, alpha, beta, c))
  }

  /// The same with a matrix B that may lie in memory in 16 bits.
  ///
  /// Of a few rows of A and a transposed B, each sum is that of two rows: such a product takes as long
  /// as reading B.
  package static func multiply(
    _ a: MatrixView<Float>, _ b: StoredMatrix, beta: Float = 0, into c: MutableMatrixView<Float>
  ) {
    let product = unsafe WideningProduct(a, b, beta, c)
    if unsafe product.isOfFewRows {
      // A task reads 64 KiB of B or more.
      let columns = (1 << 14) / max(1, a.columns) / 4 * 4 + 4
      let count = (c.columns + columns - 1) / columns
      ThreadPool.shared.run(count) { t in
        unsafe product.dots(t * columns..<min(c.columns, (t + 1) * columns))
      }
    } else if case .float32(let b) = b {
      multiply(a, b, beta: beta, into: c)
    } else {
      unsafe inTiles(of: c, depth: a.columns, product)
    }
  }

  private static func inTiles(
    of c: MutableMatrixView<Float>, depth: Int, _ product: some TiledProduct
  ) {
    let tile = Tile(m: c.rows, n: c.columns, k: depth, atLeast: wantedTiles)
    let across = (c.columns + tile.columns - 1) / tile.columns
    ThreadPool.shared.run(across * ((c.rows + tile.rows - 1) / tile.rows)) { t in
      let (i, j) = (t / across * tile.rows, t % across * tile.columns)
      product.compute(
        i..<min(c.rows, i + tile.rows), j..<min(c.columns, j + tile.columns))
    }
  }

  /// Enough for threads to share evenly; for a BLAS always as many.
  private static var wantedTiles: Int {
    backend == .builtIn ? max(4, 2 * ThreadPool.shared.threads) : 16
  }

  /// The product, computed by the calling thread: for use inside tasks.
  package static func multiplySerial(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, alpha: Float = 1, beta: Float = 0,
    into c: MutableMatrixView<Float>
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    unsafe Product(a, b, alpha, beta, c).compute(0..<c.rows, 0..<c.columns)
  }

  /// The product in double precision, computed by all threads.
  package static func multiply(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, alpha: Double = 1, beta: Double = 0,
    into c: MutableMatrixView<Double>
  ) {
    precondition(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns)
    unsafe descent_multiply_double(
      a.isTransposed, b.isTransposed, c.rows, c.columns, a.columns, alpha, a.elements.base,
      a.stride, b.elements.base, b.stride, beta, c.elements.base, c.stride)
  }

  /// The product where C is symmetric: half of it is computed, the other half has its bits.
  package static func multiplySymmetric(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, alpha: Double = 1, beta: Double = 0,
    into c: MutableMatrixView<Double>
  ) {
    precondition(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns)
    precondition(c.rows == c.columns)
    unsafe descent_multiply_symmetric_double(
      a.isTransposed, b.isTransposed, c.rows, a.columns, alpha, a.elements.base, a.stride,
      b.elements.base, b.stride, beta, c.elements.base, c.stride)
  }

  /// The same in single precision, where A·B is A·Aᵀ, or a power of a symmetric matrix.
  package static func multiplySymmetric(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, alpha: Float = 1, beta: Float = 0,
    into c: MutableMatrixView<Float>
  ) {
    precondition(c.rows == c.columns)
    let product = unsafe Product(a, b, alpha, beta, c)
    let n = c.rows
    let side = Tile.side(ofSymmetric: n, k: a.columns, atLeast: wantedTiles)
    let count = (n + side - 1) / side
    func part(_ i: Int) -> Range<Int> { i * side..<min(n, (i + 1) * side) }
    ThreadPool.shared.run(count * (count + 1) / 2) { t in
      // Tile t of those on or below the diagonal, row after row.
      var (row, first) = (0, 0)
      while first + row < t {
        first += row + 1
        row += 1
      }
      let (rows, columns) = (part(row), part(t - first))
      if rows == columns {
        unsafe product.computeSymmetric(rows)
      } else {
        unsafe product.computeAndMirror(rows, columns)
      }
    }
  }
}

/// A product whose shapes agree, of which parts of C can be asked for.
private protocol TiledProduct: Sendable {
  func compute(_ rows: Range<Int>, _ columns: Range<Int>)
}

@unsafe
private struct Product: @unsafe TiledProduct, @unchecked Sendable {
  private let function = unsafe descent_product_current()
  private let a: MatrixView<Float>
  private let b: MatrixView<Float>
  private let alpha: Float
  private let beta: Float
  private let c: MutableMatrixView<Float>

  init(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, _ alpha: Float, _ beta: Float,
    _ c: MutableMatrixView<Float>
  ) {
    precondition(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns)
    unsafe (self.a, self.b, self.alpha, self.beta, self.c) = (a, b, alpha, beta, c)
  }

  @inline(__always)
  func compute(_ rows: Range<Int>, _ columns: Range<Int>) {
    let (i, j) = (rows.lowerBound, columns.lowerBound)
    // A BLAS refuses distances of 0, which empty matrices have.
    unsafe function(
      a.isTransposed, b.isTransposed, rows.count, columns.count, a.columns, alpha,
      a.elements.base + (a.isTransposed ? i : i * a.stride), max(a.stride, 1),
      b.elements.base + (b.isTransposed ? j * b.stride : j), max(b.stride, 1), beta,
      c.elements.base + i * c.stride + j, max(c.stride, 1))
  }

  /// A square of a symmetric C, on its diagonal.
  func computeSymmetric(_ range: Range<Int>) {
    // Of a small one less would be left out than there is to copy.
    guard range.count > 64 else { return unsafe compute(range, range) }
    let half = range.lowerBound + (range.count / 2 + 31) / 32 * 32
    unsafe computeSymmetric(range.lowerBound..<half)
    unsafe computeAndMirror(half..<range.upperBound, range.lowerBound..<half)
    unsafe computeSymmetric(half..<range.upperBound)
  }

  /// A part of a symmetric C, and the same beyond the diagonal.
  func computeAndMirror(_ rows: Range<Int>, _ columns: Range<Int>) {
    unsafe compute(rows, columns)
    unsafe descent_kernels_current().pointee.transpose(
      rows.count, columns.count,
      c.elements.base + rows.lowerBound * c.stride + columns.lowerBound, c.stride,
      c.elements.base + columns.lowerBound * c.stride + rows.lowerBound, c.stride)
  }
}

/// The same where B may have 16 bits.
@unsafe
private struct WideningProduct: @unsafe TiledProduct, @unchecked Sendable {
  private let table = unsafe descent_kernels_current()
  private let a: MatrixView<Float>
  private let b: UnsafeRawPointer
  private let element: descent_element
  private let bStride: Int
  private let isTransposed: Bool
  private let beta: Float
  private let c: MutableMatrixView<Float>

  init(
    _ a: MatrixView<Float>, _ b: StoredMatrix, _ beta: Float, _ c: MutableMatrixView<Float>
  ) {
    precondition(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns)
    unsafe (self.a, self.beta, self.c) = (a, beta, c)
    switch b {
    case .float32(let b):
      unsafe (self.b, element) = (UnsafeRawPointer(b.elements.base), DESCENT_FLOAT32)
      unsafe (bStride, isTransposed) = (b.stride, b.isTransposed)
    case .narrow(let b, let format):
      unsafe self.b = UnsafeRawPointer(b.elements.base)
      unsafe element = format.element
      unsafe (bStride, isTransposed) = (b.stride, b.isTransposed)
    }
  }

  /// Whether ``dots(_:)`` can compute it.
  var isOfFewRows: Bool {
    unsafe isTransposed && !a.isTransposed && a.rows <= DESCENT_FEW_ROWS && a.rows > 0
      && c.columns > 0
  }

  private func start(_ i: Int) -> UnsafeRawPointer {
    unsafe b + i * (element == DESCENT_FLOAT32 ? 4 : 2)
  }

  func compute(_ rows: Range<Int>, _ columns: Range<Int>) {
    let (i, j) = (rows.lowerBound, columns.lowerBound)
    unsafe table.pointee.product_widening(
      element, a.isTransposed, isTransposed, rows.count, columns.count, a.columns, 1,
      a.elements.base + (a.isTransposed ? i : i * a.stride), max(a.stride, 1),
      start(isTransposed ? j * bStride : j), max(bStride, 1), beta,
      c.elements.base + i * c.stride + j, max(c.stride, 1))
  }

  func dots(_ columns: Range<Int>) {
    let j = columns.lowerBound
    unsafe table.pointee.dot_rows(
      element, a.rows, columns.count, a.columns, a.elements.base, a.stride, start(j * bStride),
      bStride, beta, c.elements.base + j, c.stride)
  }
}

extension NumberFormat {
  /// How the kernels call it.
  var element: descent_element {
    switch self {
    case .float32: DESCENT_FLOAT32
    case .bfloat16: DESCENT_BFLOAT16
    case .float16: DESCENT_FLOAT16
    }
  }
}

/// The part of C that one task computes. Built-in products have the same bits in any tiles; a BLAS's
/// may not, so its tiles never follow the threads.
struct Tile {
  let rows: Int
  let columns: Int

  /// At least `least` tiles, unless they would be too small.
  init(m: Int, n: Int, k: Int, atLeast least: @autoclosure () -> Int) {
    guard Self.isWorthThreads(m, n, k) else {
      (rows, columns) = (max(m, 1), max(n, 1))
      return
    }
    // Large tiles: each across reads A again, and each down packs B again.
    var rows = Self.part(of: m, atMost: 384)
    var columns = Self.part(of: n, atMost: 512)
    // Enough tiles to share, while they stay large enough to be worth packing.
    let least = least()
    while (m + rows - 1) / rows * ((n + columns - 1) / columns) < least {
      guard max(min(m, rows), min(n, columns)) > 96 else { break }
      if columns >= rows {
        columns = Self.part(of: n, atMost: columns - 1)
      } else {
        rows = Self.part(of: m, atMost: rows - 1)
      }
    }
    (self.rows, self.columns) = (rows, columns)
  }

  /// The side of the tiles of a symmetric n × n matrix C, of which those on and below the diagonal
  /// are computed.
  static func side(ofSymmetric n: Int, k: Int, atLeast least: @autoclosure () -> Int) -> Int {
    guard isWorthThreads(n, n, k) else { return max(n, 1) }
    // Those on the diagonal are smaller, so that more are needed to share them evenly.
    let least = max(least(), 10)
    var side = part(of: n, atMost: 192)
    while side > 96 {
      let count = (n + side - 1) / side
      if count * (count + 1) / 2 >= least { break }
      side = part(of: n, atMost: side - 1)
    }
    return side
  }

  /// Small products are not worth a second thread.
  private static func isWorthThreads(_ m: Int, _ n: Int, _ k: Int) -> Bool {
    m * n * k > 64 * 64 * 64
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
