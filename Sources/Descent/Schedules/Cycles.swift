import Foundation

/// Up to a peak, down, then far below the start: one cycle for the whole run, in which the momentum
/// moves the other way.
///
/// ```
/// two phases:    first → peak until t = pN−1, peak → last until t = N−1
/// three phases:  first → peak until pN−1, peak → first until 2pN−2, first → last until N−1
/// a → b, q the share of the phase:  cos  b + (a − b)/2·(1 + cos πq);  linear  a + (b − a)·q
/// ```
public struct OneCycle: Schedule {
  /// The peak; nil is the base.
  public var maxLearningRate: Double?
  /// N; nil is the length of the run.
  public var totalSteps: Int?
  /// p: the share of the run that rises.
  public var risingShare = 0.3
  /// The shape of the way from one value to the next.
  public var anneal = Anneal.cos
  /// Whether the momentum goes down and up as the learning rate goes up and down.
  public var cycleMomentum = true
  /// The momentum at the peak.
  public var baseMomentum = 0.85
  /// The momentum at both ends.
  public var maxMomentum = 0.95
  /// The first value is peak / `startDivisor`.
  public var startDivisor = 25.0
  /// The last value is the first / `endDivisor`.
  public var endDivisor = 1e4
  /// Whether it comes down to the first value, as it rose, before it falls to the last.
  public var threePhase = false

  /// The shape of the way from one value to the next.
  public enum Anneal: String, CaseIterable, Sendable { case cos, linear }

  public static let name = "onecycle"
  public static let settings: [Setting<OneCycle>] = [
    .optionalNumber("max_lr", \.maxLearningRate, .atLeast(0), "the peak; none: η"),
    .optionalInteger("total_steps", \.totalSteps, .atLeast(1), "N: steps; none: the run"),
    .number("pct_start", \.risingShare, .closed(0, 1), "p: the share that rises", source: "torch"),
    .choice("anneal_strategy", \.anneal, "the shape of the way between values", source: "torch"),
    .flag("cycle_momentum", \.cycleMomentum, "momentum goes the other way", source: "torch"),
    .number("base_momentum", \.baseMomentum, .halfOpen(0, 1), "at the peak", source: "torch"),
    .number("max_momentum", \.maxMomentum, .halfOpen(0, 1), "at both ends", source: "torch"),
    .number(
      "div_factor", \.startDivisor, .above(0), "the first value is the peak divided by this",
      source: "torch"),
    .number(
      "final_div_factor", \.endDivisor, .above(0), "the last value is the first divided by this",
      source: "torch"),
    .flag("three_phase", \.threePhase, "down as it rose, then on to the last", source: "torch"),
  ]
  public static let about = About(
    summary: "one cycle: up, down, then far below the start; the momentum moves the other way",
    formula: """
      two phases:    first → peak until t = pN−1, peak → last until t = N−1
      three phases:  first → peak until pN−1, peak → first until 2pN−2, first → last until N−1
      a → b, q the share of the phase:  cos  b + (a − b)/2·(1 + cos πq);  linear  a + (b − a)·q
      """,
    differences:
      "After t = N−1 the value stays; torch's rises again for a step, then throws an error.",
    guidance: "For short, fast training. max_lr comes from a range test.",
    reference: "Smith, Topin: Super-convergence, 2018, arXiv:1708.07120; torch: OneCycleLR")

  public init() {}

  /// A cycle of `totalSteps` steps with the peak `maxLearningRate`; nil is the run and the base.
  public init(maxLearningRate: Double?, totalSteps: Int? = Self.defaults.totalSteps) {
    (self.maxLearningRate, self.totalSteps) = (maxLearningRate, totalSteps)
  }

  public func validate() throws(SettingError) {
    if threePhase, risingShare > 0.5 {
      throw .contradiction(
        "three_phase=true rises and falls in equal times: pct_start=\(risingShare) must be at most "
          + "0.5")
    }
  }

  public mutating func fit(totalSteps: Int) { self.totalSteps = self.totalSteps ?? totalSteps }
  public var warmupEnd: Int {
    max(0, Int((risingShare * Double(totalSteps ?? 0)).rounded(.up)) - 1)
  }
  public var end: Int? { totalSteps }
  public var ownPeak: (setting: String, value: Double)? {
    maxLearningRate.map { ("max_lr", $0) }
  }

  public func value(at step: Int, base: Double) -> Double {
    let peak = maxLearningRate ?? base
    let first = peak / startDivisor
    let last = first / endDivisor
    return phases(step, threePhase ? [first, peak, first, last] : [first, peak, last])
  }

  public var momentum: (any Schedule)? {
    guard cycleMomentum else { return nil }
    let (high, low) = (maxMomentum, baseMomentum)
    return Lambda { [self] t, _ in
      phases(t, threePhase ? [high, low, high, high] : [high, low, high])
    }
  }

  /// The value after `step` steps on the way through `values`.
  private func phases(_ step: Int, _ values: [Double]) -> Double {
    guard let totalSteps else { return values[1] }
    let (N, p) = (Double(totalSteps), risingShare)
    let ends = threePhase ? [p * N - 1, 2 * p * N - 2, N - 1] : [p * N - 1, N - 1]
    let t = min(Double(step), N - 1)
    let phase = ends.firstIndex { t <= $0 } ?? ends.count - 1
    let start = phase == 0 ? 0 : ends[phase - 1]
    let (a, b) = (values[phase], values[phase + 1])
    guard ends[phase] > start else { return b }
    let q = (t - start) / (ends[phase] - start)
    return switch anneal {
    case .cos: b + (a - b) / 2 * (1 + Foundation.cos(.pi * q))
    case .linear: a + (b - a) * q
    }
  }
}

/// Up and down between two values, again and again, the momentum the other way round.
///
/// ```
/// N = up + down;  ρ = up/N;  c = ⌊1 + t/N⌋;  x = 1 + t/N − c
/// h = x/ρ where x ≤ ρ, otherwise (x−1)/(ρ−1)
/// s = 1, for triangular2 ½^(c−1), for exp_range γ^t
/// η(t) = low + (high − low)·h·s
/// ```
public struct Cyclic: Schedule {
  /// The low value; nil is a quarter of the high one.
  public var baseLearningRate: Double?
  /// The high value; nil is the base.
  public var maxLearningRate: Double?
  /// Steps of a rise.
  public var stepsUp = 2000
  /// Steps of a fall; nil is those of a rise.
  public var stepsDown: Int?
  /// How the height changes from cycle to cycle.
  public var mode = Mode.triangular
  /// γ of `exp_range`.
  public var gamma = 1.0
  /// Whether the momentum goes down and up as the learning rate goes up and down.
  public var cycleMomentum = true
  /// The momentum at the high value.
  public var baseMomentum = 0.8
  /// The momentum at the low value.
  public var maxMomentum = 0.9

  /// How the height changes from cycle to cycle.
  public enum Mode: String, CaseIterable, Sendable {
    /// It stays.
    case triangular
    /// It is halved every cycle.
    case triangular2
    /// It is multiplied by γ every step.
    case exponential = "exp_range"
  }

  public static let name = "cyclic"
  public static let settings: [Setting<Cyclic>] = [
    .optionalNumber("base_lr", \.baseLearningRate, .atLeast(0), "low value; none: max_lr/4"),
    .optionalNumber("max_lr", \.maxLearningRate, .atLeast(0), "high value; none: η"),
    .integer("step_size_up", \.stepsUp, .atLeast(1), "steps of a rise", source: "torch"),
    .optionalInteger(
      "step_size_down", \.stepsDown, .atLeast(1), "steps of a fall; none: those of a rise"),
    .choice("mode", \.mode, "how the height changes", source: "torch"),
    .number("gamma", \.gamma, .above(0), "γ of exp_range, every step", source: "torch"),
    .flag("cycle_momentum", \.cycleMomentum, "momentum goes the other way", source: "torch"),
    .number("base_momentum", \.baseMomentum, .halfOpen(0, 1), "at the high value", source: "torch"),
    .number("max_momentum", \.maxMomentum, .halfOpen(0, 1), "at the low value", source: "torch"),
  ]
  public static let about = About(
    summary: "up and down between two values, again and again",
    formula: """
      N = up + down;  ρ = up/N;  c = ⌊1 + t/N⌋;  x = 1 + t/N − c
      h = x/ρ where x ≤ ρ, otherwise (x−1)/(ρ−1)
      s = 1, for triangular2 ½^(c−1), for exp_range γ^t
      η(t) = low + (high − low)·h·s
      """,
    differences: "torch requires base_lr and max_lr; here they follow from lr when left out.",
    reference: "Smith: Cyclical learning rates, 2017, arXiv:1506.01186; torch: CyclicLR")

  public init() {}

  public func validate() throws(SettingError) {
    if let low = baseLearningRate, let high = maxLearningRate, low > high {
      let (low, high) = (SettingValue.text(of: low), SettingValue.text(of: high))
      throw .contradiction("base_lr=\(low) is above max_lr=\(high)")
    }
  }

  public var ownPeak: (setting: String, value: Double)? {
    maxLearningRate.map { ("max_lr", $0) }
  }

  public func objection(base: Double) -> ScheduleObjection? {
    maxLearningRate == nil ? floorObjection("base_lr", baseLearningRate, above: base) : nil
  }

  public func value(at step: Int, base: Double) -> Double {
    let high = maxLearningRate ?? base
    let low = baseLearningRate ?? high / 4
    return low + (high - low) * height(step)
  }

  public var momentum: (any Schedule)? {
    guard cycleMomentum else { return nil }
    return Lambda { [self] t, _ in maxMomentum - (maxMomentum - baseMomentum) * height(t) }
  }

  /// Between 0 and 1.
  private func height(_ step: Int) -> Double {
    let (up, t) = (Double(stepsUp), Double(step))
    let N = up + Double(stepsDown ?? stepsUp)
    let ρ = up / N
    let c = (1 + t / N).rounded(.down)
    let x = 1 + t / N - c
    let h = x <= ρ ? x / ρ : (x - 1) / (ρ - 1)
    return switch mode {
    case .triangular: h
    case .triangular2: h * pow(2, 1 - c)
    case .exponential: h * pow(gamma, t)
    }
  }
}
