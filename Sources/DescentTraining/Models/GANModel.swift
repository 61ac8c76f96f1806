import Descent
import DescentCompute
import DescentNN
import Foundation

/// `model.kind: gan`: a generator of images and a discriminator that learn against each other.
///
/// Both are parts of one model, `generator.*` and `discriminator.*`, and move in the same step; groups of
/// the optimizer may give them rates of their own.
public struct GANModel: ModelKind {
  /// The size of the latent vector that an image is made of.
  public var latent = 32
  /// The channels of the generator from its smallest image on, which is doubled after each.
  public var channels = [64, 32]

  public init() {}

  public static let name = "gan"
  public static let settings: [Setting<GANModel>] = [
    .integer("latent", \.latent, .atLeast(1), "size of the latent vector that an image is made of"),
    .integers(
      "channels", \.channels, .atLeast(1),
      "channels of the generator, a doubling of the image after each"),
  ]
  public static let learns = [DataForm.images]
  /// False.
  public static let reportsAccuracy = false
  public static let makesImages = true
  public static let hasSeveralLosses = true
  public static let betterThanLoss: String? = "val_quality"

  public func size(for data: LabelledData) -> ModelSize? {
    let shape = data.shape.map(Double.init)
    guard shape.count == 3 else { return nil }
    let (pixels, image) = (shape[1] * shape[2], shape.reduce(1, *))
    let widths = channels.map(Double.init)
    let smallest = (widths.first ?? 1) * pixels / pow(4, Double(channels.count))
    let pairs = zip(widths, widths.dropFirst() + [shape[0]])
    let convolutions = pairs.reduce(0) { $0 + 9 * $1.0 * $1.1 }
    // The last stage is the largest: what is doubled is kept before and after.
    let kept = 2 * (widths.last ?? 1) * pixels
    return ModelSize(
      weights: Double(latent) * smallest + 2 * convolutions + smallest,
      tensors: 5 * Double(channels.count) + 4, example: image, outputs: 1, kept: kept)
  }

  public func makeTask(_ data: LabelledData, seed: UInt64) throws -> any TrainingTask {
    let split = try Self.images(of: data)
    let shape = split.training.shape
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    let pair = try AdversarialPair(
      latent: latent, stages: channels, channels: shape[0], height: shape[1], width: shape[2],
      random: &random)
    return try AdversarialTraining(pair, on: split, seed: seed)
  }
}
