import Foundation

/// Warmup, length and floor of a ``DecaySchedule``.
public struct DecaySpan: Sendable {
  /// W, in optimizer steps.
  public var warmup = 0
  /// Where the warmup begins.
  public var warmupStart = WarmupStart.one
  /// T, in optimizer steps, warmup included; nil is the length of the run.
  public var total: Int?
  /// The value at the end; nil leaves it to ``floorRatio``.
  public var floor: Double?
  /// The value at the end as a share of the base.
  public var floorRatio = 0.0
}

/// A schedule that warms up, decays and ends at a floor.
///
/// ```
/// t < W    η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W    η(t) = floor + (η − floor)·curve(u),  u = (t−W)/(T−W)
/// t ≥ T    u = 1
/// ```
/// Hugging Face lets some curves rise again past T; here the value stays at the floor.
public protocol DecaySchedule: Schedule {
  /// Warmup, length and floor.
  var span: DecaySpan { get set }
  /// Falls from 1 to 0 as u goes from 0 to 1.
  func curve(_ u: Double) -> Double
}

extension DecaySchedule {
  /// A decay over `total` steps, `warmup` of them rising; nil is the length of the run.
  public init(
    warmup: Int = Self.defaults.span.warmup, total: Int? = Self.defaults.span.total,
    floor: Double? = Self.defaults.span.floor, floorRatio: Double = Self.defaults.span.floorRatio,
    warmupStart: WarmupStart = Self.defaults.span.warmupStart
  ) {
    self.init()
    span = DecaySpan(
      warmup: warmup, warmupStart: warmupStart, total: total, floor: floor, floorRatio: floorRatio)
  }

  /// The settings of the span.
  static var spanSettings: [Setting<Self>] {
    [
      .integer("warmup", \.span.warmup, .atLeast(0), "W: steps to the full value"),
      .choice("warmup_start", \.span.warmupStart, "step 1 uses 1/W of the value (one) or 0 (zero)"),
      .optionalInteger(
        "total", \.span.total, .atLeast(1), "T: steps to the floor, warmup included; none: run"),
      .optionalNumber("floor", \.span.floor, .atLeast(0), "the value at the end"),
      .number("floor_ratio", \.span.floorRatio, .closed(0, 1), "the floor as a share of η"),
    ]
  }

  /// The formula of a page, with the curve's own line.
  static func formula(_ curve: String) -> String {
    """
    t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
    t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
            f(u) = \(curve)
    """
  }

  public func validate() throws(SettingError) { try validateSpan() }

  func validateSpan() throws(SettingError) {
    if let total = span.total, span.warmup > total {
      throw .contradiction(
        "warmup=\(span.warmup) is longer than total=\(total); shorten the "
          + "warmup or lengthen the run")
    }
    if span.floor != nil, span.floorRatio != 0 {
      throw .contradiction("give floor or floor_ratio, not both")
    }
  }

  public mutating func fit(totalSteps: Int) { span.total = span.total ?? totalSteps }
  public var warmupEnd: Int { span.warmup }
  public var end: Int? { span.total }

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("floor", span.floor, above: base, advice: "set floor_ratio in its place")
  }

  /// The floor for the value `base`.
  func floor(_ base: Double) -> Double { span.floor ?? span.floorRatio * base }

  public func value(at step: Int, base: Double) -> Double {
    let (W, low) = (span.warmup, floor(base))
    if step < W { return base * warmupFactor(step, W, span.warmupStart) }
    guard let T = span.total else { return base }
    let u = step >= T ? 1 : Double(step - W) / Double(T - W)
    return low + (base - low) * curve(u)
  }
}

/// Warms up linearly, then falls linearly to the floor.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
///         f(u) = 1 − u
/// ```
public struct LinearDecay: DecaySchedule {
  public var span = DecaySpan()

  public static let name = "linear"
  public static let settings: [Setting<LinearDecay>] = spanSettings
  public static let about = About(
    summary: "warmup, then a straight line to the floor", formula: formula("1 − u"),
    guidance: "The schedule of BERT; hard to beat for language models when it falls to 0.",
    reference: "Defazio et al.: Optimal linear decay, 2023, arXiv:2310.07831")

  public init() {}

  public func curve(_ u: Double) -> Double { 1 - u }
}

/// Warms up linearly, then falls along a cosine to the floor.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
///         f(u) = ½(1 + cos 2πcu)
/// ```
public struct Cosine: DecaySchedule {
  public var span = DecaySpan()
  /// c: waves of the cosine; a half falls once.
  public var cycles = 0.5

  public static let name = "cosine"
  public static let settings: [Setting<Cosine>] =
    spanSettings + [
      .number("cycles", \.cycles, .above(0), "c: waves of the cosine; 0.5 falls once")
    ]
  public static let about = About(
    summary: "warmup, then half a cosine to the floor", formula: formula("½(1 + cos 2πcu)"),
    differences: """
      The floor is reached at t = T, so the last step of the run, t = T−1, lies just above it. \
      Hugging Face's cosine rises again past T; this one stays.
      """,
    guidance: "The usual choice for transformers: warmup 1-5 % of the run, floor_ratio 0.1 or 0.",
    reference: "Loshchilov, Hutter: SGDR, 2017, arXiv:1608.03983")

  public init() {}

  public func curve(_ u: Double) -> Double { 0.5 * (1 + cos(2 * .pi * cycles * u)) }
}

/// Warms up once, then falls along half a cosine again and again.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
///         f(u) = ½(1 + cos π(n·u mod 1)), 0 at u = 1
/// ```
public struct CosineRestarts: DecaySchedule {
  public var span = DecaySpan()
  /// n: how many times it falls.
  public var cycles = 2.0

  public static let name = "restarts"
  public static let settings: [Setting<CosineRestarts>] =
    spanSettings + [.number("cycles", \.cycles, .above(0), "n: how many times it falls")]
  public static let about = About(
    summary: "warmup, then several cosines of equal length, each from the full value",
    formula: formula("½(1 + cos π(n·u mod 1)), 0 at u = 1"),
    guidance: "For cycles that grow longer take CosineAnnealingWarmRestarts.",
    reference: "Loshchilov, Hutter: SGDR, 2017, arXiv:1608.03983")

  public init() {}

  public func curve(_ u: Double) -> Double {
    u >= 1 ? 0 : 0.5 * (1 + cos(.pi * (cycles * u).truncatingRemainder(dividingBy: 1)))
  }
}

/// Warms up linearly, then falls as a power of the remaining time to the floor.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
///         f(u) = (1 − u)^p
/// ```
public struct PolynomialDecay: DecaySchedule {
  public var span = DecaySpan()
  /// p
  public var power = 1.0

  public static let name = "polynomial"
  public static let settings: [Setting<PolynomialDecay>] =
    spanSettings + [.number("power", \.power, .above(0), "p: 1 is a line, 2 a parabola")]
  public static let about = About(
    summary: "warmup, then a power of the remaining time", formula: formula("(1 − u)^p"),
    differences: "Hugging Face's polynomial ends at lr_end=1e-7, torch's PolynomialLR at 0.",
    reference: "torch: PolynomialLR; Hugging Face: polynomial")

  public init() {}

  public func curve(_ u: Double) -> Double { pow(1 - u, power) }
}

/// Warms up linearly, then falls slowly at first and fast at the end, as a reflected exponential.
///
/// ```
/// t < W:  η(t) = η·(t+1)/W, or η·t/W from zero
/// t ≥ W:  η(t) = floor + (η − floor)·f(u),  u = (t−W)/(T−W), 1 past T
///         f(u) = (1 − u) / (1 − d·u)
/// ```
public struct ReflectedExponential: DecaySchedule {
  public var span = DecaySpan()
  /// d: 0 is a line; the nearer to 1, the longer the rate stays high.
  public var bend = 0.9

  public static let name = "rex"
  public static let settings: [Setting<ReflectedExponential>] =
    spanSettings + [
      .number(
        "bend", \.bend, .halfOpen(0, 1), "d: 0 is a line; near 1 the rate stays high for long")
    ]
  public static let about = About(
    summary: "warmup, then slowly down and fast at the end, without a settled phase",
    formula: formula("(1 − u) / (1 − d·u)"),
    differences:
      "The paper has d = 0.5; OneTrainer and axolotl, which made it common, have the default, 0.9.",
    guidance: "For fine-tuning in few steps, where a cosine is low for too long.",
    reference: "Chen, Wolfe, Kyrillidis: REX, 2021, arXiv:2107.04197")

  public init() {}

  public func curve(_ u: Double) -> Double { (1 - u) / (1 - bend * u) }
}

/// Warms up, holds, and falls only in the last part of the run.
///
/// ```
/// t < W:      η(t) = floor + (η − floor)·r(x),  x = (t+1)/W, or t/W from zero
/// t < W+S:    η(t) = η
/// t < W+S+D:  η(t) = floor + (η − floor)·f(u),  u = (t−W−S)/D
/// after:      η(t) = floor
/// linear:     r(x) = x;                f(u) = 1 − u
/// cosine:     r(x) = ½(1 − cos πx);    f(u) = ½(1 + cos 2πcu)
/// 1-sqrt:     r(x) = 1 − √(1−x);       f(u) = 1 − √u
/// ```
public struct WarmupStableDecay: DecaySchedule {
  public var span = DecaySpan()
  /// D: steps of the fall; nil is a fifth of the run.
  public var decay: Int?
  /// S: steps between warmup and fall; nil is what the others leave of T.
  public var stable: Int?
  /// How it rises.
  public var warmupShape = Shape.linear
  /// How it falls.
  public var decayShape = Shape.cosine
  /// c: waves of a falling cosine.
  public var cycles = 0.5

  /// How a part rises or falls.
  public enum Shape: String, CaseIterable, Sendable {
    /// x, and 1 − x.
    case linear
    /// ½(1 − cos πx), and ½(1 + cos 2πcx).
    case cosine
    /// 1 − √(1−x), and 1 − √x.
    case oneMinusSqrt = "1-sqrt"
  }

  public static let name = "wsd"
  public static let settings: [Setting<WarmupStableDecay>] =
    spanSettings + [
      .optionalInteger("decay", \.decay, .atLeast(0), "D: steps of the fall; none: T/5"),
      .optionalInteger(
        "stable", \.stable, .atLeast(0), "S: steps at the full value; none: T−W−D"),
      .choice("warmup_shape", \.warmupShape, "how it rises", source: "transformers"),
      .choice("decay_shape", \.decayShape, "how it falls", source: "transformers"),
      .number("cycles", \.cycles, .above(0), "c: waves of a falling cosine; 0.5 falls once"),
    ]
  public static let about = About(
    summary: "warmup, the full value for most of the run, a fall at its end",
    formula: """
      t < W:      η(t) = floor + (η − floor)·r(x),  x = (t+1)/W, or t/W from zero
      t < W+S:    η(t) = η
      t < W+S+D:  η(t) = floor + (η − floor)·f(u),  u = (t−W−S)/D
      after:      η(t) = floor
      linear:     r(x) = x;                f(u) = 1 − u
      cosine:     r(x) = ½(1 − cos πx);    f(u) = ½(1 + cos 2πcu)
      1-sqrt:     r(x) = 1 − √(1−x);       f(u) = 1 − √u
      """,
    differences: "As in Hugging Face's warmup_stable_decay, the warmup starts from the floor too.",
    guidance: """
      A run can be lengthened without starting over: only the fall is repeated. 1-sqrt over the \
      last 10-20 % of the steps matches a cosine of the same length.
      """,
    reference: """
      Hu et al.: MiniCPM, 2024, arXiv:2404.06395; Hägele et al.: Scaling laws beyond fixed \
      training durations, 2024, arXiv:2405.18392
      """)

  public init() {}

  public mutating func fit(totalSteps: Int) {
    if let stable, let decay { span.total = span.total ?? span.warmup + stable + decay }
    let total = span.total ?? totalSteps
    span.total = total
    let fall = decay ?? max(0, min((total + 4) / 5, total - span.warmup - (stable ?? 0)))
    (decay, stable) = (fall, stable ?? max(0, total - span.warmup - fall))
  }

  public func validate() throws(SettingError) {
    try validateSpan()
    if let total = span.total, let decay, span.warmup + (stable ?? 0) + decay > total {
      throw .contradiction(
        "warmup=\(span.warmup), stable=\(stable ?? 0) and decay=\(decay) together are more than "
          + "total=\(total); shorten one of them or lengthen the run")
    }
  }

  public var end: Int? {
    guard let stable, let decay else { return span.total }
    return span.warmup + stable + decay
  }

  public func value(at step: Int, base: Double) -> Double {
    let (W, low) = (span.warmup, floor(base))
    let factor: Double
    if step < W {
      factor = rise(warmupFactor(step, W, span.warmupStart))
    } else {
      guard let S = stable, let D = decay else { return base }
      factor =
        step < W + S ? 1 : step < W + S + D ? curve(Double(step - W - S) / Double(D)) : 0
    }
    return low + (base - low) * factor
  }

  private func rise(_ x: Double) -> Double {
    switch warmupShape {
    case .linear: x
    case .cosine: 0.5 * (1 - cos(.pi * x))
    case .oneMinusSqrt: 1 - (1 - x).squareRoot()
    }
  }

  /// Falls from 1 as u goes from 0 to 1; whatever its shape, it is at the floor from there on.
  public func curve(_ u: Double) -> Double {
    switch decayShape {
    case .linear: 1 - u
    case .cosine: u >= 1 ? 0 : 0.5 * (1 + cos(2 * .pi * cycles * u))
    case .oneMinusSqrt: 1 - u.squareRoot()
    }
  }
}
