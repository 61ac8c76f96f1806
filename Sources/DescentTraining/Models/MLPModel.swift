import Descent
import DescentNN

/// `model.kind: mlp`: a perceptron that classifies.
public struct MLPModel: ClassifierKind {
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

  public func makeModel(
    shape: [Int], classes: Int, random: inout RandomStream
  ) throws -> any Classifier {
    try MLPClassifier(
      inputs: shape.reduce(1, *), hidden: hidden, classes: classes, activation: activation,
      dropout: Float(dropout), random: &random)
  }
}

extension MLPClassifier: Classifier {}
