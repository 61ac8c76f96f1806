internal import Descent
public import DescentCompute
internal import Foundation

/// A transformer that finds the noise in images, as in DiT.
///
/// ```
/// ε′ = model(xₜ, t/T, class)       xₜ = √ᾱₜ·x₀ + √(1 − ᾱₜ)·ε
/// ```
///
/// The patches of the image go through the blocks of the Vision Transformer, steered by a condition c
/// (``ModulatedBlock``): the sum of a vector for the time, cosines and sines through a perceptron, and
/// of one for the class. One more class stands for none, so that the same model knows images without
/// their class (classifier-free guidance). The last map starts at zero, and so does ε′.
///
/// Peebles, Xie: Scalable diffusion models with transformers (2022), arXiv:2212.09748. Ho, Salimans:
/// Classifier-free diffusion guidance (2022), arXiv:2207.12598.
public final class DiffusionTransformer: Module {
  /// The patches and their places.
  public let embedding: PatchEmbedding
  /// The perceptron of the time: from its cosines and sines, and from there to c.
  public let time: [Linear]
  /// The vectors of the classes; the last is that of none.
  public let labels: Embedding
  /// The blocks.
  public let blocks: [ModulatedBlock]
  /// The normalization after the last block.
  public let norm: LayerNorm
  /// What steers it: (1 + a)·norm(x) + b.
  public let modulation: Linear
  /// The map to the numbers of a patch.
  public let head: Linear
  private let dropout: Dropout

  /// The cosines and sines of a time.
  private static let features = 64

  /// A model with random weights.
  ///
  /// - Parameters:
  ///   - grid: how images are cut into patches.
  ///   - classes: the number of classes of images.
  ///   - layers: the number of blocks.
  ///   - heads: the number of heads; divides `width`.
  ///   - width: the size of the vectors.
  ///   - dropout: the probability of dropout, in the blocks.
  /// - Throws: `ModelError` when the sizes do not fit together.
  public init(
    _ grid: PatchGrid, classes: Int, layers: Int, heads: Int, width: Int, dropout: Float = 0,
    random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive([("classes", classes), ("width", width)])
    try ModelError.requireProbability(dropout)
    embedding = PatchEmbedding(grid, width: width, random: &random)
    time = [
      Linear(inputs: Self.features, outputs: width, random: &random),
      Linear(inputs: width, outputs: width, random: &random),
    ]
    labels = Embedding(rows: classes + 1, width: width, deviation: 0.02, random: &random)
    var blocks: [ModulatedBlock] = []
    for block in try TransformerBlock.encoder(
      layers: layers, heads: heads, width: width, dropout: dropout, random: &random)
    {
      blocks.append(ModulatedBlock(block, width: width, random: &random))
    }
    self.blocks = blocks
    norm = LayerNorm(width: width)
    modulation = .zero(inputs: width, outputs: 2 * width, random: &random)
    head = .zero(inputs: width, outputs: grid.size, role: .head, random: &random)
    self.dropout = Dropout(dropout)
    assignNames()
  }

  /// The parts; blocks are named as in the GPT.
  public var members: [Member] {
    [.module("patches", embedding)]
      + time.enumerated().map { .module("time.\($0)", $1) }
      + [.module("classes", labels), .module("drop", dropout)]
      + blocks.enumerated().map { .module("h.\($0)", $1) }
      + [.module("ln_f", norm), .module("modulation", modulation), .module("head", head)]
  }

  /// The number of classes of images; also the number that stands for no class.
  public var classes: Int { labels.weight.value.shape[0] - 1 }

  /// The noise that the model sees in images.
  ///
  /// - Parameters:
  ///   - x: xₜ, of shape [batch, channels, height, width].
  ///   - times: t/T for each image, from 0 to 1.
  ///   - labels: the class of each image; ``classes`` for none.
  /// - Returns: ε′, of the shape of x.
  public func callAsFunction(
    _ x: Tensor, times: [Double], labels: IndexTensor, _ context: Context
  ) -> Tensor {
    check(
      times.count == x.shape[0] && labels.shape == [times.count],
      "\(x.shape[0]) images need as many times and classes, not \(times.count) and "
        + "\(labels.shape)")
    let t = time[1](time[0](Self.features(of: times), context).silu(), context)
    let c = (t + self.labels(labels, context)).silu()
    var y = dropout(embedding(x, context), context)
    for block in blocks { y = block(y, c, context) }
    let m = modulation(c, context).parts(2)
    return embedding.grid.image(of: head(norm(y, context).modulated(m[0], m[1]), context))
  }

  /// cos ωₖu and sin ωₖu of u = 1000·t/T, with ωₖ = 10000^(−k/32), as of positions.
  private static func features(of times: [Double]) -> Tensor {
    let half = features / 2
    let frequencies = (0..<half).map { pow(10_000, -Double($0) / Double(half)) }
    let scalars = times.flatMap { time in
      let angles = frequencies.map { 1000 * time * $0 }
      return angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) }
    }
    return Tensor(shape: [times.count, features], scalars: scalars)
  }
}
