/// Dropout: in training every element is zeroed with a probability, and the others are scaled up
/// to keep the mean; at inference nothing happens.
public final class Dropout: Module {
  /// The probability that an element is dropped.
  public let probability: Float

  /// A layer that drops with a probability of 0 ..< 1.
  public init(_ probability: Float) { self.probability = probability }

  /// Nothing.
  public var members: [Member] { [] }

  /// x of any shape → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    guard let mask = context.dropoutMask(probability) else { return x }
    return x.dropout(mask)
  }
}
