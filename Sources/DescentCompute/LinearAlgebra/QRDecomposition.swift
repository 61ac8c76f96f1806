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
    unsafe columns.elements.withUnsafeMutableBufferPointer { columns in
      unsafe q.elements.withUnsafeMutableBufferPointer { q in
        guard let base = columns.baseAddress, let target = q.baseAddress else { return }
        let (columns, q) = unsafe (Shared(base), Shared(target))
        for k in 0..<n {
          let v = unsafe columns.pointer + k * m + k
          let (factor, α) = unsafe Rows.reflect(v, m - k)
          β[k] = factor
          let shared = unsafe Shared(v)
          Self.strips(of: n - k - 1, work: (n - k) * (m - k)) { others in
            for j in others {
              let x = unsafe columns.pointer + (k + 1 + j) * m + k
              unsafe Rows.axpy(
                m - k, -factor * Rows.dot(m - k, shared.pointer, x), shared.pointer, x)
            }
          }
          r[k, k] = α * scale
        }
        for j in 0..<n {
          for k in 0..<j { unsafe r[k, j] = columns[j * m + k] * scale }
        }
        // Q's columns: H_0 ⋯ H_last applied to unit vectors.
        Self.strips(of: n, work: n * m * n) { own in
          for j in own {
            let x = unsafe q.pointer + j * m
            unsafe x[j] = 1
            for k in stride(from: j, through: 0, by: -1) {
              let v = unsafe columns.pointer + k * m + k
              unsafe Rows.axpy(m - k, -β[k] * Rows.dot(m - k, v, x + k), v, x + k)
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
