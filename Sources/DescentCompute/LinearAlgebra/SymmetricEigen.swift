internal import CDescentKernels
internal import Foundation

/// The eigen-decomposition of a symmetric matrix, A = Q·diag(ℓ)·Qᵀ.
///
/// By LAPACK's dsyevd on one thread, where the BLAS that was found brings it; else by Householder
/// reflections, which make the matrix tridiagonal, and implicit QL steps with Wilkinson's shift,
/// which make that diagonal. There the work of large matrices is shared by all threads, in pieces
/// that follow from the size alone. So the result is the same for any number of threads, but not on
/// a machine with another library.
///
/// Golub, Van Loan: Matrix Computations, sections 8.3.1 and 8.3.3.
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
  }

  /// Q: column i is the eigenvector of the i-th value.
  package var vectors: Matrix { rows.transposed }

  /// A decomposition that is known.
  package init(values: [Double], rows: Matrix) { (self.values, self.rows) = (values, rows) }

  /// Decomposes a symmetric matrix, of which only symmetric rounding errors are forgiven: the mean
  /// of A and Aᵀ is used.
  ///
  /// - Parameter method: nil chooses LAPACK where it is.
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package init(_ matrix: Matrix, by method: Method? = nil) throws(LinearAlgebraError) {
    precondition(matrix.rows == matrix.columns)
    let n = matrix.rows
    let largest = matrix.elements.reduce(0) { max($0, abs($1)) }
    guard matrix.isFinite else { throw .notFinite }
    guard largest > 0, n > 1 else {
      (values, rows) = ((0..<n).map { matrix[$0, $0] }, .identity(n))
      return
    }
    // A power of two, so that scaling rounds nothing and products neither overflow nor vanish.
    let scale = largest.binade
    var a = Matrix(n, n)
    for i in 0..<n {
      for j in 0..<n { a[i, j] = (matrix[i, j] / scale + matrix[j, i] / scale) / 2 }
    }
    let lapack = Method.lapack.isAvailable ? Method.lapack : .builtIn
    if (method ?? lapack) == .lapack {
      var values = [Double](repeating: 0, count: n)
      guard unsafe descent_lapack_eigen(n, &a.elements, &values) == 0 else { throw .notConverged }
      (self.values, rows) = (values.map { $0 * scale }, a)
      return
    }
    var tridiagonal = Tridiagonal(&a)
    try tridiagonal.diagonalize(rotating: &a)
    let d = tridiagonal.diagonal
    let order = (0..<n).sorted { d[$0] < d[$1] || (d[$0] == d[$1] && $0 < $1) }
    values = order.map { d[$0] * scale }
    var rows = Matrix(n, n)
    for (i, k) in order.enumerated() { for j in 0..<n { rows[i, j] = a[k, j] } }
    self.rows = rows
  }

  /// Q·diag(f(ℓ))·Qᵀ
  ///
  /// - Throws: ``LinearAlgebraError/notFinite``.
  package func map(_ f: (Double) -> Double) throws(LinearAlgebraError) -> Matrix {
    var scaled = rows
    for i in 0..<rows.rows {
      let factor = f(values[i])
      for j in 0..<rows.columns { scaled[i, j] *= factor }
    }
    let result = rows.transposed * scaled
    guard result.isFinite else { throw .notFinite }
    return result
  }
}

extension Matrix {
  /// A⁻ᵉ of a symmetric positive semi-definite matrix, from the eigenvalues of A + ε·I; when the
  /// least of them is below ε, all are shifted so that it is ε.
  ///
  /// ```
  /// A + ε·I = Q·diag(ℓ)·Qᵀ;  min ℓ < ε:  ℓ ← ℓ − min ℓ + ε;  X = Q·diag(ℓ⁻ᵉ)·Qᵀ
  /// ```
  ///
  /// - Parameters:
  ///   - exponent: e; 1/p for the inverse p-th root.
  ///   - epsilon: ε, absolute.
  /// - Throws: ``LinearAlgebraError/notFinite`` or ``LinearAlgebraError/notConverged``.
  package func inverseRoot(
    exponent: Double, epsilon: Double
  ) throws(LinearAlgebraError) -> Matrix {
    var shifted = self
    shifted.addToDiagonal(epsilon)
    let eigen = try SymmetricEigen(shifted)
    let least = eigen.values.first ?? epsilon
    let shift = least < epsilon ? epsilon - least : 0
    return try eigen.map { pow($0 + shift, -exponent) }
  }
}
