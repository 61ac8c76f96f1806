import Descent
import DescentNN

/// `model.kind: vit`: a small Vision Transformer that classifies images.
public struct ViTModel: PredictorKind {
  /// The side of a patch, in pixels.
  public var patch = 2
  /// The number of blocks.
  public var layers = 4
  /// The number of attention heads.
  public var heads = 4
  /// The size of a patch's vector.
  public var width = 64
  /// The probability of dropout, everywhere.
  public var dropout = 0.0
  /// Which blocks keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none

  public init() {}

  public static let name = "vit"
  public static let settings: [Setting<ViTModel>] = [
    .integer("patch", \.patch, .atLeast(1), "side of a patch; must divide height and width"),
    .integer("layers", \.layers, .atLeast(1), "blocks"),
    .integer("heads", \.heads, .atLeast(1), "attention heads; must divide the width"),
    .integer("width", \.width, .atLeast(1), "size of a patch's vector"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
    .recompute(\.recompute, "blocks"),
  ]
  public static let learns = [DataForm.images]

  public func validate() throws(SettingError) {
    if width % heads != 0 {
      throw .contradiction("heads=\(heads) does not divide width=\(width)")
    }
  }

  public func size(shape: [Int], outputs: Int) -> ModelSize {
    let pixels = shape.reduce(1) { $0 * Double($1) }
    let (layers, width) = (Double(layers), Double(width))
    let inPatch = Double(patch) * Double(patch) * Double(shape.first ?? 1)
    let patches = pixels / inPatch
    return ModelSize(
      weights: (inPatch + patches + Double(outputs)) * width + layers * 12 * width * width,
      tensors: 7 + 12 * layers, example: pixels + 1, outputs: Double(outputs),
      kept: patches * width * layers * (recompute == .none ? 12 : 1))
  }

  public func makeModel(
    shape: [Int], outputs: Int, random: inout RandomStream
  ) throws -> any Predictor {
    let model = try VisionTransformer(
      try Self.grid(of: shape, patch: patch), outputs: outputs, layers: layers, heads: heads,
      width: width, dropout: Float(dropout), random: &random)
    model.recomputation = recompute
    return model
  }
}

extension VisionTransformer: Predictor {}
