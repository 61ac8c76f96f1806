import DescentCompute
import Testing

/// A shape with its options.
struct ProductCase: CustomTestStringConvertible {
  let m, n, k: Int
  var alpha: Float = 1
  var beta: Float = 0
  /// How much longer a stored row is than it must be.
  var padding = 0
  var testDescription: String { "\(m)×\(n)×\(k) α=\(alpha) β=\(beta) padding \(padding)" }

  static let all: [ProductCase] = {
    let sizes = [1, 2, 3, 7, 17, 65]
    var cases = sizes.flatMap { m in
      sizes.flatMap { n in sizes.map { ProductCase(m: m, n: n, k: $0) } }
    }
    for (m, n, k) in [(64, 64, 32), (64, 32, 64), (13, 33, 5), (15, 31, 300), (200, 65, 128)] {
      cases.append(ProductCase(m: m, n: n, k: k))
      cases.append(ProductCase(m: m, n: n, k: k, alpha: 0.5, beta: 1, padding: 3))
      cases.append(ProductCase(m: m, n: n, k: k, alpha: -2, beta: 0.25, padding: 32))
    }
    cases.append(ProductCase(m: 180, n: 550, k: 270, alpha: 0.5, beta: 2, padding: 1))
    cases.append(ProductCase(m: 5, n: 6, k: 0, beta: 0.5))
    cases.append(ProductCase(m: 5, n: 6, k: 0))
    return cases
  }()
}

/// What computes: a backend and, for the built-in one, an instruction set.
struct Engine: CustomTestStringConvertible {
  let backend: MatrixProduct.Backend
  let instructionSet: String?
  var testDescription: String { instructionSet ?? "BLAS" }

  static var all: [Engine] {
    defer { MatrixProduct.useBestBackend() }
    MatrixProduct.backend = .blas
    let blas = MatrixProduct.backend == .blas ? [Engine(backend: .blas, instructionSet: nil)] : []
    return blas + Kernels.available.map { Engine(backend: .builtIn, instructionSet: $0) }
  }

  func use() {
    MatrixProduct.backend = backend
    if let instructionSet { Kernels.select(instructionSet) }
  }

  static func reset() {
    MatrixProduct.useBestBackend()
    Kernels.select(Kernels.available[0])
  }
}

@Suite struct MatrixProductTests {
  /// Numbers in −1...1.
  static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = RandomStream(seed: seed)
    return (0..<count).map { _ in 2 * random.uniform() - 1 }
  }

  /// The product by one of the entry points; unused places of C hold NaN when β = 0, so that a
  /// read of them shows.
  static func product(
    _ p: ProductCase, _ transA: Bool, _ transB: Bool, serial: Bool
  ) -> (result: [Float], initial: [Float]) {
    let lda = (transA ? p.m : p.k) + p.padding
    let ldb = (transB ? p.k : p.n) + p.padding
    let ldc = p.n + p.padding
    let a = numbers((transA ? p.k : p.m) * lda + 1, seed: 1)
    let b = numbers((transB ? p.n : p.k) * ldb + 1, seed: 2)
    let initial =
      p.beta == 0 ? [Float](repeating: .nan, count: p.m * ldc) : numbers(p.m * ldc, seed: 3)
    let left = a.view.matrix(transA ? p.k : p.m, transA ? p.m : p.k, stride: lda)
    let right = b.view.matrix(transB ? p.n : p.k, transB ? p.k : p.n, stride: ldb)
    let c = initial.mutableView
    (serial ? MatrixProduct.multiplySerial : MatrixProduct.multiply)(
      left.transposed(if: transA), right.transposed(if: transB), p.alpha, p.beta,
      c.matrix(p.m, p.n, stride: ldc))
    return (c.array, initial)
  }

  /// op(A)·op(B) in double precision.
  static func exact(_ p: ProductCase, _ transA: Bool, _ transB: Bool) -> [Double] {
    let lda = (transA ? p.m : p.k) + p.padding
    let ldb = (transB ? p.k : p.n) + p.padding
    let a = numbers((transA ? p.k : p.m) * lda + 1, seed: 1)
    let b = numbers((transB ? p.n : p.k) * ldb + 1, seed: 2)
    var c = [Double](repeating: 0, count: p.m * p.n)
    for i in 0..<p.m {
      for j in 0..<p.n {
        var sum = 0.0
        for q in 0..<p.k {
          sum +=
            Double(a[transA ? q * lda + i : i * lda + q])
            * Double(b[transB ? j * ldb + q : q * ldb + j])
        }
        c[i * p.n + j] = sum
      }
    }
    return c
  }

  /// The largest error of C over the bound that rounding allows; infinite where a place that is no
  /// element of C was written.
  static func error(
    _ p: ProductCase, _ c: [Float], _ initial: [Float], _ exact: [Double]
  ) -> Double {
    let ldc = p.n + p.padding
    var worst = 0.0
    for i in 0..<p.m {
      for j in 0..<ldc {
        let index = i * ldc + j
        guard j < p.n else {
          if c[index].bitPattern != initial[index].bitPattern { return .infinity }
          continue
        }
        let kept = p.beta == 0 ? 0 : Double(p.beta) * Double(initial[index])
        let difference = abs(Double(c[index]) - Double(p.alpha) * exact[i * p.n + j] - kept)
        let bound = 1e-7 * Double(abs(p.alpha)) * Double(p.k + 4) + 2e-7 * abs(kept)
        guard difference.isFinite else { return .infinity }
        worst = max(worst, difference / bound)
      }
    }
    return worst
  }

  @Test(
    "a matrix in 16 bits gives the bits of its floats",
    arguments: [NumberFormat.bfloat16, .float16], [false, true])
  func narrow(_ format: NumberFormat, transA: Bool) {
    defer { Engine.reset() }
    for p in ProductCase.all where p.padding == 0 && p.alpha == 1 && p.k > 0 {
      for transB in [false, true] {
        let a = Self.numbers(p.m * p.k, seed: 1)
        let b = Self.numbers(p.n * p.k, seed: 2).map { format.nearest(to: $0) }
        let bits = b.map {
          format == .bfloat16 ? UInt16($0.bitPattern >> 16) : Float16($0).bitPattern
        }
        let left = a.view.matrix(transA ? p.k : p.m, transA ? p.m : p.k).transposed(if: transA)
        let (rows, columns) = transB ? (p.n, p.k) : (p.k, p.n)
        let floats = StoredMatrix.float32(b.view.matrix(rows, columns))
        let halves = StoredMatrix.narrow(bits.view.matrix(rows, columns), format)
        for engine in Engine.all where engine.backend == .builtIn {
          engine.use()
          func product(_ b: StoredMatrix) -> [Float] {
            let c = [Float](repeating: 0.5, count: p.m * p.n).mutableView
            MatrixProduct.multiply(
              left, transB ? b.transposed : b, beta: p.beta, into: c.matrix(p.m, p.n))
            return c.array
          }
          #expect(product(floats) == product(halves), "\(p) \(engine) \(transB)")
        }
      }
    }
  }

  @Test(arguments: [false, true], [false, true])
  func `products agree with double precision`(transA: Bool, transB: Bool) {
    defer { Engine.reset() }
    for p in ProductCase.all {
      let exact = Self.exact(p, transA, transB)
      for engine in Engine.all {
        engine.use()
        for serial in [false, true] {
          let (c, initial) = Self.product(p, transA, transB, serial: serial)
          #expect(
            Self.error(p, c, initial, exact) <= 1,
            "\(p.testDescription) \(engine.testDescription) serial \(serial)")
        }
      }
    }
  }

  @Test(arguments: Engine.all)
  func `the number of threads changes no bit`(engine: Engine) {
    engine.use()
    defer {
      Engine.reset()
      ThreadPool.shared.setThreads(2)
    }
    for (m, n, k) in [(768, 384, 128), (384, 128, 768), (65, 129, 257), (1, 700, 300)] {
      for transB in [false, true] {
        let results = [1, 2, 3, 8].map { threads in
          ThreadPool.shared.setThreads(threads)
          return Self.product(
            ProductCase(m: m, n: n, k: k), !transB, transB, serial: false
          ).result.map(\.bitPattern)
        }
        #expect(Set(results).count == 1)
      }
    }
  }

  @Test(arguments: Kernels.available)
  func `double precision`(instructionSet: String) {
    Kernels.select(instructionSet)
    defer { Engine.reset() }
    for (m, n, k) in [(1, 1, 1), (3, 7, 5), (17, 65, 130), (301, 263, 270), (4, 3, 0)] {
      for (transA, transB) in [(false, false), (false, true), (true, false), (true, true)] {
        let a = Self.numbers(m * k + 1, seed: 1).map { Double($0) }
        let b = Self.numbers(k * n + 1, seed: 2).map { Double($0) }
        let initial = Self.numbers(m * n, seed: 3).map { Double($0) }
        let c = initial.mutableView
        MatrixProduct.multiply(
          a.view.matrix(transA ? k : m, transA ? m : k).transposed(if: transA),
          b.view.matrix(transB ? n : k, transB ? k : n).transposed(if: transB),
          alpha: 2, beta: -1, into: c.matrix(m, n))
        var worst = 0.0
        for i in 0..<m {
          for j in 0..<n {
            var sum = 0.0
            for q in 0..<k {
              sum += a[transA ? q * m + i : i * k + q] * b[transB ? j * k + q : q * n + j]
            }
            worst = max(worst, abs(c[i * n + j] - (2 * sum - initial[i * n + j])))
          }
        }
        #expect(worst < 1e-14 * Double(k + 1))
      }
    }
  }

  @Test(arguments: Engine.all, [false, true])
  func `a symmetric product is the product, and symmetric to the bit`(
    engine: Engine, transposed: Bool
  ) {
    engine.use()
    defer { Engine.reset() }
    for (n, k) in [(1, 3), (5, 2), (64, 64), (97, 40), (200, 130), (449, 65)] {
      func check<T: BinaryFloatingPoint & BitwiseCopyable>(
        _: T.Type, _ tolerance: T,
        _ product: (MatrixView<T>, MatrixView<T>, MutableMatrixView<T>, _ symmetric: Bool) -> Void
      ) {
        let a = Self.numbers(n * k, seed: 1).map { T($0) }.view.matrix(
          transposed ? k : n, transposed ? n : k
        ).transposed(if: transposed)
        var start = Self.numbers(n * n, seed: 2).map { T($0) }
        for i in 0..<n { for j in 0..<i { start[i * n + j] = start[j * n + i] } }
        let (whole, half) = (start.mutableView, start.mutableView)
        product(a, a.transposed, whole.matrix(n, n), false)
        product(a, a.transposed, half.matrix(n, n), true)
        #expect(zip(whole.array, half.array).allSatisfy { abs($0 - $1) <= tolerance * T(k + 4) })
        #expect(
          (0..<n).allSatisfy { i in (0..<i).allSatisfy { half[i * n + $0] == half[$0 * n + i] } })
      }
      check(Float.self, 3e-7) {
        if $3 {
          MatrixProduct.multiplySymmetric($0, $1, alpha: 0.5, beta: 2, into: $2)
        } else {
          MatrixProduct.multiply($0, $1, alpha: 0.5, beta: 2, into: $2)
        }
      }
      check(Double.self, 1e-15) {
        if $3 {
          MatrixProduct.multiplySymmetric($0, $1, alpha: 0.5, beta: 2, into: $2)
        } else {
          MatrixProduct.multiply($0, $1, alpha: 0.5, beta: 2, into: $2)
        }
      }
    }
  }
}
