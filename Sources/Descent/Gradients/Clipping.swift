/// How long gradients may be. Several limits may be on; they act in this order:
///
/// ```
/// value:        g ← min(max(g, −c), c)
/// adaptive:     gᵢ ← gᵢ·min(1, λ·max(‖wᵢ‖, ε) / max(‖gᵢ‖, 10⁻⁶))     for each unit i, as AGC
/// tensor_norm:  g ← g·min(1, c/(‖g‖ + 10⁻⁶))                         for each tensor
/// norm:         g ← g·min(1, c/(N + 10⁻⁶))        N = ‖g‖ over all tensors, by norm_type
/// ```
///
/// A unit is what one output is made of: a row of the first axis; a vector or a scalar is one unit.
/// `norm` alone costs no pass over memory; each of the others keeps a second copy of the gradients.
///
/// Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, 2013,
/// arXiv:1211.5063 (norm); Brock, De, Smith, Simonyan: High-Performance Large-Scale Image Recognition
/// Without Normalization, 2021, arXiv:2102.06171 (adaptive).
public struct Clipping: Configurable, Equatable {
  /// Which norm of all gradients is limited.
  public enum NormType: String, CaseIterable, Sendable {
    /// √Σg²
    case euclidean = "2"
    /// max |g|
    case maximum = "inf"
  }

  /// The largest norm over all parameters; nil never clips.
  public var norm: Double?
  /// The norm that ``norm`` limits.
  public var normType = NormType.euclidean
  /// The largest magnitude of an element; nil never clips.
  public var value: Double?
  /// The largest L2 norm of a tensor; nil never clips.
  public var tensorNorm: Double?
  /// λ: a unit's largest norm as a share of its weights' norm; nil never clips. The head is exempt, as in the paper.
  public var adaptive: Double?
  /// ε: the least norm of weights that counts.
  public var adaptiveFloor = 1e-3

  public init() {}

  /// Limits the L2 norm over all parameters, above 0; nil never clips.
  public init(norm: Double?) { self.norm = norm }

  public static let name = "clip"
  public static let settings: [Setting<Clipping>] = [
    .optionalNumber(
      "norm", \.norm, .above(0), "the largest norm over all gradients", source: "torch"),
    .choice("norm_type", \.normType, "the norm that norm limits", source: "torch"),
    .optionalNumber(
      "value", \.value, .above(0), "the largest magnitude of an element", source: "torch"),
    .optionalNumber(
      "tensor_norm", \.tensorNorm, .above(0), "the largest L2 norm of a tensor's gradient",
      source: "ours"),
    .optionalNumber(
      "adaptive", \.adaptive, .above(0),
      "λ of AGC: a unit's largest norm as a share of its weights' (0.01 in the paper)",
      source: "timm"),
    .number(
      "adaptive_eps", \.adaptiveFloor, .above(0), "ε of AGC: the least norm of weights that counts",
      source: "timm"),
  ]

  /// Whether elements change by more than one factor for all.
  var changesElements: Bool { value != nil || adaptive != nil || tensorNorm != nil }
}
