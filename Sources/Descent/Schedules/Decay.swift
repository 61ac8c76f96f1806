import Foundation

/// A schedule that warms up, decays and ends at a floor.
///
/// ```
/// t < W    η(t) = base·(t+1)/W, or base·t/W from zero
/// t ≥ W    η(t) = floor + (base − floor)·curve(u),  u = (t−W)/(T−W) in [0, 1]
/// ```
/// PyTorch and Hugging Face let some curves rise again past T; here the value stays at the floor.
public protocol DecaySchedule: Schedule {
  /// W, in optimizer steps.
  var warmup: Int { get set }
  /// Where the warmup begins.
  var warmupStart: WarmupStart { get set }
  /// T, in optimizer steps, warmup included; nil is the length of the run.
  var total: Int? { get set }
  /// The value at the end; nil leaves it to ``floorRatio``.
  var floor: Double? { get set }
  /// The value at the end as a share of the base.
  var floorRatio: Double { get set }
  /// Falls from 1 to 0 as u goes from 0 to 1.
  func curve(_ u: Double) -> Double
}

extension DecaySchedule {
  /// A decay over `total` steps, `warmup` of them rising.
  public init(
    warmup: Int = 0, total: Int?, floor: Double? = nil, floorRatio: Double = 0,
    warmupStart: WarmupStart = .one
  ) {
    self.init()
    (self.warmup, self.total, self.warmupStart) = (warmup, total, warmupStart)
    (self.floor, self.floorRatio) = (floor, floorRatio)
  }

  /// The settings of warmup, length and floor.
  static var decaySettings: [Setting<Self>] {
    [
      .integer("warmup", \.warmup, .atLeast(0), "W: steps until the whole value"),
      .choice("warmup_start", \.warmupStart, "whether step 1 has 1/W or 0 of the value"),
      .optionalInteger("total", \.total, .atLeast(1), "T: steps until the floor"),
      .optionalNumber("floor", \.floor, .atLeast(0), "the value at the end"),
      .number("floor_ratio", \.floorRatio, .closed(0, 1), "the floor as a share of the base"),
    ]
  }

  public func validate() throws(SettingError) {
    if let total, warmup > total {
      throw .contradiction(
        "warmup=\(warmup) is longer than total=\(total); shorten the "
          + "warmup or lengthen the run")
    }
    if floor != nil, floorRatio != 0 {
      throw .contradiction("give floor or floor_ratio, not both")
    }
  }

  public mutating func fit(totalSteps: Int) { total = total ?? totalSteps }

  public func value(at step: Int, base: Double) -> Double {
    if step < warmup { return base * warmupFactor(step, warmup, warmupStart) }
    guard let total else { return base }
    let u = min(1, Double(step - warmup) / Double(max(1, total - warmup)))
    let low = floor ?? floorRatio * base
    return low + (base - low) * curve(u)
  }
}

/// Warms up linearly, then falls linearly to the floor: curve(u) = 1 − u.
public struct LinearDecay: DecaySchedule {
  public var warmup = 0
  public var warmupStart = WarmupStart.one
  public var total: Int?
  public var floor: Double?
  public var floorRatio = 0.0

  public static let name = "linear"
  public static let summary = "warmup, then a straight line to the floor"
  public static let settings: [Setting<LinearDecay>] = decaySettings

  public init() {}

  public func curve(_ u: Double) -> Double { 1 - u }
}

/// Warms up linearly, then falls along half a cosine to the floor: curve(u) = ½(1 + cos πu).
public struct Cosine: DecaySchedule {
  public var warmup = 0
  public var warmupStart = WarmupStart.one
  public var total: Int?
  public var floor: Double?
  public var floorRatio = 0.0

  public static let name = "cosine"
  public static let summary = "warmup, then half a cosine to the floor"
  public static let settings: [Setting<Cosine>] = decaySettings

  public init() {}

  public func curve(_ u: Double) -> Double { 0.5 * (1 + cos(.pi * u)) }
}
