/// A = L·Lᵀ of a symmetric positive definite matrix, for solving and inverting.
package struct Cholesky: Sendable {
  /// L, lower triangular.
  package let factor: Matrix

  /// Rows and columns of a block: what lies outside of those on the diagonal is products.
  private static let block = 64

  /// Reads the lower triangle of `a`.
  ///
  /// - Throws: ``LinearAlgebraError/notFinite`` or
  ///   ``LinearAlgebraError/notPositiveDefinite(pivot:)``.
  package init(_ a: Matrix) throws(LinearAlgebraError) {
    precondition(a.rows == a.columns)
    guard a.isFinite else { throw .notFinite }
    let n = a.rows
    var factor = Matrix(n, n)
    for i in 0..<n { for j in 0...i { factor[i, j] = a[i, j] } }
    var badPivot: Int?
    factor.elements.withMutableView { l in
      for first in stride(from: 0, to: n, by: Self.block) {
        let block = first..<min(n, first + Self.block)
        let left = l.from(first * n).reading
        MatrixProduct.multiply(
          left.matrix(n - first, first, stride: n),
          left.matrix(block.count, first, stride: n).transposed,
          alpha: -1, beta: 1,
          into: l.from(first * n + first).matrix(n - first, block.count, stride: n))
        /// Row i of the block's columns, left of its diagonal.
        func finish(_ i: Int) {
          let row = l.row(i, n)
          for j in first..<min(i, block.upperBound) {
            let other = l.row(j, n)
            let sum = Vectors.dot(row[first..<j].reading, other[first..<j].reading)
            row[j] = (row[j] - sum) / other[j]
          }
        }
        for i in block {
          finish(i)
          let row = l.row(i, n)
          let done = row[first..<i].reading
          let pivot = row[i] - Vectors.dot(done, done)
          guard pivot > 0 else {
            badPivot = i
            return
          }
          row[i] = pivot.squareRoot()
          row[(i + 1)..<block.upperBound].fill(0)
        }
        ThreadPool.shared.forEachChunk(of: n - block.upperBound, size: 32) { rows in
          for i in rows { finish(block.upperBound + i) }
        }
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
    let firsts = Array(stride(from: 0, to: n, by: Self.block))
    var x = b
    x.elements.withMutableView { x in
      l.elements.withView { elements in
        for first in firsts {
          let block = first..<min(n, first + Self.block)
          MatrixProduct.multiply(
            elements.from(first * n).matrix(block.count, first, stride: n),
            x.reading.matrix(first, width),
            alpha: -1, beta: 1, into: x.from(first * width).matrix(block.count, width))
          for i in block {
            let row = x.row(i, width)
            for j in first..<i { Vectors.axpy(-l[i, j], x.row(j, width).reading, row) }
            for c in 0..<width { row[c] /= l[i, i] }
          }
        }
        for first in firsts.reversed() {
          let block = first..<min(n, first + Self.block)
          let (next, rest) = (block.upperBound, n - block.upperBound)
          MatrixProduct.multiply(
            elements.from(min(next * n + first, elements.count))
              .matrix(rest, block.count, stride: n).transposed,
            x.reading.from(next * width).matrix(rest, width),
            alpha: -1, beta: 1, into: x.from(first * width).matrix(block.count, width))
          for i in block.reversed() {
            let row = x.row(i, width)
            for c in 0..<width { row[c] /= l[i, i] }
            for j in first..<i { Vectors.axpy(-l[i, j], row.reading, x.row(j, width)) }
          }
        }
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
