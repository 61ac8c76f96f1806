import Foundation

/// Hugging Face's cosine_warmup_with_min_lr: neither the first nor the last step is lost.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·(ω + (1−ω)·t/(W−1))
/// t ≥ W:  η(t) = floor + (η − floor)·½(1 + cos 2πcu),  u = (t−W+1)/(T−W), at most 1
/// ```
public struct CosineWarmupWithMinimum: Schedule {
  /// W, in optimizer steps.
  public var warmup = 0
  /// T; nil is the length of the run.
  public var total: Int?
  /// Waves of the cosine; a half falls once.
  public var cycles = 0.5
  /// The floor; nil leaves it to `floorRatio`.
  public var floor: Double?
  /// The floor as a share of the value.
  public var floorRatio: Double?
  /// ω: the share at which the warmup starts; nil is 1/W.
  public var startRatio: Double?

  public static let name = "cosine_warmup_with_min_lr"
  public static let settings: [Setting<CosineWarmupWithMinimum>] = [
    .integer("num_warmup_steps", \.warmup, .atLeast(0), "W: steps to the full value"),
    .optionalInteger("num_training_steps", \.total, .atLeast(1), "T: steps; none: the run"),
    .number("num_cycles", \.cycles, .above(0), "c: waves of the cosine", source: "transformers"),
    .optionalNumber("min_lr", \.floor, .atLeast(0), "the floor"),
    .optionalNumber("min_lr_rate", \.floorRatio, .closed(0, 1), "the floor as a share of η"),
    .optionalNumber(
      "warmup_lr_rate", \.startRatio, .closed(0, 1),
      "ω: where the warmup starts, as a share of η; none: 1/W"),
  ]
  public static let about = About(
    summary: "warmup and cosine without a step at 0; the last step reaches the floor",
    formula: """
      t < W:  η(t) = η·(t+1)/W, or η·(ω + (1−ω)·t/(W−1))
      t ≥ W:  η(t) = floor + (η − floor)·½(1 + cos 2πcu),  u = (t−W+1)/(T−W), at most 1
      """,
    differences: "After t = T−1 the value stays; Hugging Face's rises again.",
    reference: "Hugging Face: cosine_warmup_with_min_lr")

  public init() {}

  public func validate() throws(SettingError) {
    if let total, warmup > total {
      throw .contradiction(
        "num_warmup_steps=\(warmup) is longer than num_training_steps=\(total); shorten the warmup "
          + "or lengthen the run")
    }
    if floor != nil, floorRatio != nil {
      throw .contradiction("give min_lr or min_lr_rate, not both")
    }
  }

  public mutating func fit(totalSteps: Int) { total = total ?? totalSteps }
  public var warmupEnd: Int { warmup }
  public var end: Int? { total }

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("min_lr", floor, above: base, advice: "set min_lr_rate in its place")
  }

  public func value(at step: Int, base: Double) -> Double {
    let (t, W) = (Double(step), Double(warmup))
    if step < warmup {
      guard let ω = startRatio else { return base * (t + 1) / W }
      return base * (ω + (1 - ω) * t / max(1, W - 1))
    }
    guard let total else { return base }
    let low = floor ?? (floorRatio ?? 0) * base
    let T = Double(total)
    // The last step of the run, T − 1, is the end of the curve.
    let u = min(1, (t - W + 1) / max(1, T - W))
    return low + (base - low) * 0.5 * (1 + cos(2 * .pi * cycles * u))
  }
}
