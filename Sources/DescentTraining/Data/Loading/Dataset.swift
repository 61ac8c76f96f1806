public import DescentNN

/// Examples that can be asked for by their numbers: in memory, in files, or made on the way.
///
/// ```swift
/// struct Squares: Dataset {
///   let count = 1000
///   func examples(at numbers: [Int]) -> TensorPair {
///     let x = numbers.map { Float($0) / 1000 }
///     return TensorPair(
///       Tensor(shape: [x.count, 1], scalars: x),
///       Tensor(shape: [x.count, 1], scalars: x.map { $0 * $0 }))
///   }
/// }
/// ```
/// A ``DataLoader`` makes batches of them, a ``LossTask`` trains on them.
public protocol Dataset<Examples>: Sendable {
  /// Some examples, as they go through a model at once.
  associatedtype Examples: Sendable
  /// How many examples there are, numbered from 0.
  var count: Int { get }
  /// The examples with these numbers, in this order: the same for the same numbers, whichever thread
  /// asks.
  ///
  /// - Throws: why they cannot be had, such as a ``DataError``.
  func examples(at numbers: [Int]) throws -> Examples
  /// What tells the data apart from others when a run is resumed: a ``Fingerprint`` of what they hold.
  /// Where a type does not say, their number.
  var fingerprint: String { get }
}

extension Dataset {
  /// That of the number of examples.
  public var fingerprint: String {
    var hash = Fingerprint()
    hash.add(UInt32(truncatingIfNeeded: count))
    return hash.text
  }
}

/// A data set whose examples are independent of each other: a batch is an array of them.
public protocol ItemDataset<Item>: Dataset where Examples == [Item] {
  /// One example.
  associatedtype Item: Sendable
  /// The example with a number.
  ///
  /// - Throws: why it cannot be had.
  func example(at number: Int) throws -> Item
}

extension ItemDataset {
  /// One after another.
  public func examples(at numbers: [Int]) throws -> [Item] {
    try numbers.map { try example(at: $0) }
  }
}

/// Examples of any kind, in memory.
public struct ArrayDataset<Item: Sendable>: ItemDataset {
  /// The examples.
  public let items: [Item]

  /// A data set of these examples.
  public init(_ items: [Item]) { self.items = items }

  public var count: Int { items.count }
  public func example(at number: Int) -> Item { items[number] }
}

/// Inputs with what a model is to answer.
public struct TensorPair: Sendable {
  /// The inputs, of shape [examples, ...].
  public let inputs: Tensor
  /// The answers, of shape [examples, ...].
  public let targets: Tensor

  /// Inputs with their answers.
  public init(_ inputs: Tensor, _ targets: Tensor) {
    (self.inputs, self.targets) = (inputs, targets)
  }
}

/// Inputs with their answers, in memory.
public struct TensorDataset: Dataset {
  /// All inputs and answers.
  public let all: TensorPair

  /// Examples along the first dimension of both tensors.
  ///
  /// - Throws: ``DataError`` where there are not as many of both.
  public init(_ inputs: Tensor, _ targets: Tensor) throws(DataError) {
    guard let count = inputs.shape.first, count == targets.shape.first else {
      throw .unsuitable(
        "the first dimension of both tensors counts the examples, but their shapes are "
          + "\(inputs.shape) and \(targets.shape)")
    }
    all = TensorPair(inputs.detached, targets.detached)
  }

  public var count: Int { all.inputs.shape[0] }

  public func examples(at numbers: [Int]) -> TensorPair {
    let rows = IndexTensor(numbers.map(Int32.init))
    return TensorPair(all.inputs[rows], all.targets[rows])
  }

  public var fingerprint: String {
    var hash = Fingerprint()
    hash.add(all.inputs)
    hash.add(all.targets)
    return hash.text
  }
}

extension Fingerprint {
  /// Takes in the elements of a tensor.
  public mutating func add(_ tensor: Tensor) {
    tensor.withSpan { for i in $0.indices { add($0[i].bitPattern) } }
  }

  /// Takes in whole numbers.
  public mutating func add(_ indices: IndexTensor) {
    for index in indices.scalars { add(UInt32(bitPattern: index)) }
  }

  /// Takes in a text.
  public mutating func add(_ text: String) {
    for byte in text.utf8 { add(UInt32(byte)) }
  }
}
