internal import DescentCompute

/// The keys and values of the tokens that a model has read, so that the next token costs no more than
/// itself.
///
/// For one sequence, at inference.
public final class KeyValueCache {
  /// How many tokens there is room for.
  public let capacity: Int
  /// How many tokens have been read.
  public private(set) var count = 0
  /// Those of each block of the model.
  let layers: [Layer]

  /// Room for `capacity` tokens.
  ///
  /// - Parameters:
  ///   - layers: The blocks of the model.
  ///   - width: The size of the keys, and of the values, of a token in a block.
  public init(layers: Int, width: Int, capacity: Int) {
    self.capacity = capacity
    self.layers = (0..<layers).map { _ in Layer(capacity, width) }
  }

  /// Ends the reading of `tokens` tokens, which all blocks have taken in.
  func advance(by tokens: Int) {
    count += tokens
    for layer in layers { layer.count = count }
  }

  /// Forgets all tokens.
  public func clear() {
    count = 0
    for layer in layers { layer.count = 0 }
  }

  /// The keys and values of one block.
  public final class Layer {
    private var keys: Tensor
    private var values: Tensor
    fileprivate var count = 0

    fileprivate init(_ capacity: Int, _ width: Int) {
      keys = Tensor(uninitialized: [1, capacity, width])
      values = Tensor(uninitialized: [1, capacity, width])
    }

    /// Adds the keys and values of the next tokens, and lets their queries look at all.
    func attention(
      _ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, window: Int?
    ) -> Tensor {
      check(
        q.shape[0] == 1 && count + k.shape[1] <= keys.shape[1],
        "a cache with room for \(keys.shape[1]) tokens cannot take \(k.shape[1]) more than "
          + "\(count), in \(q.shape[0]) sequences")
      let start = count * keys.shape[2]
      keys.mutableElements().from(start).copy(k.elements)
      values.mutableElements().from(start).copy(v.elements)
      return Tensor.attention(
        queries: q, keys: keys, values: values, positions: count + k.shape[1], heads: heads,
        causal: true, window: window, dropout: nil)
    }
  }
}
