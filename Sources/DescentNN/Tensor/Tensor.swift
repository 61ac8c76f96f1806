public import DescentCompute

/// An array of 32-bit floating-point numbers with a shape, in row-major order.
///
/// A tensor is a value: changing one never changes another, although they may share memory until
/// then. The result of an operation on a `Tape` also knows how it was computed; every other tensor is
/// plain data.
public struct Tensor: Sendable {
  /// The size of every dimension; empty for a single number.
  public private(set) var shape: [Int]

  /// The format that the elements are numbers of, wherever they lie.
  public internal(set) var format = NumberFormat.float32

  var storage: TensorStorage

  /// Where the tape keeps the gradient; nil when no gradient is wanted.
  var node: TapeNode?

  /// A tensor with undefined contents, for code that writes every element.
  package init(uninitialized shape: [Int]) {
    check(shape.allSatisfy { $0 >= 0 }, "a tensor cannot have the shape \(shape)")
    self.shape = shape
    storage = TensorStorage(count: shape.reduce(1, *))
  }

  /// A tensor of the given numbers in row-major order.
  public init(shape: [Int], scalars: [Float]) {
    self.init(uninitialized: shape)
    check(
      scalars.count == count,
      "a tensor of shape \(shape) needs \(count) numbers, but \(scalars.count) were given")
    let y = storage.mutableElements
    for i in 0..<count { y[i] = scalars[i] }
  }

  /// A tensor without dimensions.
  public init(_ scalar: Float) { self.init(repeating: scalar, shape: []) }

  /// A tensor with all elements equal.
  public init(repeating value: Float, shape: [Int]) {
    self.init(uninitialized: shape)
    storage.mutableElements.fill(value)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

  /// A tensor of ones.
  public static func ones(_ shape: [Int]) -> Tensor { Tensor(repeating: 1, shape: shape) }

  /// The number of elements.
  public var count: Int { storage.count }

  /// The number of dimensions.
  public var rank: Int { shape.count }

  /// The elements in row-major order.
  public var scalars: [Float] {
    let x = elements
    return (0..<count).map { x[$0] }
  }

  /// The only element of a tensor with one element.
  public var scalar: Float {
    check(count == 1, "a tensor of shape \(shape) is not a single number")
    return elements[0]
  }

  /// Calls `body` with the elements in row-major order.
  public func withSpan<Result, E: Error>(
    _ body: (Span<Float>) throws(E) -> Result
  ) throws(E) -> Result {
    let x = elements
    return try body(unsafe Span(_unsafeStart: x.base, count: x.count))
  }

  /// Calls `body` with the elements, to be changed, in row-major order.
  ///
  /// What a tape has recorded cannot be changed like this, since its derivative would not know; subscripts
  /// can change it.
  public mutating func withMutableSpan<Result, E: Error>(
    _ body: (inout MutableSpan<Float>) throws(E) -> Result
  ) throws(E) -> Result {
    check(
      node == nil,
      "the elements of a tensor on a tape cannot be changed in place; change those of `detached`, or "
        + "assign to a subscript")
    let x = mutableElements()
    format = .float32
    var span = unsafe MutableSpan(_unsafeStart: x.base, count: x.count)
    return try body(&span)
  }

  /// The same numbers without the memory of how they were computed.
  public var detached: Tensor {
    var x = self
    x.node = nil
    return x
  }

  /// A copy with its own memory.
  package func copied() -> Tensor {
    var y = Tensor(uninitialized: shape)
    storage.widen(0..<count, into: y.storage.mutableElements)
    y.format = format
    return y
  }

  /// A copy with its own memory, as wide as this one's.
  package func duplicate() -> Tensor {
    var y = detached
    y.storage = storage.copied()
    return y
  }

  /// Takes over the numbers of a tensor of the same shape, at the place where those before lay.
  package mutating func take(_ x: Tensor) {
    precondition(x.shape == shape)
    if isKnownUniquelyReferenced(&storage) && storage.isOfPool
      && storage.format == x.storage.format
    {
      storage.copy(x.storage)
    } else {
      storage = x.storage.copied()
    }
    (format, node) = (x.format, nil)
  }

  /// Numbers that lie where `storage` has them.
  init(shape: [Int], storage: TensorStorage) {
    precondition(shape.reduce(1, *) == storage.count)
    (self.shape, self.storage) = (shape, storage)
  }

  /// Whether the numbers lie in a file, so that they can only be read.
  var isStoredToRead: Bool { !storage.isOfPool }

  var elements: View<Float> { storage.elements }

  /// The elements to be changed, after a copy when another tensor shares them.
  mutating func mutableElements() -> MutableView<Float> {
    if !isKnownUniquelyReferenced(&storage) || !storage.isWritable { storage = copied().storage }
    return storage.mutableElements
  }

  /// The bits of elements that lie in 16, to be changed, after a copy when another tensor shares them.
  mutating func mutableHalves() -> MutableView<UInt16> {
    if !isKnownUniquelyReferenced(&storage) { storage = storage.copied() }
    storage.forget()
    return storage.mutableHalves
  }

  /// The elements of a tensor that nobody else has seen yet.
  var freshElements: MutableView<Float> { storage.mutableElements }

  /// The same elements, without a gradient, under another shape with as many elements.
  func reshapedDetached(_ shape: [Int]) -> Tensor {
    check(
      shape.reduce(1, *) == count,
      "a tensor of shape \(self.shape) cannot take the shape \(shape)")
    var y = self
    y.shape = shape
    y.node = nil
    return y
  }

  /// Rows and columns of the tensor read as a matrix: the last dimension makes the columns.
  var matrixShape: (rows: Int, columns: Int) {
    let columns = shape.last ?? 1
    return (columns == 0 ? 0 : count / columns, columns)
  }
}

/// Whole numbers with a shape, in row-major order: tokens and labels.
public struct IndexTensor: Sendable, Equatable {
  /// The size of every dimension.
  public let shape: [Int]

  /// The numbers in row-major order.
  public let scalars: [Int32]

  /// Numbers of the given shape.
  public init(shape: [Int], scalars: [Int32]) {
    check(
      shape.reduce(1, *) == scalars.count,
      "indices of shape \(shape) need \(shape.reduce(1, *)) numbers, "
        + "but \(scalars.count) were given")
    self.shape = shape
    self.scalars = scalars
  }

  /// Numbers in one dimension.
  public init(_ scalars: [Int32]) { self.init(shape: [scalars.count], scalars: scalars) }
}
