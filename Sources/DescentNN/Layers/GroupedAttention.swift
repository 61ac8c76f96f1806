public import DescentCompute

/// Self-attention as in Llama: rotary positions, and heads of keys and values that may be fewer than
/// those of queries.
///
/// Parameters carry the names of Hugging Face's layers.
public final class GroupedAttention: Module {
  /// What an attention is made of.
  public struct Configuration: Sendable, Equatable {
    /// The size of the vectors that come in and go out.
    public var width: Int
    /// The heads of queries.
    public var heads: Int
    /// The heads of keys and values, a divisor of `heads`.
    public var groups: Int
    /// The size of a head.
    public var headSize: Int
    /// Whether queries, keys and values have biases.
    public var bias = false
    /// Whether the map of the joined heads has a bias.
    public var outputBias = false
    /// The ε of the normalization of each head's queries and keys, as in Qwen3; nil leaves it out.
    public var normEpsilon: Float?
    /// The probability that attention weights are dropped.
    public var dropout: Float = 0

    /// An attention without biases and dropout.
    public init(width: Int, heads: Int, groups: Int, headSize: Int) {
      (self.width, self.heads, self.groups, self.headSize) = (width, heads, groups, headSize)
    }
  }

  /// What it is made of.
  public let configuration: Configuration
  /// How many positions a query looks at; nil for all before it.
  public let window: Int?
  /// The map to queries.
  public let queries: Linear
  /// The map to keys.
  public let keys: Linear
  /// The map to values.
  public let values: Linear
  /// The map of the joined heads.
  public let output: Linear
  /// The normalization of the queries of each head.
  public let queryNorm: RMSNorm?
  /// The normalization of the keys of each head.
  public let keyNorm: RMSNorm?

  /// A layer with weights drawn from N(0, deviation²), those of the output map from
  /// N(0, outputDeviation²).
  public init(
    _ configuration: Configuration, window: Int? = nil, deviation: Float = 0.02,
    outputDeviation: Float, random: inout RandomStream
  ) {
    (self.configuration, self.window) = (configuration, window)
    let c = configuration
    func linear(_ inputs: Int, _ outputs: Int, _ bias: Bool, _ deviation: Float) -> Linear {
      Linear(
        inputs: inputs, outputs: outputs, bias: bias, deviation: deviation, random: &random)
    }
    queries = linear(c.width, c.heads * c.headSize, c.bias, deviation)
    keys = linear(c.width, c.groups * c.headSize, c.bias, deviation)
    values = linear(c.width, c.groups * c.headSize, c.bias, deviation)
    output = linear(c.heads * c.headSize, c.width, c.outputBias, outputDeviation)
    queryNorm = c.normEpsilon.map { RMSNorm(width: c.headSize, epsilon: $0) }
    keyNorm = c.normEpsilon.map { RMSNorm(width: c.headSize, epsilon: $0) }
  }

  /// The maps and the normalizations.
  public var members: [Member] {
    let norms = [("q_norm", queryNorm), ("k_norm", keyNorm)].compactMap { name, norm in
      norm.map { Member.module(name, $0) }
    }
    return [
      .module("q_proj", queries), .module("k_proj", keys), .module("v_proj", values),
      .module("o_proj", output),
    ] + norms
  }

  /// x of shape [batch, time, width] → the same shape.
  ///
  /// - Parameters:
  ///   - angles: cosines and sines of the positions of x.
  ///   - cache: keys and values of the positions before, to which those of x are added.
  public func callAsFunction(
    _ x: Tensor, angles: (cosines: Tensor, sines: Tensor), _ context: Context,
    cache: KeyValueCache.Layer? = nil
  ) -> Tensor {
    let c = configuration
    func turned(_ x: Tensor, _ heads: Int, _ norm: RMSNorm?) -> Tensor {
      var x = x
      if let norm {
        let shape = x.shape
        x = norm(x.reshaped([shape[0], shape[1], heads, c.headSize]), context).reshaped(shape)
      }
      return x.rotated(heads: heads, cosines: angles.cosines, sines: angles.sines)
    }
    let q = turned(queries(x, context), c.heads, queryNorm)
    let k = turned(keys(x, context), c.groups, keyNorm)
    let v = values(x, context)
    let y: Tensor
    if let cache {
      y = cache.attention(q, k, v, heads: c.heads, window: window)
    } else {
      y = Tensor.attention(
        queries: q, keys: k, values: v, heads: c.heads, window: window,
        dropout: context.dropoutMask(c.dropout))
    }
    return output(y, context)
  }
}

/// The feed-forward part of a Llama: SwiGLU between maps to an inner width and back.
///
/// ```
/// y = (silu(x·Gᵀ) ⊙ x·Uᵀ)·Dᵀ
/// ```
///
/// Shazeer: GLU variants improve transformer (2020), arXiv:2002.05202.
public final class GatedFeedForward: Module {
  /// G, the map whose result is the gate.
  public let gate: Linear
  /// U, the map to the inner width.
  public let up: Linear
  /// D, the map back.
  public let down: Linear

  /// A layer with weights drawn from N(0, deviation²), those of the map back from
  /// N(0, outputDeviation²).
  public init(
    width: Int, inner: Int, bias: Bool = false, deviation: Float = 0.02, outputDeviation: Float,
    random: inout RandomStream
  ) {
    gate = Linear(
      inputs: width, outputs: inner, bias: bias, deviation: deviation, random: &random)
    up = Linear(inputs: width, outputs: inner, bias: bias, deviation: deviation, random: &random)
    down = Linear(
      inputs: inner, outputs: width, bias: bias, deviation: outputDeviation, random: &random)
  }

  /// The maps.
  public var members: [Member] {
    [.module("gate_proj", gate), .module("up_proj", up), .module("down_proj", down)]
  }

  /// x of shape [..., width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    down(gate(x, context).swiGLU(up(x, context)), context)
  }
}
