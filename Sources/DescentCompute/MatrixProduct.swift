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

  /// The product, computed by all threads in tiles of C whose shape follows from those of the matrices
  /// alone.
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
    let tile = Tile(m: c.rows, n: c.columns, k: depth)
    let across = (c.columns + tile.columns - 1) / tile.columns
    ThreadPool.shared.run(across * ((c.rows + tile.rows - 1) / tile.rows)) { t in
      let (i, j) = (t / across * tile.rows, t % across * tile.columns)
      product.compute(
        i..<min(c.rows, i + tile.rows), j..<min(c.columns, j + tile.columns))
    }
  }

  /// The product, computed by the calling thread: for use inside tasks.
  package static func multiplySerial(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, alpha: Float = 1, beta: Float = 0,
    into c: MutableMatrixView<Float>
  ) {
    guard c.rows > 0, c.columns > 0 else { return }
    unsafe Product(a, b, alpha, beta, c).compute(0..<c.rows, 0..<c.columns)
  }

  /// The product in double precision, computed by the calling thread.
  package static func multiplySerial(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, alpha: Double = 1, beta: Double = 0,
    into c: MutableMatrixView<Double>
  ) {
    let (m, n, k) = (c.rows, c.columns, a.columns)
    precondition(a.rows == m && b.rows == k && b.columns == n)
    // Rows of C grow by rows of B, so that the inner loop is over neighbours; a transposed B is copied
    // out a block of rows at a time.
    let depth = min(k, 64)
    withScratch(of: Double.self, b.isTransposed ? depth * n : 0) { copied in
      for i in 0..<m {
        let row = c.elements.from(i * c.stride)
        for j in 0..<n { row[j] = beta == 0 ? 0 : beta * row[j] }
      }
      for p0 in stride(from: 0, to: k, by: max(depth, 1)) {
        let block = p0..<min(k, p0 + depth)
        if b.isTransposed {
          for p in block {
            for j in 0..<n { copied[(p - p0) * n + j] = b.elements[j * b.stride + p] }
          }
        }
        for i in 0..<m {
          let row = c.elements.from(i * c.stride)
          for p in block {
            let x = alpha * a.elements[a.isTransposed ? p * a.stride + i : i * a.stride + p]
            let from =
              b.isTransposed ? copied.row(p - p0, n).reading : b.elements.from(p * b.stride)
            for j in 0..<n { row[j] += x * from[j] }
          }
        }
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
