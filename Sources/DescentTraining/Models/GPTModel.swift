import Descent
import DescentNN

/// `model.kind: gpt`: a decoder-only transformer.
public struct GPTModel: LanguageModelKind {
  /// The number of blocks.
  public var layers = 4
  /// The number of attention heads.
  public var heads = 4
  /// The size of the residual stream.
  public var width = 128
  /// The longest sequence, in tokens.
  public var context = 64
  /// The probability of dropout, everywhere.
  public var dropout = 0.0
  /// Whether linear maps and normalizations have biases.
  public var bias = false
  /// Which blocks keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none

  public init() {}

  public static let name = "gpt"
  public static let settings: [Setting<GPTModel>] = [
    .integer("layers", \.layers, .atLeast(1), "blocks"),
    .integer("heads", \.heads, .atLeast(1), "attention heads; must divide the width"),
    .integer("width", \.width, .atLeast(1), "size of the residual stream"),
    .integer("context", \.context, .atLeast(1), "longest sequence, in tokens"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
    .flag("bias", \.bias, "biases in linear maps and normalizations"),
    .recompute(\.recompute, "blocks"),
  ]

  public func validate() throws(SettingError) {
    if width % heads != 0 {
      throw .contradiction("heads=\(heads) does not divide width=\(width)")
    }
  }

  public func size(vocabulary: Int) -> ModelSize {
    let (layers, width, context) = (Double(layers), Double(width), Double(context))
    let vocabulary = Double(vocabulary)
    // Of a block: projections to queries, keys and values, back, and a perceptron of four times the
    // width. It keeps the input and the output of each at least.
    return ModelSize(
      weights: (vocabulary + context + 1) * width + layers * (12 * width + 2) * width,
      tensors: 3 + 6 * layers, example: 2 * context, outputs: context * vocabulary,
      kept: context * width * layers * (recompute == .none ? 12 : 1))
  }

  public func makeModel(
    vocabulary: Int, random: inout RandomStream
  ) throws -> any CausalLanguageModel {
    let model = try GPT(
      layers: layers, heads: heads, width: width, context: context, vocabulary: vocabulary,
      dropout: Float(dropout), bias: bias, random: &random)
    model.recomputation = recompute
    return model
  }
}
