import Descent
public import DescentCompute

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

/// `nonfinite`: what happens to a step whose loss or gradient is NaN or infinite.
public enum NonFinitePolicy: String, CaseIterable, Sendable {
  /// The run stops, and the last good weights are written.
  case stop
  /// The step is skipped; the run stops after too many in a row.
  case skip
}

/// `weights`: the format in which the model has its weights.
public struct WeightSettings: Configurable {
  /// float32, or bf16 with `rounding`.
  public var format = Format.float32
  /// What happens to the part of an update that bf16 cannot hold.
  public var rounding = Rounding.stochastic

  /// The formats of weights.
  public enum Format: String, CaseIterable, Sendable { case float32, bf16 }

  /// What becomes of small updates.
  public enum Rounding: String, CaseIterable, Sendable {
    /// They go into a float32 master copy, which the model sees rounded.
    case master
    /// See `WeightStorage.Rounding`.
    case nearest, stochastic, kahan
  }

  public init() {}

  public static let name = "weights"
  public static let settings: [Setting<WeightSettings>] = [
    .choice("format", \.format, "format of the weights; bf16 needs precision=bf16"),
    .choice(
      "rounding", \.rounding,
      "what bf16 weights do with small updates: keep them in a float32 master copy, lose them "
        + "(nearest), round at random, or compensate (kahan)"),
  ]

  /// The format in which layers use their parameters.
  var used: NumberFormat { format == .float32 ? .float32 : .bfloat16 }

  /// How the optimizer stores them.
  func storage(seed: UInt64) -> WeightStorage {
    guard format == .bf16, let rounding = WeightStorage.Rounding(rawValue: rounding.rawValue) else {
      return .float32
    }
    return .bfloat16(rounding, seed: seed)
  }
}
