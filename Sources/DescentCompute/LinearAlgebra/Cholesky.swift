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
    unsafe factor.elements.withUnsafeMutableBufferPointer { l in
      guard let l = l.baseAddress else { return }
      for i in 0..<n {
        for j in 0..<i {
          let sum = unsafe a[i, j] - Rows.dot(j, l + i * n, l + j * n)
          unsafe l[i * n + j] = sum / l[j * n + j]
        }
        let pivot = unsafe a[i, i] - Rows.dot(i, l + i * n, l + i * n)
        guard pivot > 0 else {
          badPivot = i
          return
        }
        unsafe l[i * n + i] = pivot.squareRoot()
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
    unsafe x.elements.withUnsafeMutableBufferPointer { x in
      guard let x = x.baseAddress else { return }
      for i in 0..<n {
        for j in 0..<i { unsafe Rows.axpy(width, -l[i, j], x + j * width, x + i * width) }
        for c in 0..<width { unsafe x[i * width + c] /= l[i, i] }
      }
      for i in stride(from: n - 1, through: 0, by: -1) {
        for c in 0..<width { unsafe x[i * width + c] /= l[i, i] }
        for j in 0..<i { unsafe Rows.axpy(width, -l[i, j], x + i * width, x + j * width) }
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
