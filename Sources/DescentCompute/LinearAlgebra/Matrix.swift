/// A dense matrix of doubles, row after row: what decompositions take and give.
///
/// Decompositions run in double precision whatever the element type of weights is: the small
/// eigenvalues of a statistic, which its inverse root magnifies, lie below float32's rounding.
package struct Matrix: Sendable, Equatable {
  package let rows: Int
  package let columns: Int
  /// rows · columns elements.
  package var elements: [Double]

  /// A matrix of zeros, or of the given elements.
  package init(_ rows: Int, _ columns: Int, _ elements: [Double]? = nil) {
    precondition(elements == nil || elements!.count == rows * columns)
    (self.rows, self.columns) = (rows, columns)
    self.elements = elements ?? [Double](repeating: 0, count: rows * columns)
  }

  /// I
  package static func identity(_ n: Int) -> Matrix { diagonal([Double](repeating: 1, count: n)) }

  /// diag(`values`)
  package static func diagonal(_ values: [Double]) -> Matrix {
    var matrix = Matrix(values.count, values.count)
    for (i, value) in values.enumerated() { matrix[i, i] = value }
    return matrix
  }

  package subscript(row: Int, column: Int) -> Double {
    get { elements[row * columns + column] }
    set { elements[row * columns + column] = newValue }
  }

  /// Aᵀ
  package var transposed: Matrix {
    var result = Matrix(columns, rows)
    for i in 0..<rows {
      for j in 0..<columns { result.elements[j * rows + i] = elements[i * columns + j] }
    }
    return result
  }

  /// Whether no element is NaN or infinite.
  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  /// Adds `value` to the diagonal.
  package mutating func addToDiagonal(_ value: Double) {
    for i in 0..<min(rows, columns) { self[i, i] += value }
  }

  /// A·B, by all threads, in strips of rows.
  package static func * (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.columns == b.rows)
    var result = Matrix(a.rows, b.columns)
    let (m, n, depth) = (a.rows, b.columns, a.columns)
    let strip = m * n * depth > 64 * 64 * 64 ? 16 : max(m, 1)
    result.elements.withMutableView { c in
      a.elements.withView { a in
        b.elements.withView { b in
          ThreadPool.shared.forEachChunk(of: m, size: strip) { rows in
            for k in stride(from: 0, to: depth & ~3, by: 4) {
              for i in rows {
                let x = a.row(i, depth).from(k)
                Vectors.axpy4(SIMD4(x[0], x[1], x[2], x[3]), b.from(k * n), c.row(i, n))
              }
            }
            for k in depth & ~3..<depth {
              for i in rows { Vectors.axpy(a[i * depth + k], b.row(k, n), c.row(i, n)) }
            }
          }
        }
      }
    }
    return result
  }
}

/// Why a decomposition could not be made.
package enum LinearAlgebraError: Error, Equatable, CustomStringConvertible {
  /// The matrix has an element that is NaN or infinite, or the result would.
  case notFinite
  /// The iteration did not end.
  case notConverged
  /// A pivot is not positive.
  case notPositiveDefinite(pivot: Int)

  /// One plain sentence.
  package var description: String {
    switch self {
    case .notFinite: "the matrix, or what is made of it, has elements that are not finite"
    case .notConverged: "the eigenvalue iteration did not converge"
    case .notPositiveDefinite(let pivot): "the matrix is not positive definite (pivot \(pivot))"
    }
  }
}
