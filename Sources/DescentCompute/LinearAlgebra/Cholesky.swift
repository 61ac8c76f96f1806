/// A = L·Lᵀ of a symmetric positive definite matrix, for solving and inverting.
package struct Cholesky: Sendable {
  /// L, lower triangular.
  package let factor: Matrix

  /// Reads the lower triangle of `a`.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite`` or
  ///   ``LinearAlgebraError/notPositiveDefinite(pivot:)``.
  package init(_ a: Matrix) throws(LinearAlgebraError) {
    precondition(a.rows == a.columns)
    guard a.isFinite else { throw .notFinite }
    let n = a.rows
    var factor = Matrix(n, n)
    var badPivot: Int?
    factor.elements.withMutableView { l in
      for i in 0..<n {
        let row = l.row(i, n)
        for j in 0..<i {
          let other = l.row(j, n)
          row[j] = (a[i, j] - Vectors.dot(row[0..<j].reading, other[0..<j].reading)) / other[j]
        }
        let pivot = a[i, i] - Vectors.dot(row[0..<i].reading, row[0..<i].reading)
        guard pivot > 0 else {
          badPivot = i
          return
        }
        row[i] = pivot.squareRoot()
      }
    }
    if let badPivot { throw .notPositiveDefinite(pivot: badPivot) }
    self.factor = factor
  }

  /// X with A·X = B.
  package func solve(_ b: Matrix) -> Matrix {
    precondition(b.rows == factor.rows)
    let (n, width) = (b.rows, b.columns)
    let l = factor
    var x = b
    x.elements.withMutableView { x in
      for i in 0..<n {
        let row = x.row(i, width)
        for j in 0..<i { Vectors.axpy(-l[i, j], x.row(j, width).reading, row) }
        for c in 0..<width { row[c] /= l[i, i] }
      }
      for i in stride(from: n - 1, through: 0, by: -1) {
        let row = x.row(i, width)
        for c in 0..<width { row[c] /= l[i, i] }
        for j in 0..<i { Vectors.axpy(-l[i, j], row.reading, x.row(j, width)) }
      }
    }
    return x
  }

  /// A⁻¹, symmetric to the bit.
  package var inverse: Matrix {
    var x = solve(.identity(factor.rows))
    for i in 0..<x.rows {
      for j in 0..<i {
        let mean = (x[i, j] + x[j, i]) / 2
        (x[i, j], x[j, i]) = (mean, mean)
      }
    }
    return x
  }
}
