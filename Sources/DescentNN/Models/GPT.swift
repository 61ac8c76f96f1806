public import DescentCompute

/// A decoder-only transformer, in the form of GPT-2 and nanoGPT.
///
/// Learned positions, pre-norm blocks, GELU, and one matrix for the token embedding and the
/// output. Weights are drawn from N(0, 0.02²), those of the projections back into the residual
/// stream from N(0, 0.02²/(2·layers)); biases start at zero. Parameters carry nanoGPT's names
/// without the leading `transformer.`.
public final class GPT: RecomputingModule {
  /// The sizes of a GPT.
  public struct Configuration: Sendable, Equatable {
    /// The number of blocks.
    public var layers: Int
    /// The number of heads; divides `width`.
    public var heads: Int
    /// The size of the residual stream.
    public var width: Int
    /// The longest sequence.
    public var context: Int
    /// The number of tokens.
    public var vocabulary: Int
    /// The probability of dropout, everywhere.
    public var dropout: Float
    /// Whether linear maps and normalizations have biases.
    public var bias: Bool
    /// Whether GELU is computed by its tanh approximation, as in GPT-2, and not exactly.
    public var approximatesGELU = false
    /// The inner width of the feed-forward parts; nil is four times the width.
    public var inner: Int?
    /// The ε of normalizations.
    public var normEpsilon: Float = 1e-5

    /// The sizes of a model; they are checked when the model is made.
    public init(
      layers: Int, heads: Int, width: Int, context: Int, vocabulary: Int, dropout: Float = 0,
      bias: Bool = false
    ) {
      self.layers = layers
      self.heads = heads
      self.width = width
      self.context = context
      self.vocabulary = vocabulary
      self.dropout = dropout
      self.bias = bias
    }
  }

  /// The sizes.
  public let configuration: Configuration
  /// The vectors of the tokens, also the output matrix.
  public let tokens: Embedding
  /// The vectors of the positions.
  public let positions: Embedding
  /// The blocks.
  public let blocks: [TransformerBlock]
  /// The normalization before the output.
  public let norm: LayerNorm
  /// Which blocks keep only their input during training; no result depends on it.
  public var recomputation: Recomputation {
    get { stack.recomputation }
    set { stack.recomputation = newValue }
  }
  /// What that led to in the last pass with a tape; nil before the first.
  public var recomputationPlan: RecomputationPlan? { stack.plan }
  private let stack = LayerStack()
  private let dropout: Dropout

  /// A model with random weights.
  ///
  /// - Throws: `ModelError` when the sizes do not fit together.
  public init(_ configuration: Configuration, random: inout RandomStream) throws(ModelError) {
    try ModelError.requirePositive([
      ("layers", configuration.layers), ("heads", configuration.heads),
      ("width", configuration.width), ("context", configuration.context),
      ("vocabulary", configuration.vocabulary),
    ])
    guard configuration.width % configuration.heads == 0 else {
      throw .indivisible(width: configuration.width, heads: configuration.heads)
    }
    try ModelError.requireProbability(configuration.dropout)
    self.configuration = configuration
    let width = configuration.width
    let outputDeviation = 0.02 / Float(2 * configuration.layers).root
    tokens = Embedding(
      rows: configuration.vocabulary, width: width, deviation: 0.02, random: &random)
    positions = Embedding(
      rows: configuration.context, width: width, deviation: 0.02, random: &random)
    var blocks: [TransformerBlock] = []
    for _ in 0..<configuration.layers {
      blocks.append(
        TransformerBlock(
          width: width, heads: configuration.heads, bias: configuration.bias,
          dropout: configuration.dropout, inner: configuration.inner,
          approximatesGELU: configuration.approximatesGELU, epsilon: configuration.normEpsilon,
          outputDeviation: outputDeviation, random: &random))
    }
    self.blocks = blocks
    norm = LayerNorm(
      width: width, bias: configuration.bias, epsilon: configuration.normEpsilon)
    dropout = Dropout(configuration.dropout)
    assignNames()
  }

  /// A model with random weights.
  ///
  /// - Throws: `ModelError` when the sizes do not fit together.
  public convenience init(
    layers: Int, heads: Int, width: Int, context: Int, vocabulary: Int, dropout: Float = 0,
    bias: Bool = false, random: inout RandomStream
  ) throws(ModelError) {
    try self.init(
      Configuration(
        layers: layers, heads: heads, width: width, context: context, vocabulary: vocabulary,
        dropout: dropout, bias: bias),
      random: &random)
  }

  /// The parts, named as in nanoGPT.
  public var members: [Member] {
    [.module("wte", tokens), .module("wpe", positions), .module("drop", dropout)]
      + blocks.enumerated().map { .module("h.\($0)", $1) } + [.module("ln_f", norm)]
  }

  /// The logits of the token after every position.
  ///
  /// - Parameter ids: Tokens of shape [batch, time], with time at most the context.
  /// - Returns: A tensor of shape [batch, time, vocabulary].
  public func callAsFunction(_ ids: IndexTensor, _ context: Context) -> Tensor {
    features(ids, context).linear(context.use(tokens.weight))
  }

  /// The mean cross-entropy of the targets, in nats.
  ///
  /// - Parameters:
  ///   - ids: Tokens of shape [batch, time].
  ///   - targets: The token after every position, of the same shape.
  public func loss(_ ids: IndexTensor, targets: IndexTensor, _ context: Context) -> Tensor {
    self(ids, context).crossEntropy(targets)
  }

  private func features(
    _ ids: IndexTensor, _ context: Context, _ cache: KeyValueCache? = nil
  ) -> Tensor {
    let start = cache?.count ?? 0
    check(
      ids.shape.count == 2 && start + ids.shape[1] <= configuration.context,
      "a GPT with a context of \(configuration.context) takes tokens of shape [batch, time] with "
        + "at most as many, not \(ids.shape)")
    let time = ids.shape[1]
    let position = context.use(positions.weight).narrowed(0, start..<start + time)
    var x = dropout(tokens(ids, context) + position, context)
    if let cache {
      for (block, layer) in zip(blocks, cache.layers) { x = block(x, context, cache: layer) }
      cache.advance(by: time)
    } else {
      x = stack.run(blocks.map { block in { block($0, $1) } }, x, context)
    }
    return norm(x, context)
  }
}

extension GPT: CausalLanguageModel {
  /// The longest sequence.
  public var longestSequence: Int { configuration.context }
  /// The number of tokens.
  public var vocabulary: Int { configuration.vocabulary }

  /// Room for `capacity` tokens.
  public func makeCache(_ capacity: Int) -> KeyValueCache? {
    KeyValueCache(layers: blocks.count, width: configuration.width, capacity: capacity)
  }

  /// The logits of the token after the last one.
  public func nextLogits(_ tokens: [Int32], _ cache: KeyValueCache?) -> Tensor {
    let ids = IndexTensor(shape: [1, tokens.count], scalars: tokens)
    let x = features(ids, .inference, cache).narrowed(1, tokens.count - 1..<tokens.count)
    return x.linear(Context.inference.use(self.tokens.weight))
      .reshapedDetached([configuration.vocabulary])
  }
}
