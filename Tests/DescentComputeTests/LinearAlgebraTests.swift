import DescentCompute
import Foundation
import Testing

/// The greatest |element| of a matrix.
private func size(_ a: Matrix) -> Double { a.elements.reduce(0) { max($0, abs($1)) } }

private func difference(_ a: Matrix, _ b: Matrix) -> Double {
  size(Matrix(a.rows, a.columns, zip(a.elements, b.elements).map { $0 - $1 }))
}

private func random(_ rows: Int, _ columns: Int, seed: UInt64 = 1) -> Matrix {
  var stream = RandomStream(seed: seed)
  return Matrix(rows, columns, (0..<rows * columns).map { _ in Double(stream.normal()) })
}

/// Q·diag(values)·Qᵀ with a random orthogonal Q.
private func symmetric(_ values: [Double], seed: UInt64 = 2) throws -> Matrix {
  let q = try QRDecomposition(random(values.count, values.count, seed: seed)).q
  let a = q * .diagonal(values) * q.transposed
  var result = a
  for i in 0..<a.rows { for j in 0..<i { result[i, j] = a[j, i] } }
  return result
}

/// A symmetric matrix that is hard in one way or other, with its eigenvalues where they are known.
struct SymmetricCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let matrix: Matrix
  let values: [Double]?

  init(_ name: String, _ matrix: Matrix, values: [Double]? = nil) {
    (testDescription, self.matrix, self.values) = (name, matrix, values?.sorted())
  }

  static func spectrum(_ name: String, _ values: [Double]) -> SymmetricCase {
    SymmetricCase(name, try! symmetric(values), values: values)
  }

  static let all: [SymmetricCase] = [
    SymmetricCase("1 × 1", Matrix(1, 1, [-3]), values: [-3]),
    SymmetricCase("2 × 2", Matrix(2, 2, [2, 1, 1, 2]), values: [1, 3]),
    SymmetricCase("zeros", Matrix(5, 5), values: [0, 0, 0, 0, 0]),
    SymmetricCase("identity", .identity(9), values: [Double](repeating: 1, count: 9)),
    SymmetricCase(
      "diagonal, not sorted", .diagonal([3, -1, 2, 2, 0]), values: [3, -1, 2, 2, 0]),
    SymmetricCase(
      "all ones", Matrix(6, 6, [Double](repeating: 1, count: 36)),
      values: [0, 0, 0, 0, 0, 6]),
    SymmetricCase(
      "two blocks", Matrix(4, 4, [2, 1, 0, 0, 1, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 5]),
      values: [1, 3, 5, 5]),
    .spectrum("random", (0..<40).map { Double($0 % 7) - 2.5 }),
    .spectrum("repeated", (0..<30).map { Double($0 / 10) }),
    .spectrum("condition 10¹²", (0..<24).map { pow(10, -Double($0) / 2) }),
    .spectrum("clustered", (0..<20).map { 1 + 1e-13 * Double($0) }),
    .spectrum("shared by the threads", (0..<200).map { sin(Double($0)) }),
    SymmetricCase("tiny", Matrix(2, 2, [2e-300, 1e-300, 1e-300, 2e-300])),
    SymmetricCase("huge", Matrix(2, 2, [2e300, 1e300, 1e300, 2e300])),
    // Wilkinson's W21+: pairs of eigenvalues that agree to 14 digits.
    SymmetricCase(
      "Wilkinson",
      {
        var w = Matrix.diagonal((0..<21).map { abs(Double($0) - 10) })
        for i in 0..<20 { (w[i, i + 1], w[i + 1, i]) = (1, 1) }
        return w
      }()),
  ]
}

/// A kind of matrix that decompositions must take at any size.
enum HardMatrix: CaseIterable, Sendable {
  case noise, deficient, clustered, zero, graded, huge, denormal

  /// One that is symmetric, or one that is not.
  func make(_ n: Int, symmetric: Bool) -> Matrix {
    let square = random(n, n, seed: UInt64(n))
    func scaled(_ factor: Double) -> Matrix {
      let a = symmetric ? square * square.transposed : square
      return Matrix(n, n, a.elements.map { $0 / Double(n) * factor })
    }
    switch self {
    case .noise: return scaled(1)
    case .huge: return scaled(1e300)
    case .denormal: return scaled(0x1p-1030)
    case .zero: return Matrix(n, n)
    case .deficient:
      let part = random(n, (n + 2) / 3, seed: UInt64(n))
      return part * (symmetric ? part : random(n, (n + 2) / 3, seed: 9)).transposed
    case .clustered:
      // 1 and a little noise: all eigenvalues lie within 10⁻¹¹.
      var a = Matrix(n, n, scaled(1).elements.map { $0 * 1e-12 })
      a.addToDiagonal(1)
      return a
    case .graded:
      // Rows and columns from 1 to 10⁻³⁰.
      var a = scaled(1)
      for i in 0..<n {
        for j in 0..<n { a[i, j] *= pow(1e-30, Double(symmetric ? i + j : j) / Double(2 * n)) }
      }
      return a
    }
  }
}

@Suite("Linear algebra") struct LinearAlgebraTests {
  private static let sizes = Array(stride(from: 1, through: 199, by: 2)) + [512]

  @Test("eigen-decomposition of any size", arguments: HardMatrix.allCases)
  func anyEigen(_ kind: HardMatrix) throws {
    for n in Self.sizes {
      let a = kind.make(n, symmetric: true)
      let eigen = try SymmetricEigen(a, by: .builtIn)
      let bound = 4e-16 * Double(n + 4)
      #expect(difference(eigen.rows * eigen.rows.transposed, .identity(n)) <= bound, "\(n)")
      var scaled = eigen.rows
      for i in 0..<n { for j in 0..<n { scaled[i, j] *= eigen.values[i] } }
      // Relative to the norm, for which the trace's bound will do; what is denormal has few digits.
      let norm = max(size(a), eigen.values.reduce(0) { max($0, abs($1)) })
      let least = Double.leastNonzeroMagnitude * Double(2 * n + 2)
      #expect(difference(eigen.rows * a, scaled) <= bound * norm + least, "\(n)")
      #expect(eigen.values == eigen.values.sorted())
    }
  }

  @Test("QR of any size", arguments: HardMatrix.allCases)
  func anyQR(_ kind: HardMatrix) throws {
    for n in Self.sizes {
      let square = kind.make(n, symmetric: false)
      let columns = (n + 1) / 2
      let tall = Matrix(
        n, columns, (0..<n).flatMap { i in (0..<columns).map { square[i, $0] } })
      for a in [square, tall] {
        let qr = try QRDecomposition(a)
        let bound = 1e-15 * Double(n + 4)
        let least = Double.leastNonzeroMagnitude * Double(2 * n + 2)
        #expect(
          difference(qr.rows * qr.rows.transposed, .identity(a.columns)) <= bound, "\(n)")
        #expect(difference(qr.q * qr.r, a) <= bound * size(a) + least, "\(n)")
      }
    }
  }

  @Test(
    "eigen-decomposition: residual, orthogonality, order", arguments: SymmetricCase.all,
    SymmetricEigen.Method.allCases.filter(\.isAvailable))
  func eigen(_ test: SymmetricCase, _ method: SymmetricEigen.Method) throws {
    let a = test.matrix
    let eigen = try SymmetricEigen(a, by: method)
    let (q, n) = (eigen.vectors, Double(a.rows))
    let scale = size(a)
    #expect(difference(q.transposed * q, .identity(a.rows)) <= 4e-16 * (n + 4))
    let product = a * q
    let scaled = q * .diagonal(eigen.values)
    #expect(difference(product, scaled) <= 4e-16 * (n + 4) * scale)
    #expect(eigen.values == eigen.values.sorted())
    if let values = test.values {
      // The matrix was itself made from them, with rounding.
      let norm = values.reduce(0) { max($0, abs($1)) }
      for (x, y) in zip(eigen.values, values) { #expect(abs(x - y) <= 1e-15 * (n + 4) * norm) }
    }
  }

  @Test("inverse roots: ‖XᵖA − I‖", arguments: [1.0, 2, 4, 6], [1.0, 1e3, 1e6])
  func inverseRoots(p: Double, condition: Double) throws {
    let values = (0..<20).map { pow(condition, -Double($0) / 19) }
    let a = try symmetric(values)
    let x = try a.inverseRoot(exponent: 1 / p, epsilon: 0)
    var product = a
    for _ in 0..<Int(p) { product = x * product }
    #expect(difference(product, .identity(20)) <= 1e-14 * condition)
    #expect(difference(x, x.transposed) <= 1e-14 * size(x))
  }

  @Test("the least eigenvalue of a root is ε: of zeros, of a singular and of an indefinite matrix")
  func floors() throws {
    let zeros = try Matrix(3, 3).inverseRoot(exponent: 0.5, epsilon: 1e-4)
    #expect(difference(zeros, .diagonal([100, 100, 100])) <= 1e-12)
    // ℓ = −1, 0, 3, and ε = 1: −1 + 1 is below ε, so all move up by 1 more.
    let indefinite = try Matrix.diagonal([-1, 0, 3]).inverseRoot(exponent: 1, epsilon: 1)
    #expect(difference(indefinite, .diagonal([1, 0.5, 0.2])) <= 1e-15)
    let positive = try Matrix.diagonal([0, 3]).inverseRoot(exponent: 1, epsilon: 1)
    #expect(difference(positive, .diagonal([1, 0.25])) <= 1e-15)
    #expect(throws: LinearAlgebraError.notFinite) {
      try Matrix(2, 2).inverseRoot(exponent: 0.5, epsilon: 0)
    }
  }

  @Test("elements that are not finite give an error", arguments: [Double.nan, .infinity])
  func notFinite(_ bad: Double) {
    var a = Matrix.identity(4)
    a[2, 1] = bad
    #expect(throws: LinearAlgebraError.notFinite) { try SymmetricEigen(a) }
    #expect(throws: LinearAlgebraError.notFinite) { try QRDecomposition(a) }
    #expect(throws: LinearAlgebraError.notFinite) { try Cholesky(a) }
  }

  @Test("QR: residual, orthogonality, triangle", arguments: [(1, 1), (3, 3), (9, 4), (70, 70)])
  func qr(rows: Int, columns: Int) throws {
    let a = random(rows, columns)
    let qr = try QRDecomposition(a)
    #expect(difference(qr.q * qr.r, a) <= 1e-15 * Double(rows + 4) * size(a))
    #expect(difference(qr.q.transposed * qr.q, .identity(columns)) <= 1e-15 * Double(rows + 4))
    for i in 0..<columns { for j in 0..<i { #expect(qr.r[i, j] == 0) } }
  }

  @Test("QR of a matrix without full rank still has an orthonormal Q")
  func singularQR() throws {
    let a = random(6, 2) * random(2, 6, seed: 3)
    for matrix in [a, Matrix(6, 6)] {
      let qr = try QRDecomposition(matrix)
      #expect(difference(qr.q.transposed * qr.q, .identity(6)) <= 1e-14)
      #expect(difference(qr.q * qr.r, matrix) <= 1e-14 * (1 + size(matrix)))
    }
  }

  @Test("Cholesky: solving and inverting", arguments: [1, 2, 5, 60])
  func cholesky(_ n: Int) throws {
    var a = random(n, n) * random(n, n).transposed
    a.addToDiagonal(1)
    let cholesky = try Cholesky(a)
    let b = random(n, 3)
    #expect(difference(a * cholesky.solve(b), b) <= 1e-12 * Double(n))
    #expect(difference(a * cholesky.inverse, .identity(n)) <= 1e-12 * Double(n))
    #expect(difference(cholesky.factor * cholesky.factor.transposed, a) <= 1e-13 * size(a))
  }

  @Test("a matrix that is not positive definite is refused, with the pivot")
  func indefinite() {
    #expect(throws: LinearAlgebraError.notPositiveDefinite(pivot: 1)) {
      try Cholesky(Matrix(2, 2, [1, 2, 2, 1]))
    }
  }

  @Test("the same bits for any number of threads") func threads() throws {
    for a in [260, 517].map({ HardMatrix.noise.make($0, symmetric: true) }) {
      try same(a)
    }
    try same(try symmetric((0..<260).map { cos(Double($0)) }))
  }

  private func same(_ a: Matrix) throws {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(threads) }
    var results: [(Matrix, Matrix, Matrix)] = []
    for count in [1, 2, 5] {
      ThreadPool.shared.setThreads(count)
      results.append((try SymmetricEigen(a).rows, try QRDecomposition(a).q, a * a))
    }
    for result in results.dropFirst() { #expect(result == results[0]) }
  }
}
