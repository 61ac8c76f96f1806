/// The range that a numeric setting may take, with each end in or out.
public struct Bounds: Sendable, Equatable, CustomStringConvertible {
  let lower: Double
  let upper: Double
  let includesLower: Bool
  let includesUpper: Bool

  /// Any finite number.
  public static let any = Bounds(-.infinity, .infinity, false, false)
  /// x ≥ `bound`.
  public static func atLeast(_ bound: Double) -> Bounds { .init(bound, .infinity, true, false) }
  /// x > `bound`.
  public static func above(_ bound: Double) -> Bounds { .init(bound, .infinity, false, false) }
  /// x > `bound`, infinity included.
  public static func aboveOrInfinite(_ bound: Double) -> Bounds {
    .init(bound, .infinity, false, true)
  }
  /// `lower` < x ≤ `upper`.
  public static func aboveUpTo(_ lower: Double, _ upper: Double) -> Bounds {
    .init(lower, upper, false, true)
  }
  /// `lower` ≤ x < `upper`.
  public static func halfOpen(_ lower: Double, _ upper: Double) -> Bounds {
    .init(lower, upper, true, false)
  }
  /// `lower` < x < `upper`.
  public static func open(_ lower: Double, _ upper: Double) -> Bounds {
    .init(lower, upper, false, false)
  }
  /// `lower` ≤ x ≤ `upper`.
  public static func closed(_ lower: Double, _ upper: Double) -> Bounds {
    .init(lower, upper, true, true)
  }

  private init(_ lower: Double, _ upper: Double, _ includesLower: Bool, _ includesUpper: Bool) {
    (self.lower, self.upper) = (lower, upper)
    (self.includesLower, self.includesUpper) = (includesLower, includesUpper)
  }

  /// Whether `x` lies in the range; NaN never does.
  public func contains(_ x: Double) -> Bool {
    (includesLower ? x >= lower : x > lower) && (includesUpper ? x <= upper : x < upper)
  }

  /// The range in words: `at least 0`, `at least 0 and below 1`.
  public var description: String {
    let (low, high) = (SettingValue.text(of: lower), SettingValue.text(of: upper))
    switch (lower.isFinite, upper.isFinite) {
    case (false, false): return includesUpper ? "any number" : "any finite number"
    case (true, false):
      return (includesLower ? "at least \(low)" : "above \(low)")
        + (includesUpper ? " (infinity allowed)" : "")
    case (false, true): return includesUpper ? "at most \(high)" : "below \(high)"
    case (true, true):
      switch (includesLower, includesUpper) {
      case (true, true): return "from \(low) to \(high)"
      case (true, false): return "at least \(low) and below \(high)"
      case (false, true): return "above \(low) and at most \(high)"
      case (false, false): return "above \(low) and below \(high)"
      }
    }
  }
}
