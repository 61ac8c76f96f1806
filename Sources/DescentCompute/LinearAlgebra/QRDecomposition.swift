internal import CDescentKernels

/// A = Q·R of a matrix with at least as many rows as columns: Q has orthonormal columns, R is upper
/// triangular. By Householder reflections, so that Q is orthonormal even where A has no full rank.
package struct QRDecomposition: Sendable {
  /// Qᵀ: Q's columns as rows.
  package let rows: Matrix
  /// R
  package let r: Matrix

  /// Q, shaped like A.
  package var q: Matrix { rows.transposed }

  /// - Throws: ``LinearAlgebraError/notFinite``.
  package init(_ a: Matrix) throws(LinearAlgebraError) { try self.init(transposed: a.transposed) }

  /// The decomposition of A, given Aᵀ.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite``.
  package init(transposed a: consuming Matrix) throws(LinearAlgebraError) {
    precondition(a.columns >= a.rows)
    let largest = a.elements.reduce(0) { max($0, abs($1)) }
    guard a.isFinite else { throw .notFinite }
    let scale = largest > 0 ? largest.binade : 1
    var r = Matrix(a.rows, a.rows)
    for i in a.elements.indices { a.elements[i] /= scale }
    unsafe descent_qr(a.columns, a.rows, &a.elements, &r.elements)
    for i in r.elements.indices { r.elements[i] *= scale }
    (rows, self.r) = (a, r)
  }
}
