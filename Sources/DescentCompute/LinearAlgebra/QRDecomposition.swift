/// A = Q·R of a matrix with at least as many rows as columns: Q has orthonormal columns, R is upper
/// triangular. By Householder reflections, so that Q is orthonormal even where A has no full rank.
package struct QRDecomposition: Sendable {
  /// Q, shaped like A.
  package let q: Matrix
  /// R
  package let r: Matrix

  /// - Throws: ``LinearAlgebraError/notFinite``.
  package init(_ a: Matrix) throws(LinearAlgebraError) {
    precondition(a.rows >= a.columns)
    guard a.isFinite else { throw .notFinite }
    let (m, n) = (a.rows, a.columns)
    let largest = a.elements.reduce(0) { max($0, abs($1)) }
    let scale = largest > 0 ? largest.binade : 1
    // Columns of A as rows, so that loops run over neighbours.
    var columns = a.transposed
    for i in columns.elements.indices { columns.elements[i] /= scale }
    var β = [Double](repeating: 0, count: n)
    var r = Matrix(n, n)
    var q = Matrix(n, m)
    columns.elements.withMutableView { columns in
      q.elements.withMutableView { q in
        for k in 0..<n {
          let v = columns.row(k, m).from(k)
          let (factor, α) = Vectors.reflect(v)
          β[k] = factor
          Self.strips(of: n - k - 1, work: (n - k) * (m - k)) { others in
            for j in others {
              let x = columns.row(k + 1 + j, m).from(k)
              Vectors.axpy(-factor * Vectors.dot(v.reading, x.reading), v.reading, x)
            }
          }
          r[k, k] = α * scale
        }
        for j in 0..<n {
          for k in 0..<j { r[k, j] = columns[j * m + k] * scale }
        }
        // Q's columns: H_0 ⋯ H_last applied to unit vectors.
        Self.strips(of: n, work: n * m * n) { own in
          for j in own {
            q[j * m + j] = 1
            for k in stride(from: j, through: 0, by: -1) {
              let (v, x) = (columns.row(k, m).from(k).reading, q.row(j, m).from(k))
              Vectors.axpy(-β[k] * Vectors.dot(v, x.reading), v, x)
            }
          }
        }
      }
    }
    (self.q, self.r) = (q.transposed, r)
  }

  /// Runs `body` on strips of 0..<count, shared by all threads where that pays.
  private static func strips(of count: Int, work: Int, _ body: (Range<Int>) -> Void) {
    if work < 1 << 15 {
      body(0..<count)
    } else {
      ThreadPool.shared.forEachChunk(of: count, size: 16, body)
    }
  }
}
