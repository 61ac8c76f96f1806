import Descent
import DescentCompute
import DescentNN

/// `model.kind: diffusion`: a transformer that makes images of classes out of noise.
public struct DiffusionModel: ModelKind {
  /// The side of a patch, in pixels.
  public var patch = 2
  /// The number of blocks.
  public var layers = 3
  /// The number of attention heads.
  public var heads = 4
  /// The size of a patch's vector.
  public var width = 64
  /// The probability of dropout, in the blocks.
  public var dropout = 0.0
  /// T, the steps from an image to pure noise.
  public var timesteps = 1000
  /// How the noise grows.
  public var noise = NoiseSchedule.cosine
  /// The probability that an image is learned without its class.
  public var labelDropout = 0.1
  /// How much images are drawn towards their class.
  public var guidance = 2.0
  /// The steps from noise to an image, where images are made.
  public var samplingSteps = 20
  /// How many images of each class an evaluation makes.
  public var samples = 10

  public init() {}

  public static let name = "diffusion"
  public static let settings: [Setting<DiffusionModel>] = [
    .integer("patch", \.patch, .atLeast(1), "side of a patch; must divide height and width"),
    .integer("layers", \.layers, .atLeast(1), "blocks"),
    .integer("heads", \.heads, .atLeast(1), "attention heads; must divide the width"),
    .integer("width", \.width, .atLeast(1), "size of a patch's vector"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout in the blocks"),
    .integer(
      "timesteps", \.timesteps, .closed(1, 1e6), "steps from an image to pure noise"),
    .choice("noise", \.noise, "how the noise grows"),
    .number(
      "label_dropout", \.labelDropout, .closed(0, 1),
      "probability that an image is learned without its class"),
    .number(
      "guidance", \.guidance, .closed(0, 1e6),
      "pull of images towards their class: 0 has none, 1 is what was learned"),
    .integer(
      "sampling_steps", \.samplingSteps, .atLeast(1), "steps from noise to an image that is made"),
    .integer(
      "samples", \.samples, .closed(1, 1000), "images of each class that an evaluation makes"),
  ]
  public static let learns = [DataForm.images]
  public static let reportsAccuracy = false
  public static let makesImages = true

  public func validate() throws(SettingError) {
    if width % heads != 0 {
      throw .contradiction("heads=\(heads) does not divide width=\(width)")
    }
    if samplingSteps > timesteps {
      throw .contradiction(
        "sampling_steps=\(samplingSteps) is more than timesteps=\(timesteps): take at most as many")
    }
    if labelDropout == 0 && guidance != 1 {
      throw .contradiction(
        "guidance=\(SettingValue.text(of: guidance)) needs images that are learned without their "
          + "class: set label_dropout above 0, such as 0.1, or guidance=1")
    }
  }

  public func size(for data: LabelledData) -> ModelSize? {
    let pixels = data.shape.reduce(1) { $0 * Double($1) }
    let (layers, width) = (Double(layers), Double(width))
    let inPatch = Double(patch) * Double(patch) * Double(data.shape.first ?? 1)
    let patches = pixels / inPatch
    // Of a block: that of a transformer, and the map of the condition to six vectors.
    return ModelSize(
      weights: (2 * inPatch + patches + Double(data.outputs)) * width
        + (layers * 18 + 3) * width * width,
      tensors: 14 + 14 * layers, example: 2 * pixels + 2, outputs: pixels,
      kept: patches * width * layers * 18)
  }

  public func makeTask(_ data: LabelledData, seed: UInt64) throws -> any TrainingTask {
    let split = try Self.images(of: data)
    let grid = try Self.grid(of: data.shape, patch: patch)
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    let model = try DiffusionTransformer(
      grid, classes: data.outputs, layers: layers, heads: heads, width: width,
      dropout: Float(dropout), random: &random)
    return try Diffusion(model, split, self, seed: seed)
  }
}
