import Descent
import DescentNN

/// `model.kind: cnn`: a small convolutional network that classifies images.
public struct CNNModel: PredictorKind {
  /// The channels of each stage of two convolutions and a pooling by two.
  public var channels = [32, 64]
  /// The probability of dropout before the head.
  public var dropout = 0.0
  /// Which stages keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none

  public init() {}

  public static let name = "cnn"
  public static let settings: [Setting<CNNModel>] = [
    .integers("channels", \.channels, .atLeast(1), "channels of each stage"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
    .recompute(\.recompute, "stages"),
  ]
  public static let learns = [DataForm.images]

  public func size(shape: [Int], outputs: Int) -> ModelSize {
    var pixels = shape.suffix(2).reduce(1) { $0 * Double($1) }
    var inputs = Double(shape.first ?? 1)
    var (weights, kept) = (0.0, 0.0)
    // Two convolutions and normalizations a stage, each of which keeps its input; then a pooling.
    for filters in channels.map(Double.init) {
      weights += 9 * filters * (inputs + filters) + 4 * filters
      kept += pixels * (recompute == .none ? inputs + 3 * filters : inputs)
      (pixels, inputs) = (pixels / 4, filters)
    }
    return ModelSize(
      weights: weights + (inputs + 1) * Double(outputs), tensors: 6 * Double(channels.count) + 2,
      example: shape.reduce(1) { $0 * Double($1) } + 1, outputs: Double(outputs), kept: kept)
  }

  public func makeModel(
    shape: [Int], outputs: Int, random: inout RandomStream
  ) throws -> any Predictor {
    try Self.requireImages(shape)
    let model = try ConvClassifier(
      channels: shape[0], height: shape[1], width: shape[2], classes: outputs, stages: channels,
      dropout: Float(dropout), random: &random)
    model.recomputation = recompute
    return model
  }
}

extension ConvClassifier: Predictor {}
