internal import CDescentKernels
internal import Foundation

/// The eigen-decomposition of a symmetric matrix, A = Q·diag(ℓ)·Qᵀ.
///
/// By Householder reflections, which make the matrix tridiagonal, and divide and conquer, which makes
/// that diagonal (`decompositions.c`), shared by all threads in pieces that follow from the size
/// alone (within a task by its thread); or by LAPACK's dsyevd on one thread, where products are a
/// BLAS's that brings it. So the result is the same for any number of threads, but not on a machine
/// with another library.
package struct SymmetricEigen: Sendable {
  /// ℓ, ascending.
  package let values: [Double]
  /// Qᵀ: row i is the eigenvector of the i-th value.
  package let rows: Matrix

  /// Who decomposes.
  package enum Method: Sendable, CaseIterable {
    case builtIn
    case lapack

    /// Whether it can be had on this machine.
    package var isAvailable: Bool { self == .builtIn || descent_lapack_found() }

    /// The one in use, as with products.
    static var best: Method {
      MatrixProduct.backend == .blas && lapack.isAvailable ? .lapack : .builtIn
    }
  }

  /// Q: column i is the eigenvector of the i-th value.
  package var vectors: Matrix { rows.transposed }

  /// A decomposition that is known.
  package init(values: [Double], rows: Matrix) { (self.values, self.rows) = (values, rows) }

  /// Decomposes a symmetric matrix, of which only symmetric rounding errors are forgiven: the mean
  /// of A and Aᵀ is used.
  ///
  /// - Parameter method: nil chooses LAPACK where products are those of its library.
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package init(_ matrix: Matrix, by method: Method? = nil) throws(LinearAlgebraError) {
    precondition(matrix.rows == matrix.columns)
    var (rows, values) = (matrix, [Double](repeating: 0, count: matrix.rows))
    try rows.elements.withMutableView { a throws(LinearAlgebraError) in
      try values.withMutableView { ℓ throws(LinearAlgebraError) in
        try Self.decompose(a, ℓ, by: method)
      }
    }
    self.init(values: values, rows: rows)
  }

  /// Decomposes a symmetric matrix in its place: leaves Qᵀ there, and ℓ in `values`.
  ///
  /// - Throws: as above.
  package static func decompose(
    _ a: MutableView<Double>, _ values: MutableView<Double>, by method: Method? = nil
  ) throws(LinearAlgebraError) {
    let n = values.count
    precondition(a.count == n * n)
    var largest = 0.0
    for x in a.indices {
      guard a[x].isFinite else { throw .notFinite }
      largest = max(largest, abs(a[x]))
    }
    guard largest > 0, n > 1 else {
      for i in 0..<n {
        values[i] = a[i * n + i]
        for j in 0..<n { a[i * n + j] = i == j ? 1 : 0 }
      }
      return
    }
    // A power of two, so that scaling rounds nothing and products neither overflow nor vanish.
    let scale = largest.binade
    Matrix.forEachInSquares(n, n) { i, j in
      guard j <= i else { return }
      let mean = (a[i * n + j] / scale + a[j * n + i] / scale) / 2
      (a[i * n + j], a[j * n + i]) = (mean, mean)
    }
    let done =
      unsafe (method ?? Method.best) == .lapack
      ? descent_lapack_eigen(n, a.base, values.base) == 0
      : descent_symmetric_eigen(n, a.base, values.base)
    guard done else { throw .notConverged }
    for i in 0..<n { values[i] *= scale }
  }

  /// Q·diag(f(ℓ))·Qᵀ, symmetric to the bit.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite``.
  package func map(_ f: (Double) -> Double) throws(LinearAlgebraError) -> Matrix {
    var result = rows
    try result.elements.withMutableView { a throws(LinearAlgebraError) in
      try values.map(f).withView { f throws(LinearAlgebraError) in try Self.product(a, f) }
    }
    return result
  }

  /// f(A) = Q·diag(f(ℓ))·Qᵀ in the place of a symmetric matrix, symmetric to the bit.
  ///
  /// - Parameters:
  ///   - n: the number of its rows.
  ///   - f: what makes f(ℓ) of ℓ, which are ascending.
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package static func map(
    _ a: MutableView<Double>, rows n: Int, _ f: (MutableView<Double>) -> Void
  ) throws(LinearAlgebraError) {
    try withScratch(of: Double.self, n) { ℓ throws(LinearAlgebraError) in
      try decompose(a, ℓ)
      f(ℓ)
      try product(a, ℓ.reading)
    }
  }

  /// Q·diag(f)·Qᵀ in the place of Qᵀ.
  private static func product(
    _ a: MutableView<Double>, _ f: View<Double>
  ) throws(LinearAlgebraError) {
    let n = f.count
    withScratch(of: Double.self, 2 * n * n) { room in
      let (rows, scaled) = (room.row(0, n * n), room.row(1, n * n))
      rows.copy(a.reading)
      for i in 0..<n {
        for j in 0..<n { scaled[i * n + j] = a[i * n + j] * f[i] }
      }
      MatrixProduct.multiplySymmetric(
        rows.reading.matrix(n, n).transposed, scaled.reading.matrix(n, n), into: a.matrix(n, n))
    }
    for i in a.indices where !a[i].isFinite { throw .notFinite }
  }

  /// A⁻ᵉ in the place of a symmetric positive semi-definite matrix, from the eigenvalues of A + ε·I; when the
  /// least of them is below ε, all are shifted so that it is ε.
  ///
  /// ```
  /// A + ε·I = Q·diag(ℓ)·Qᵀ;  min ℓ < ε:  ℓ ← ℓ − min ℓ + ε;  X = Q·diag(ℓ⁻ᵉ)·Qᵀ
  /// ```
  ///
  /// - Parameters:
  ///   - n: the number of its rows.
  ///   - exponent: e; 1/p for the inverse p-th root.
  ///   - epsilon: ε, absolute.
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package static func inverseRoot(
    _ a: MutableView<Double>, rows n: Int, exponent: Double, epsilon: Double
  ) throws(LinearAlgebraError) {
    for i in 0..<n { a[i * n + i] += epsilon }
    try map(a, rows: n) { ℓ in
      let shift = n > 0 && ℓ[0] < epsilon ? epsilon - ℓ[0] : 0
      for i in ℓ.indices { ℓ[i] = pow(ℓ[i] + shift, -exponent) }
    }
  }
}

extension Matrix {
  /// A⁻ᵉ of a symmetric positive semi-definite matrix: ``SymmetricEigen/inverseRoot(_:rows:exponent:epsilon:)``
  /// of a copy.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package func inverseRoot(
    exponent: Double, epsilon: Double
  ) throws(LinearAlgebraError) -> Matrix {
    var result = self
    try result.elements.withMutableView { a throws(LinearAlgebraError) in
      try SymmetricEigen.inverseRoot(a, rows: rows, exponent: exponent, epsilon: epsilon)
    }
    return result
  }
}
