/// Numbers that do not make a tensor. Shapes that a program fixes are checked as they are used; this is
/// for those that data decide.
public enum TensorError: Error, Equatable, CustomStringConvertible {
  /// A dimension below zero, or more elements than can be counted.
  case impossibleShape([Int])
  /// Another number of elements than the shape has.
  case count(shape: [Int], needed: Int, given: Int)
  /// A row of another length than the first.
  case ragged(row: Int, expected: Int, given: Int)
  /// An index outside 0 ..< bound, and where it stands.
  case indexOutside(Int32, at: Int, bound: Int)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .impossibleShape(let shape):
      "no tensor can have the shape \(shape)"
    case .count(let shape, let needed, let given):
      "a tensor of shape \(shape) needs \(needed) numbers, but \(given) were given"
    case .ragged(let row, let expected, let given):
      "row \(row) has \(given) numbers, and the first row has \(expected)"
    case .indexOutside(let index, let place, let bound):
      "the index \(index) at position \(place) is not in 0 ..< \(bound)"
    }
  }

  /// The elements of a shape.
  fileprivate static func count(of shape: [Int]) throws(TensorError) -> Int {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow, product <= 1 << 56 else { throw .impossibleShape(shape) }
      count = product
    }
    return count
  }

  fileprivate static func check(_ shape: [Int], given: Int) throws(TensorError) {
    let needed = try count(of: shape)
    if needed != given { throw .count(shape: shape, needed: needed, given: given) }
  }
}

extension Tensor {
  /// A tensor of numbers whose shape comes from data.
  ///
  /// - Throws: ``TensorError`` where the numbers do not fill the shape.
  public init(shape: [Int], checking scalars: [Float]) throws(TensorError) {
    try TensorError.check(shape, given: scalars.count)
    self.init(shape: shape, scalars: scalars)
  }

  /// A matrix, row by row.
  ///
  /// - Throws: ``TensorError/ragged(row:expected:given:)`` for the first row of another length.
  public init(rows: [[Float]]) throws(TensorError) {
    let columns = rows.first?.count ?? 0
    for (number, row) in rows.enumerated() where row.count != columns {
      throw .ragged(row: number, expected: columns, given: row.count)
    }
    self.init(shape: [rows.count, columns], scalars: Array(rows.joined()))
  }

  /// Numbers in one dimension.
  public init(_ scalars: [Float]) { self.init(shape: [scalars.count], scalars: scalars) }
}

extension IndexTensor {
  /// Indices that come from data, each of which must be in 0 ..< `bound`.
  ///
  /// - Throws: ``TensorError`` where they do not fill the shape, or the first that is outside.
  public init(shape: [Int], checking scalars: [Int32], below bound: Int) throws(TensorError) {
    try TensorError.check(shape, given: scalars.count)
    for (place, index) in scalars.enumerated() where index < 0 || Int(index) >= bound {
      throw .indexOutside(index, at: place, bound: bound)
    }
    self.init(shape: shape, scalars: scalars)
  }
}
