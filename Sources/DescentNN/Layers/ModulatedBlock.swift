internal import Descent
internal import DescentCompute

/// A transformer block that a condition steers, as in DiT (adaLN-Zero).
///
/// ```
/// a, b, g, a′, b′, g′ = W·silu(c)
/// x ← x + g·attention((1 + a)·norm₁(x) + b)
/// x ← x + g′·feedForward((1 + a′)·norm₂(x) + b′)
/// ```
///
/// W starts at zero, and so every block as the identity. Peebles, Xie: Scalable diffusion models with
/// transformers (2022), arXiv:2212.09748.
public final class ModulatedBlock: Module {
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
  /// W.
  public let modulation: Linear

  /// Steers the parts of a block for vectors of `width` by conditions of the same size.
  init(_ block: TransformerBlock, width: Int, random: inout RandomStream) {
    (norm1, attention) = (block.norm1, block.attention)
    (norm2, feedForward, dropout) = (block.norm2, block.feedForward, block.dropout)
    modulation = Linear.zero(inputs: width, outputs: 6 * width, random: &random)
  }

  /// The parts, named as in the GPT, and W.
  public var members: [Member] {
    [
      .module("ln_1", norm1), .module("attn", attention), .module("ln_2", norm2),
      .module("mlp", feedForward), .module("dropout", dropout), .module("modulation", modulation),
    ]
  }

  /// x of shape [batch, time, width], and silu(c) of shape [batch, width] → the shape of x.
  public func callAsFunction(_ x: Tensor, _ condition: Tensor, _ context: Context) -> Tensor {
    let m = modulation(condition, context).parts(6)
    let y = attention(norm1(x, context).modulated(m[0], m[1]), context)
    let x = x + m[2] * dropout(y, context)
    let z = feedForward(norm2(x, context).modulated(m[3], m[4]), context)
    return x + m[5] * dropout(z, context)
  }
}

extension Linear {
  /// A layer with weights and biases of zero.
  static func zero(
    inputs: Int, outputs: Int, role: ParameterRole = .matrix, random: inout RandomStream
  ) -> Linear {
    Linear(inputs: inputs, outputs: outputs, bias: true, role: role, deviation: 0, random: &random)
  }
}

extension Tensor {
  /// Rows cut into parts: [batch, count·width] → as many tensors of shape [batch, 1, width].
  func parts(_ count: Int) -> [Tensor] {
    let width = shape[1] / count
    let rows = reshaped([shape[0], 1, shape[1]])
    return (0..<count).map { rows.narrowed(2, $0 * width..<($0 + 1) * width) }
  }

  /// (1 + a)·x + b.
  func modulated(_ a: Tensor, _ b: Tensor) -> Tensor { self * (a + 1) + b }
}
