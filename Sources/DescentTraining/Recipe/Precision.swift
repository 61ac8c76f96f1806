public import Descent

/// `precision`: the arithmetic of the model.
public enum Precision: String, CaseIterable, Sendable {
  /// Everything in 32 bits.
  case float32
  /// Products in bfloat16.
  case bf16
  /// Products in float16, with a loss scale.
  case fp16

  /// The format of products.
  public var format: NumberFormat {
    switch self {
    case .float32: .float32
    case .bf16: .bfloat16
    case .fp16: .float16
    }
  }
}

extension WeightStorage {
  /// The format in which layers use their parameters.
  var used: NumberFormat { format == .float32 ? .float32 : .bfloat16 }
}
