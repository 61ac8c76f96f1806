internal import Descent
public import DescentCompute

/// A Vision Transformer (ViT): a transformer over the patches of an image.
///
/// ```
/// x₀ = W·patches + positions      xₗ = block(xₗ₋₁)      y = head(mean over patches of norm(x))
/// ```
///
/// Blocks are those of the GPT, with attention to all patches: pre-norm, GELU, an inner width of four
/// times the width, biases everywhere. There is no class token: the mean over the patches takes its
/// place, which is as good (section D.3) and leaves only patches. Weights of the blocks are drawn
/// from N(0, 0.02²), those of the maps back into the residual stream from N(0, 0.02²/(2·layers)).
///
/// Dosovitskiy et al.: An image is worth 16x16 words (2020), arXiv:2010.11929.
public final class VisionTransformer: RecomputingModule {
  /// The patches and their places.
  public let embedding: PatchEmbedding
  /// The blocks.
  public let blocks: [TransformerBlock]
  /// The normalization after the last block.
  public let norm: LayerNorm
  /// The map to the logits.
  public let head: Linear
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
  /// - Parameters:
  ///   - grid: how images are cut into patches.
  ///   - outputs: the number of classes, or of numbers that are predicted.
  ///   - layers: the number of blocks.
  ///   - heads: the number of heads; divides `width`.
  ///   - width: the size of the vectors.
  ///   - dropout: the probability of dropout, everywhere.
  /// - Throws: `ModelError` when the sizes do not fit together.
  public init(
    _ grid: PatchGrid, outputs: Int, layers: Int, heads: Int, width: Int, dropout: Float = 0,
    random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive([("outputs", outputs), ("width", width)])
    try ModelError.requireProbability(dropout)
    embedding = PatchEmbedding(grid, width: width, random: &random)
    blocks = try TransformerBlock.encoder(
      layers: layers, heads: heads, width: width, dropout: dropout, random: &random)
    norm = LayerNorm(width: width)
    head = Linear(
      inputs: width, outputs: outputs, bias: true, role: .head, deviation: 0.02, random: &random)
    self.dropout = Dropout(dropout)
    assignNames()
  }

  /// The parts; blocks are named as in the GPT.
  public var members: [Member] {
    [.module("patches", embedding), .module("drop", dropout)]
      + blocks.enumerated().map { .module("h.\($0)", $1) }
      + [.module("ln_f", norm), .module("head", head)]
  }

  /// x of shape [batch, channels, height, width] → logits of shape [batch, outputs].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    let x = dropout(embedding(x, context), context)
    let y = stack.run(blocks.map { block in { block($0, $1) } }, x, context)
    return head(norm(y, context).mean(over: [1]), context)
  }
}

extension TransformerBlock {
  /// Blocks whose attention goes to all positions.
  ///
  /// - Throws: `ModelError` when the sizes do not fit together.
  static func encoder(
    layers: Int, heads: Int, width: Int, dropout: Float, random: inout RandomStream
  ) throws(ModelError) -> [TransformerBlock] {
    try ModelError.requirePositive([("layers", layers), ("heads", heads), ("width", width)])
    guard width % heads == 0 else { throw .indivisible(width: width, heads: heads) }
    var blocks: [TransformerBlock] = []
    for _ in 0..<layers {
      blocks.append(
        TransformerBlock(
          width: width, heads: heads, bias: true, causal: false, dropout: dropout,
          outputDeviation: 0.02 / Float(2 * layers).root, random: &random))
    }
    return blocks
  }
}
