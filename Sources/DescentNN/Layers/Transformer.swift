public import DescentCompute

/// Multi-head self-attention with its projections.
public final class SelfAttention: Module {
  /// Queries, keys and values in one map.
  public let project: Linear
  /// The map of the joined heads.
  public let output: Linear
  /// The number of heads.
  public let heads: Int
  /// Whether a position sees only itself and what is before it.
  public let causal: Bool
  /// The probability that attention weights are dropped.
  public let dropout: Float

  /// A layer for vectors of `width`; the output projection is initialized with `outputDeviation`.
  public init(
    width: Int, heads: Int, bias: Bool, causal: Bool = true, dropout: Float = 0,
    deviation: Float = 0.02, outputDeviation: Float, random: inout RandomStream
  ) {
    project = Linear(
      inputs: width, outputs: 3 * width, bias: bias, deviation: deviation, random: &random)
    output = Linear(
      inputs: width, outputs: width, bias: bias, deviation: outputDeviation, random: &random)
    self.heads = heads
    self.causal = causal
    self.dropout = dropout
  }

  /// The projections.
  public var members: [Member] { [.module("c_attn", project), .module("c_proj", output)] }

  /// x of shape [batch, time, width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    let y = project(x, context)
      .attention(heads: heads, causal: causal, dropout: context.dropoutMask(dropout))
    return output(y, context)
  }
}

/// The feed-forward part of a transformer: a map to four times the width, GELU, and a map back.
public final class FeedForward: Module {
  /// The map to the inner width.
  public let expand: Linear
  /// The map back.
  public let output: Linear

  /// A layer for vectors of `width`; the map back is initialized with `outputDeviation`.
  public init(
    width: Int, bias: Bool, deviation: Float = 0.02, outputDeviation: Float,
    random: inout RandomStream
  ) {
    expand = Linear(
      inputs: width, outputs: 4 * width, bias: bias, deviation: deviation, random: &random)
    output = Linear(
      inputs: 4 * width, outputs: width, bias: bias, deviation: outputDeviation, random: &random)
  }

  /// The two maps.
  public var members: [Member] { [.module("c_fc", expand), .module("c_proj", output)] }

  /// x of shape [..., width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    output(expand(x, context).gelu(), context)
  }
}

/// A pre-norm transformer block: x + attention(norm(x)), then x + feedForward(norm(x)).
public final class TransformerBlock: Module {
  /// The normalization before the attention.
  public let norm1: LayerNorm
  /// The attention.
  public let attention: SelfAttention
  /// The normalization before the feed-forward part.
  public let norm2: LayerNorm
  /// The feed-forward part.
  public let feedForward: FeedForward
  /// The dropout on both branches.
  public let dropout: Dropout

  /// A block for vectors of `width`.
  public init(
    width: Int, heads: Int, bias: Bool, dropout: Float, outputDeviation: Float,
    random: inout RandomStream
  ) {
    norm1 = LayerNorm(width: width, bias: bias)
    attention = SelfAttention(
      width: width, heads: heads, bias: bias, dropout: dropout, outputDeviation: outputDeviation,
      random: &random)
    norm2 = LayerNorm(width: width, bias: bias)
    feedForward = FeedForward(
      width: width, bias: bias, outputDeviation: outputDeviation, random: &random)
    self.dropout = Dropout(dropout)
  }

  /// The parts, in the order in which they run.
  public var members: [Member] {
    [
      .module("ln_1", norm1), .module("attn", attention), .module("ln_2", norm2),
      .module("mlp", feedForward), .module("dropout", dropout),
    ]
  }

  /// x of shape [batch, time, width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    let x = x + dropout(attention(norm1(x, context), context), context)
    return x + dropout(feedForward(norm2(x, context), context), context)
  }
}
