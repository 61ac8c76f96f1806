import Foundation

/// Multiplies the value by γ every so many steps.
///
/// ```
/// η(t) = η·γ^⌊t/N⌋
/// ```
public struct StepDecay: Schedule {
  /// N: steps between drops; nil is a third of the run.
  public var stepSize: Int?
  /// γ
  public var gamma = 0.1

  public static let name = "step"
  public static let settings: [Setting<StepDecay>] = [
    .optionalInteger("step_size", \.stepSize, .atLeast(1), "N: steps between drops; none: T/3"),
    .number("gamma", \.gamma, .above(0), "γ: the factor of a drop", source: "torch"),
  ]
  public static let about = About(
    summary: "drops by a factor every N steps", formula: "η(t) = η·γ^⌊t/N⌋",
    guidance: "The classic of residual networks: two or three drops by 10.",
    reference: "torch: StepLR")

  public init() {}

  /// Drops by `gamma` every `stepSize` steps.
  public init(stepSize: Int?, gamma: Double = Self.defaults.gamma) {
    (self.stepSize, self.gamma) = (stepSize, gamma)
  }

  public mutating func fit(totalSteps: Int) { stepSize = stepSize ?? (totalSteps + 2) / 3 }

  public func value(at step: Int, base: Double) -> Double {
    guard let stepSize else { return base }
    return base * pow(gamma, Double(step / stepSize))
  }
}

/// Multiplies the value by γ at given steps.
///
/// ```
/// η(t) = η·γ^#{milestones ≤ t}
/// ```
public struct MultiStepDecay: Schedule {
  /// The steps at which it drops, ascending; one that is listed twice drops twice. Empty is a half
  /// and three quarters of the run.
  public var milestones: [Int] = []
  /// γ
  public var gamma = 0.1

  public static let name = "multistep"
  public static let settings: [Setting<MultiStepDecay>] = [
    .integers("milestones", \.milestones, .atLeast(0), "when it drops; none: at T/2 and 3T/4"),
    .number("gamma", \.gamma, .above(0), "γ: the factor of a drop", source: "torch"),
  ]
  public static let about = About(
    summary: "drops by a factor at milestones", formula: "η(t) = η·γ^#{milestones ≤ t}",
    differences: "Milestones must ascend; torch sorts them.", reference: "torch: MultiStepLR")

  public init() {}

  /// Drops by `gamma` at each milestone.
  public init(milestones: [Int], gamma: Double = Self.defaults.gamma) {
    (self.milestones, self.gamma) = (milestones, gamma)
  }

  public func validate() throws(SettingError) { try checkAscending(milestones, strictly: false) }

  public mutating func fit(totalSteps: Int) {
    if milestones.isEmpty { milestones = [totalSteps / 2, totalSteps * 3 / 4] }
  }

  public var settles: Int? { milestones.last ?? 0 }

  public func value(at step: Int, base: Double) -> Double {
    base * pow(gamma, Double(passed(milestones, at: step)))
  }
}

/// Multiplies the value by γ every step.
///
/// ```
/// η(t) = η·γ^t
/// ```
public struct ExponentialDecay: Schedule {
  /// γ; nil falls to a hundredth over the run.
  public var gamma: Double?

  public static let name = "exponential"
  public static let settings: [Setting<ExponentialDecay>] = [
    .optionalNumber("gamma", \.gamma, .above(0), "γ: the factor of a step; none: 0.01^(1/T)")
  ]
  public static let about = About(
    summary: "falls by a factor every step", formula: "η(t) = η·γ^t",
    guidance: "A γ just above 1 sweeps the learning rate up.", reference: "torch: ExponentialLR")

  public init() {}

  /// Falls by `gamma` a step.
  public init(gamma: Double?) { self.gamma = gamma }

  public mutating func fit(totalSteps: Int) { gamma = gamma ?? pow(0.01, 1 / Double(totalSteps)) }

  public func value(at step: Int, base: Double) -> Double { base * pow(gamma ?? 1, Double(step)) }
}

/// Warms up, then falls as the inverse square root of the step.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = η·√(τ/(t − W + τ))
/// ```
public struct InverseSquareRoot: Schedule {
  /// W, in optimizer steps.
  public var warmup = 0
  /// Where the warmup begins.
  public var warmupStart = WarmupStart.one
  /// τ: how slowly it falls; nil is W, or 10,000 without a warmup.
  public var timescale: Int?

  public static let name = "inverse_sqrt"
  public static let settings: [Setting<InverseSquareRoot>] = [
    .integer("warmup", \.warmup, .atLeast(0), "W: steps to the full value"),
    .choice("warmup_start", \.warmupStart, "step 1 uses 1/W of the value (one) or 0 (zero)"),
    .optionalInteger(
      "timescale", \.timescale, .atLeast(1), "τ; none: W, or 10000 without a warmup",
      source: "transformers"),
  ]
  public static let about = About(
    summary: "warmup, then the inverse square root of the step; needs no length",
    formula: """
      t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
      t ≥ W:  η(t) = η·√(τ/(t − W + τ))
      """,
    guidance: "For runs whose length is open.",
    reference: "Zhai et al.: Scaling vision transformers, 2022, arXiv:2106.04560; Hugging Face")

  public init() {}

  /// A warmup over `warmup` steps, then the fall.
  public init(
    warmup: Int, timescale: Int? = Self.defaults.timescale,
    warmupStart: WarmupStart = Self.defaults.warmupStart
  ) {
    (self.warmup, self.timescale, self.warmupStart) = (warmup, timescale, warmupStart)
  }

  public var warmupEnd: Int { warmup }

  public func value(at step: Int, base: Double) -> Double {
    if step < warmup { return base * warmupFactor(step, warmup, warmupStart) }
    let τ = Double(timescale ?? (warmup > 0 ? warmup : 10_000))
    return base / ((Double(step - warmup) + τ) / τ).squareRoot()
  }
}

/// The schedule of the original Transformer, which sets the scale as well: its base is 1.
///
/// ```
/// η(t) = η·d^(−1/2)·min((t+1)^(−1/2), (t+1)·W^(−3/2))
/// ```
public struct Noam: Schedule {
  /// d: the width of the model.
  public var modelSize = 512
  /// W, in optimizer steps.
  public var warmup = 4000

  public static let name = "noam"
  public static let settings: [Setting<Noam>] = [
    .integer("model_size", \.modelSize, .atLeast(1), "d: the model's width", source: "paper"),
    .integer("warmup", \.warmup, .atLeast(1), "W: steps of the rise", source: "paper"),
  ]
  public static let about = About(
    summary: "the original Transformer's: rises, then falls as the inverse square root",
    formula: "η(t) = η·d^(−1/2)·min((t+1)^(−1/2), (t+1)·W^(−3/2))",
    guidance: "Set lr=1 (or the factor of other implementations): the peak is η/√(d·W).",
    reference: "Vaswani et al.: Attention is all you need, 2017, arXiv:1706.03762")

  public init() {}

  /// The schedule of a model of width `modelSize`.
  public init(modelSize: Int, warmup: Int) { (self.modelSize, self.warmup) = (modelSize, warmup) }

  public var warmupEnd: Int { warmup }

  public func value(at step: Int, base: Double) -> Double {
    let (d, t, W) = (Double(modelSize), Double(step + 1), Double(warmup))
    return base * pow(d, -0.5) * min(pow(t, -0.5), t * pow(W, -1.5))
  }
}

/// How many of some ascending milestones are reached at `step`.
func passed(_ milestones: [Int], at step: Int) -> Int {
  var (low, high) = (0, milestones.count)
  while low < high {
    let middle = (low + high) / 2
    if milestones[middle] <= step { low = middle + 1 } else { high = middle }
  }
  return low
}

/// Throws when milestones do not ascend.
func checkAscending(_ milestones: [Int], strictly: Bool) throws(SettingError) {
  for (a, b) in zip(milestones, milestones.dropFirst()) where strictly ? b <= a : b < a {
    throw .contradiction("milestones must ascend: \(b) comes after \(a)")
  }
}
