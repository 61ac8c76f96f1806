internal import Descent
public import DescentCompute

/// A decoder-only transformer of the Llama family: Llama, Mistral, Qwen2, Qwen3, SmolLM.
///
/// Rotary positions, RMS normalization before each part of a block, grouped heads, SwiGLU. Parameters
/// carry the names of Hugging Face's models.
///
/// Touvron et al.: LLaMA: Open and efficient foundation language models (2023), arXiv:2302.13971.
public final class Llama: RecomputingModule {
  /// What a model is made of.
  public struct Configuration: Sendable, Equatable {
    /// The number of blocks.
    public var layers: Int
    /// The attention of a block; its width is that of the residual stream.
    public var attention: GroupedAttention.Configuration
    /// The inner width of the feed-forward parts.
    public var inner: Int
    /// The longest sequence.
    public var context: Int
    /// The number of tokens.
    public var vocabulary: Int
    /// The positions.
    public var positions: RotaryPositions
    /// The ε of normalizations.
    public var normEpsilon: Float = 1e-6
    /// Whether the maps of the feed-forward parts have biases.
    public var feedForwardBias = false
    /// Whether the token embedding is also the output matrix.
    public var isTied = false
    /// How many positions the queries of each block look at; nil for all before them.
    public var windows: [Int?]
    /// The standard deviation of initial weights.
    public var deviation: Float = 0.02

    /// A model without biases whose output matrix is its own.
    public init(
      layers: Int, attention: GroupedAttention.Configuration, inner: Int, context: Int,
      vocabulary: Int, positions: RotaryPositions
    ) {
      (self.layers, self.attention, self.inner) = (layers, attention, inner)
      (self.context, self.vocabulary, self.positions) = (context, vocabulary, positions)
      windows = [Int?](repeating: nil, count: max(0, layers))
    }
  }

  /// A block: x + attention(norm(x)), then x + feedForward(norm(x)).
  public final class Block: Module {
    /// The normalization before the attention.
    public let norm1: RMSNorm
    /// The attention.
    public let attention: GroupedAttention
    /// The normalization before the feed-forward part.
    public let norm2: RMSNorm
    /// The feed-forward part.
    public let feedForward: GatedFeedForward

    fileprivate init(_ c: Configuration, _ window: Int?, random: inout RandomStream) {
      let outputDeviation = c.deviation / Float(2 * c.layers).root
      norm1 = RMSNorm(width: c.attention.width, epsilon: c.normEpsilon)
      attention = GroupedAttention(
        c.attention, window: window, deviation: c.deviation, outputDeviation: outputDeviation,
        random: &random)
      norm2 = RMSNorm(width: c.attention.width, epsilon: c.normEpsilon)
      feedForward = GatedFeedForward(
        width: c.attention.width, inner: c.inner, bias: c.feedForwardBias, deviation: c.deviation,
        outputDeviation: outputDeviation, random: &random)
    }

    /// The parts, as Hugging Face names them.
    public var members: [Member] {
      [
        .module("self_attn", attention), .module("mlp", feedForward),
        .module("input_layernorm", norm1), .module("post_attention_layernorm", norm2),
      ]
    }

    /// x of shape [batch, time, width] → the same shape; see ``GroupedAttention``.
    public func callAsFunction(
      _ x: Tensor, angles: (cosines: Tensor, sines: Tensor), _ context: Context,
      cache: KeyValueCache.Layer? = nil
    ) -> Tensor {
      let x = x + attention(norm1(x, context), angles: angles, context, cache: cache)
      return x + feedForward(norm2(x, context), context)
    }
  }

  /// What it is made of.
  public let configuration: Configuration
  /// The vectors of the tokens.
  public let tokens: Embedding
  /// The blocks.
  public let blocks: [Block]
  /// The normalization before the output.
  public let norm: RMSNorm
  /// The output matrix; nil where it is the token embedding.
  public let head: Linear?
  /// Which blocks keep only their input during training; no result depends on it.
  public var recomputation: Recomputation {
    get { stack.recomputation }
    set { stack.recomputation = newValue }
  }
  /// What that led to in the last pass with a tape; nil before the first.
  public var recomputationPlan: RecomputationPlan? { stack.plan }
  private let stack = LayerStack()
  /// The angles of the last pass, which the next most often needs again.
  private var angles: (positions: Range<Int>, cosines: Tensor, sines: Tensor)?

  /// A model with random weights.
  ///
  /// - Throws: `ModelError` when the sizes do not fit together.
  public init(_ configuration: Configuration, random: inout RandomStream) throws(ModelError) {
    let c = configuration
    try ModelError.requirePositive([
      ("layers", c.layers), ("heads", c.attention.heads), ("width", c.attention.width),
      ("key and value heads", c.attention.groups), ("head size", c.attention.headSize),
      ("inner width", c.inner), ("context", c.context), ("vocabulary", c.vocabulary),
    ])
    guard c.attention.heads % c.attention.groups == 0 else {
      throw .unequalGroups(heads: c.attention.heads, groups: c.attention.groups)
    }
    guard c.attention.headSize % 2 == 0, c.positions.headSize == c.attention.headSize else {
      throw .oddHead(c.attention.headSize)
    }
    precondition(c.windows.count == c.layers)
    self.configuration = c
    tokens = Embedding(
      rows: c.vocabulary, width: c.attention.width, deviation: c.deviation, random: &random)
    var blocks: [Block] = []
    for window in c.windows { blocks.append(Block(c, window, random: &random)) }
    self.blocks = blocks
    norm = RMSNorm(width: c.attention.width, epsilon: c.normEpsilon)
    head =
      c.isTied
      ? nil
      : Linear(
        inputs: c.attention.width, outputs: c.vocabulary, bias: false, role: .head,
        deviation: c.deviation, random: &random)
    assignNames()
  }

  /// The parts, as Hugging Face names them.
  public var members: [Member] {
    [.module("model.embed_tokens", tokens)]
      + blocks.enumerated().map { .module("model.layers.\($0)", $1) }
      + [.module("model.norm", norm)] + (head.map { [.module("lm_head", $0)] } ?? [])
  }

  /// The logits of the token after every position.
  ///
  /// - Parameter ids: Tokens of shape [batch, time], with time at most the context.
  /// - Returns: A tensor of shape [batch, time, vocabulary].
  public func callAsFunction(_ ids: IndexTensor, _ context: Context) -> Tensor {
    output(features(ids, context, nil), context)
  }

  private func output(_ x: Tensor, _ context: Context) -> Tensor {
    head?(x, context) ?? x.linear(context.use(tokens.weight))
  }

  private func features(
    _ ids: IndexTensor, _ context: Context, _ cache: KeyValueCache?
  ) -> Tensor {
    let start = cache?.count ?? 0
    check(
      ids.shape.count == 2 && start + ids.shape[1] <= configuration.context,
      "a model with a context of \(configuration.context) takes tokens of shape [batch, time] with "
        + "at most as many, not \(ids.shape)")
    let angles = angles(of: start..<start + ids.shape[1])
    var x = tokens(ids, context)
    if let cache {
      for (block, layer) in zip(blocks, cache.layers) {
        x = block(x, angles: angles, context, cache: layer)
      }
      cache.advance(by: ids.shape[1])
    } else {
      x = stack.run(
        blocks.map { block in { block($0, angles: angles, $1) } }, x, context)
    }
    return norm(x, context)
  }

  private func angles(of positions: Range<Int>) -> (cosines: Tensor, sines: Tensor) {
    if let angles, angles.positions == positions { return (angles.cosines, angles.sines) }
    let (cosines, sines) = configuration.positions.angles(of: positions)
    angles = (positions, cosines, sines)
    return (cosines, sines)
  }
}

extension Llama: CausalLanguageModel {
  /// The longest sequence.
  public var longestSequence: Int { configuration.context }
  /// The number of tokens.
  public var vocabulary: Int { configuration.vocabulary }

  /// Room for `capacity` tokens.
  public func makeCache(_ capacity: Int) -> KeyValueCache? {
    KeyValueCache(
      layers: blocks.count,
      width: configuration.attention.groups * configuration.attention.headSize, capacity: capacity)
  }

  /// The logits of the token after the last one.
  public func nextLogits(_ tokens: [Int32], _ cache: KeyValueCache?) -> Tensor {
    let ids = IndexTensor(shape: [1, tokens.count], scalars: tokens)
    let x = features(ids, .inference, cache).narrowed(1, tokens.count - 1..<tokens.count)
    return output(x, .inference).reshapedDetached([configuration.vocabulary])
  }
}
