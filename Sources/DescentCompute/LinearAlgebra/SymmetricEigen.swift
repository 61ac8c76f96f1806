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
    var values = [Double](repeating: 0, count: n)
    let done =
      unsafe (method ?? Method.best) == .lapack
      ? descent_lapack_eigen(n, &a.elements, &values) == 0
      : descent_symmetric_eigen(n, &a.elements, &values)
    guard done else { throw .notConverged }
    for i in 0..<n { values[i] *= scale }
    (self.values, rows) = (values, a)
  }

  /// Q·diag(f(ℓ))·Qᵀ, symmetric to the bit.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite``.
  package func map(_ f: (Double) -> Double) throws(LinearAlgebraError) -> Matrix {
    var scaled = rows
    for i in 0..<rows.rows {
      let factor = f(values[i])
      for j in 0..<rows.columns { scaled[i, j] *= factor }
    }
    var result = Matrix(rows.columns, rows.columns)
    result.elements.withMutableView { c in
      rows.elements.withView { q in
        scaled.elements.withView { s in
          MatrixProduct.multiplySymmetric(
            q.matrix(rows.rows, rows.columns).transposed, s.matrix(rows.rows, rows.columns),
            into: c.matrix(rows.columns, rows.columns))
        }
      }
    }
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
