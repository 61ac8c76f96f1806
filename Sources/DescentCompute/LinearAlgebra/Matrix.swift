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
    let (rows, columns) = (rows, columns)
    result.elements.withMutableView { to in
      elements.withView { from in
        Self.forEachInSquares(rows, columns) { i, j in to[j * rows + i] = from[i * columns + j] }
      }
    }
    return result
  }

  /// Calls `body` with each row and column of a matrix, in squares, so that neither rows nor columns
  /// are far apart for long.
  @inlinable @inline(__always)
  package static func forEachInSquares(
    _ rows: Int, _ columns: Int, _ body: (_ row: Int, _ column: Int) -> Void
  ) {
    for i in stride(from: 0, to: rows, by: 16) {
      for j in stride(from: 0, to: columns, by: 16) {
        for row in i..<min(rows, i + 16) {
          for column in j..<min(columns, j + 16) { body(row, column) }
        }
      }
    }
  }

  /// Whether no element is NaN or infinite.
  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  /// Adds `value` to the diagonal.
  package mutating func addToDiagonal(_ value: Double) {
    for i in 0..<min(rows, columns) { self[i, i] += value }
  }

  /// A·B, by all threads.
  package static func * (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.columns == b.rows)
    let (m, n, depth) = (a.rows, b.columns, a.columns)
    var result = Matrix(m, n)
    result.elements.withMutableView { c in
      a.elements.withView { a in
        b.elements.withView { b in
          MatrixProduct.multiply(a.matrix(m, depth), b.matrix(depth, n), into: c.matrix(m, n))
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
