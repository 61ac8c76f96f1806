public import DescentCompute

/// A decoder-only transformer, in the form of GPT-2 and nanoGPT.
///
/// Learned positions, pre-norm blocks, exact GELU, and one matrix for the token embedding and the
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
          dropout: configuration.dropout, outputDeviation: outputDeviation, random: &random))
    }
    self.blocks = blocks
    norm = LayerNorm(width: width, bias: configuration.bias)
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

  /// The logits of the token after the last position: shape [batch, vocabulary].
  public func lastLogits(_ ids: IndexTensor, _ context: Context = .inference) -> Tensor {
    let x = features(ids, context)
    let last = x.narrowed(1, x.shape[1] - 1..<x.shape[1]).reshaped([x.shape[0], x.shape[2]])
    return last.linear(context.use(tokens.weight))
  }

  private func features(_ ids: IndexTensor, _ context: Context) -> Tensor {
    check(
      ids.shape.count == 2 && ids.shape[1] <= configuration.context,
      "a GPT with a context of \(configuration.context) takes tokens of shape [batch, time] with "
        + "at most as many, not \(ids.shape)")
    let time = ids.shape[1]
    let position = context.use(positions.weight).narrowed(0, 0..<time)
    let x = dropout(tokens(ids, context) + position, context)
    return norm(stack.run(blocks.map { $0.callAsFunction }, x, context), context)
  }

  /// Continues a text, token by token.
  ///
  /// - Parameters:
  ///   - prompt: At least one token; of more than the context, the last ones count.
  ///   - count: The number of tokens to add.
  ///   - temperature: What logits are divided by; 0 always takes the most likely token.
  ///   - top: The number of most likely tokens to choose from, or nil for all.
  ///   - random: The random numbers to choose with.
  ///   - body: Receives every token; generation ends when it returns false.
  /// - Returns: The new tokens.
  /// - Throws: `ModelError` when the prompt is empty or has a token outside the vocabulary, and when
  ///   no token is the likeliest, because logits are NaN or all of them infinite.
  @discardableResult
  public func generate(
    _ prompt: [Int32], count: Int, temperature: Float = 1, top: Int? = nil,
    random: inout RandomStream, _ body: (Int32) -> Bool = { _ in true }
  ) throws(ModelError) -> [Int32] {
    guard !prompt.isEmpty else { throw .emptyPrompt }
    for id in prompt where id < 0 || id >= configuration.vocabulary {
      throw .tokenOutside(Int(id), vocabulary: configuration.vocabulary)
    }
    var sequence = prompt
    for _ in 0..<count {
      let recent = Array(sequence.suffix(configuration.context))
      let logits = lastLogits(IndexTensor(shape: [1, recent.count], scalars: recent)).scalars
      // Minus infinity is a token that never comes.
      guard let largest = logits.max(), largest.isFinite, !logits.contains(where: \.isNaN) else {
        throw .notFinite
      }
      let next = sample(logits, temperature: temperature, top: top, random: &random)
      sequence.append(next)
      if !body(next) { break }
    }
    return Array(sequence.dropFirst(prompt.count))
  }
}

/// Draws an index with a probability proportional to exp(logit / temperature).
private func sample(
  _ logits: [Float], temperature: Float, top: Int?, random: inout RandomStream
) -> Int32 {
  var order = logits.indices.sorted { logits[$0] > logits[$1] }
  if temperature <= 0 { return Int32(order[0]) }
  if let top { order = Array(order.prefix(max(1, top))) }
  let weights = Tensor(
    shape: [order.count], scalars: order.map { (logits[$0] - logits[order[0]]) / temperature }
  ).exp().scalars
  var rest = random.uniform() * weights.reduce(0, +)
  for (index, weight) in zip(order, weights) {
    rest -= weight
    if rest < 0 { return Int32(index) }
  }
  return Int32(order[0])
}
