import Descent
import DescentNN

/// `model.kind: mlp`: a perceptron that classifies examples or predicts a number for each.
public struct MLPModel: PredictorKind {
  /// The widths of the hidden layers.
  public var hidden = [128, 64]
  /// What lies between the layers.
  public var activation = Activation.relu
  /// The probability of dropout between the layers.
  public var dropout = 0.0

  public init() {}

  public static let name = "mlp"
  public static let settings: [Setting<MLPModel>] = [
    .integers("hidden", \.hidden, .atLeast(1), "widths of the hidden layers"),
    .choice("activation", \.activation, "what lies between the layers"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
  ]
  public static let learns = [DataForm.images, .table]

  public func size(shape: [Int], outputs: Int) -> ModelSize {
    let sizes = ([shape.reduce(1, *)] + hidden + [outputs]).map(Double.init)
    let products = zip(sizes, sizes.dropFirst()).reduce(0) { $0 + ($1.0 + 1) * $1.1 }
    return ModelSize(
      weights: products, tensors: 2 * Double(sizes.count - 1), example: sizes[0] + 1,
      outputs: Double(outputs), kept: hidden.reduce(0) { $0 + Double($1) })
  }

  public func makeModel(
    shape: [Int], outputs: Int, random: inout RandomStream
  ) throws -> any Predictor {
    try MLPClassifier(
      inputs: shape.reduce(1, *), hidden: hidden, classes: outputs, activation: activation,
      dropout: Float(dropout), random: &random)
  }
}

extension MLPClassifier: Predictor {}
