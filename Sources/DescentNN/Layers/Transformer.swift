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
  ///
  /// - Parameter cache: keys and values of the positions before, to which those of x are added.
  public func callAsFunction(
    _ x: Tensor, _ context: Context, cache: KeyValueCache.Layer? = nil
  ) -> Tensor {
    let joined = project(x, context)
    guard let cache else {
      let y = joined.attention(
        heads: heads, causal: causal, dropout: context.dropoutMask(dropout))
      return output(y, context)
    }
    let width = joined.shape[2] / 3
    func part(_ i: Int) -> Tensor { joined.narrowed(2, i * width..<(i + 1) * width) }
    return output(cache.attention(part(0), part(1), part(2), heads: heads, window: nil), context)
  }
}

/// The feed-forward part of a transformer: a map to an inner width, GELU, and a map back.
public final class FeedForward: Module {
  /// The map to the inner width.
  public let expand: Linear
  /// The map back.
  public let output: Linear
  /// Whether GELU is computed by its tanh approximation.
  public let approximatesGELU: Bool

  /// A layer for vectors of `width`; the map back is initialized with `outputDeviation`.
  ///
  /// - Parameters:
  ///   - inner: the inner width; nil is four times the width.
  ///   - approximatesGELU: whether GELU is computed by its tanh approximation; false by default.
  public init(
    width: Int, bias: Bool, inner: Int? = nil, approximatesGELU: Bool = false,
    deviation: Float = 0.02, outputDeviation: Float, random: inout RandomStream
  ) {
    let inner = inner ?? 4 * width
    expand = Linear(
      inputs: width, outputs: inner, bias: bias, deviation: deviation, random: &random)
    output = Linear(
      inputs: inner, outputs: width, bias: bias, deviation: outputDeviation, random: &random)
    self.approximatesGELU = approximatesGELU
  }

  /// The two maps.
  public var members: [Member] { [.module("c_fc", expand), .module("c_proj", output)] }

  /// x of shape [..., width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    let x = expand(x, context)
    return output(approximatesGELU ? x.geluTanh() : x.gelu(), context)
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

  /// A block for vectors of `width`; `causal` is that of ``SelfAttention``, `inner` and
  /// `approximatesGELU` are those of ``FeedForward``.
  public init(
    width: Int, heads: Int, bias: Bool, causal: Bool = true, dropout: Float, inner: Int? = nil,
    approximatesGELU: Bool = false, epsilon: Float = 1e-5, outputDeviation: Float,
    random: inout RandomStream
  ) {
    norm1 = LayerNorm(width: width, bias: bias, epsilon: epsilon)
    attention = SelfAttention(
      width: width, heads: heads, bias: bias, causal: causal, dropout: dropout,
      outputDeviation: outputDeviation, random: &random)
    norm2 = LayerNorm(width: width, bias: bias, epsilon: epsilon)
    feedForward = FeedForward(
      width: width, bias: bias, inner: inner, approximatesGELU: approximatesGELU,
      outputDeviation: outputDeviation, random: &random)
    self.dropout = Dropout(dropout)
  }

  /// The parts, in the order in which they run.
  public var members: [Member] {
    [
      .module("ln_1", norm1), .module("attn", attention), .module("ln_2", norm2),
      .module("mlp", feedForward), .module("dropout", dropout),
    ]
  }

  /// x of shape [batch, time, width] → the same shape; see ``SelfAttention``.
  public func callAsFunction(
    _ x: Tensor, _ context: Context, cache: KeyValueCache.Layer? = nil
  ) -> Tensor {
    let x = x + dropout(attention(norm1(x, context), context, cache: cache), context)
    return x + dropout(feedForward(norm2(x, context), context), context)
  }
}
