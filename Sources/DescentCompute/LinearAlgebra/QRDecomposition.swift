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
    let (n, m) = (a.rows, a.columns)
    var r = Matrix(n, n)
    try a.elements.withMutableView { a throws(LinearAlgebraError) in
      try r.elements.withMutableView { r throws(LinearAlgebraError) in
        try Self.decompose(transposed: a, n, m, r)
      }
    }
    (rows, self.r) = (a, r)
  }

  /// Leaves Qᵀ in the place of Aᵀ, which is n × m, and R in `r`.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite``.
  package static func decompose(
    transposed a: MutableView<Double>, _ n: Int, _ m: Int, _ r: MutableView<Double>
  ) throws(LinearAlgebraError) {
    precondition(m >= n && a.count == n * m && r.count == n * n)
    var largest = 0.0
    for i in a.indices {
      guard a[i].isFinite else { throw .notFinite }
      largest = max(largest, abs(a[i]))
    }
    let scale = largest > 0 ? largest.binade : 1
    for i in a.indices { a[i] /= scale }
    unsafe descent_qr(m, n, a.base, r.base)
    for i in r.indices { r[i] *= scale }
  }
}
