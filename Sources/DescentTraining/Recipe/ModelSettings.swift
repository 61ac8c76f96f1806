import Descent
import DescentNN

/// `model`: which model, and how large.
public protocol ModelSettings: Configurable {}

/// `model.kind: gpt`: a decoder-only transformer.
public struct GPTSettings: ModelSettings {
  public var layers = 4
  public var heads = 4
  public var width = 128
  /// The longest sequence, in tokens.
  public var context = 64
  public var dropout = 0.0
  /// Whether linear maps and normalizations have biases.
  public var bias = false
  /// Which blocks keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none

  public init() {}

  public static let name = "gpt"
  public static let settings: [Setting<GPTSettings>] = [
    .integer("layers", \.layers, .atLeast(1), "blocks"),
    .integer("heads", \.heads, .atLeast(1), "attention heads; must divide the width"),
    .integer("width", \.width, .atLeast(1), "size of the residual stream"),
    .integer("context", \.context, .atLeast(1), "longest sequence, in tokens"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
    .flag("bias", \.bias, "biases in linear maps and normalizations"),
    .parsed(
      "recompute", \.recompute, Recomputation.kind, "blocks that keep only their input"),
  ]

  public func validate() throws(SettingError) {
    if width % heads != 0 {
      throw .contradiction("heads=\(heads) does not divide width=\(width)")
    }
  }
}

/// `model.kind: mlp`: a perceptron that classifies.
public struct MLPSettings: ModelSettings {
  /// The widths of the hidden layers.
  public var hidden = [128, 64]
  public var activation = Activation.relu
  public var dropout = 0.0

  public init() {}

  public static let name = "mlp"
  public static let settings: [Setting<MLPSettings>] = [
    .integers("hidden", \.hidden, .atLeast(1), "widths of the hidden layers"),
    .choice("activation", \.activation, "what lies between the layers"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
  ]
}

/// `model.kind: cnn`: a small convolutional network that classifies images.
public struct CNNSettings: ModelSettings {
  /// The channels of each stage of two convolutions and a pooling by two.
  public var channels = [32, 64]
  public var dropout = 0.0
  /// Which stages keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none

  public init() {}

  public static let name = "cnn"
  public static let settings: [Setting<CNNSettings>] = [
    .integers("channels", \.channels, .atLeast(1), "channels of each stage"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
    .parsed(
      "recompute", \.recompute, Recomputation.kind, "stages that keep only their input"),
  ]
}

/// The kinds of models, by name.
let modelKinds: [any ModelSettings.Type] = [GPTSettings.self, MLPSettings.self, CNNSettings.self]

extension Recomputation {
  /// What the setting takes.
  fileprivate static let kind = "none, layers, or the megabytes that activations may take"
}
