/// Keeps float16 gradients in range: the loss is multiplied by a scale before the backward pass, and
/// the gradients are divided by it where the optimizer reads them.
///
/// A gradient that overflows has its step skipped and the scale lowered; many steps without one raise
/// it. A skipped step advances neither schedule nor step counts.
///
/// ```
/// overflow:                        scale ← scale·backoff_factor
/// growth_interval steps without:   scale ← scale·growth_factor
/// ```
///
/// ```swift
/// tape.gradients(of: loss, scale: scaler.scale)
/// let report = try optimizer.step(memory, unscale: scaler.inverse)
/// scaler.update(overflowed: !report.applied)
/// ```
///
/// The trajectory is that of PyTorch's GradScaler. Micikevicius et al.: Mixed precision training
/// (2018), arXiv:1710.03740.
public struct LossScaler: Configurable, Equatable {
  /// The scale before the first step.
  public var initialScale = 65536.0
  /// What the scale grows by.
  public var growthFactor = 2.0
  /// What the scale falls by.
  public var backoffFactor = 0.5
  /// Steps without an overflow after which the scale grows.
  public var growthInterval = 2000

  /// Steps without an overflow since the last change of the scale.
  public private(set) var successes = 0
  private var current: Float?

  public init() {}

  public static let name = "loss_scale"
  public static let settings: [Setting<LossScaler>] = [
    .number("init_scale", \.initialScale, .above(0), "first loss scale", source: "torch"),
    .number(
      "growth_factor", \.growthFactor, .atLeast(1), "what the scale grows by", source: "torch"),
    .number(
      "backoff_factor", \.backoffFactor, .open(0, 1), "what the scale falls by", source: "torch"),
    .integer(
      "growth_interval", \.growthInterval, .atLeast(1), "steps without overflow before it grows",
      source: "torch"),
  ]

  /// What the loss is to be multiplied by.
  public var scale: Float { current ?? Float(initialScale) }

  /// What the gradients are to be multiplied by.
  public var inverse: Double { Double(Float(1 / Double(scale))) }

  /// Takes the outcome of a step.
  public mutating func update(overflowed: Bool) {
    if overflowed {
      current = scale * Float(backoffFactor)
      successes = 0
      return
    }
    successes += 1
    guard successes == growthInterval else { return }
    successes = 0
    let grown = scale * Float(growthFactor)
    if grown.isFinite { current = grown }
  }
}

extension LossScaler: Savable {
  /// The present scale, and the steps since it changed.
  public mutating func archive(_ archive: StateArchive) throws(StateMismatch) {
    var scale = scale
    try archive.value("scale", &scale)
    try archive.value("successes", &successes)
    if archive.isRestoring { current = scale }
  }
}
