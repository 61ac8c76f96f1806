/// A row-major matrix in memory, possibly stored transposed. That it lies within its view is checked
/// when it is made.
package struct MatrixView<Element: BitwiseCopyable> {
  /// Where the matrix lies: from the first element on.
  package let elements: View<Element>
  /// The rows, as the product reads the matrix.
  package let rows: Int
  /// The columns, as the product reads the matrix.
  package let columns: Int
  /// The elements from the start of one stored row to that of the next.
  package let stride: Int
  /// Whether stored rows are columns.
  package let isTransposed: Bool

  private init(
    _ elements: View<Element>, _ rows: Int, _ columns: Int, stride: Int, isTransposed: Bool
  ) {
    self.elements = elements
    (self.rows, self.columns) = (rows, columns)
    (self.stride, self.isTransposed) = (stride, isTransposed)
  }

  fileprivate init(_ elements: View<Element>, _ rows: Int, _ columns: Int, stride: Int) {
    precondition(reach(rows, columns, stride) <= elements.count)
    self.init(elements, rows, columns, stride: stride, isTransposed: false)
  }

  /// The same memory read the other way.
  package var transposed: MatrixView {
    MatrixView(elements, columns, rows, stride: stride, isTransposed: !isTransposed)
  }

  /// The same memory, read the other way if `condition` holds.
  package func transposed(if condition: Bool) -> MatrixView { condition ? transposed : self }
}

/// A matrix whose numbers are floats, or lie in memory in 16 bits and are widened when a product packs
/// them.
package enum StoredMatrix {
  case float32(MatrixView<Float>)
  /// The bits of numbers in a 16-bit format.
  case narrow(MatrixView<UInt16>, NumberFormat)

  /// The rows, as the product reads the matrix.
  package var rows: Int {
    switch self {
    case .float32(let matrix): matrix.rows
    case .narrow(let matrix, _): matrix.rows
    }
  }

  /// The columns, as the product reads the matrix.
  package var columns: Int {
    switch self {
    case .float32(let matrix): matrix.columns
    case .narrow(let matrix, _): matrix.columns
    }
  }

  /// The same memory read the other way.
  package var transposed: StoredMatrix {
    switch self {
    case .float32(let matrix): .float32(matrix.transposed)
    case .narrow(let matrix, let format): .narrow(matrix.transposed, format)
    }
  }
}

/// A row-major matrix in memory to be written; see ``MatrixView``.
package struct MutableMatrixView<Element: BitwiseCopyable> {
  package let elements: MutableView<Element>
  package let rows: Int
  package let columns: Int
  package let stride: Int

  fileprivate init(_ elements: MutableView<Element>, _ rows: Int, _ columns: Int, stride: Int) {
    precondition(reach(rows, columns, stride) <= elements.count)
    self.elements = elements
    (self.rows, self.columns, self.stride) = (rows, columns, stride)
  }
}

extension View {
  /// The first elements as a matrix; rows follow each other without a gap unless `stride` says
  /// otherwise.
  package func matrix(_ rows: Int, _ columns: Int, stride: Int? = nil) -> MatrixView<Element> {
    MatrixView(self, rows, columns, stride: stride ?? columns)
  }
}

extension MutableView {
  /// The first elements as a matrix; rows follow each other without a gap unless `stride` says
  /// otherwise.
  package func matrix(
    _ rows: Int, _ columns: Int, stride: Int? = nil
  ) -> MutableMatrixView<Element> {
    MutableMatrixView(self, rows, columns, stride: stride ?? columns)
  }
}

/// The elements that the rows of a matrix reach over.
private func reach(_ rows: Int, _ columns: Int, _ stride: Int) -> Int {
  rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns
}
