/// Where a linear warmup begins.
public enum WarmupStart: String, CaseIterable, Sendable {
  /// (t+1)/W: the first step already moves; the whole value is reached by step W.
  case one
  /// t/W: Hugging Face's; the first step has the value 0 and moves nothing.
  case zero
}

/// The factor of a linear warmup over W steps, for completed steps t.
func warmupFactor(_ step: Int, _ warmup: Int, _ start: WarmupStart) -> Double {
  guard step < warmup else { return 1 }
  return Double(start == .one ? step + 1 : step) / Double(warmup)
}

/// Holds the value.
public struct Constant: Schedule {
  public static let name = "constant"
  public static let summary = "the same value throughout"
  public static let settings: [Setting<Constant>] = []

  public init() {}

  public func value(at step: Int, base: Double) -> Double { base }
}

/// Rises linearly to the value, then holds it.
///
/// ```
/// f(t) = min(1, (t+1)/W), or min(1, t/W) from zero
/// ```
public struct LinearWarmup: Schedule {
  /// W, in optimizer steps.
  public var warmup = 0
  public var warmupStart = WarmupStart.one

  public static let name = "warmup"
  public static let summary = "rises linearly, then holds"
  public static let settings: [Setting<LinearWarmup>] = [
    .integer("warmup", \.warmup, .atLeast(0), "W: steps until the whole value"),
    .choice("warmup_start", \.warmupStart, "whether step 1 has 1/W or 0 of the value"),
  ]

  public init() {}

  /// A warmup over `warmup` steps.
  public init(warmup: Int, warmupStart: WarmupStart = .one) {
    (self.warmup, self.warmupStart) = (warmup, warmupStart)
  }

  public func value(at step: Int, base: Double) -> Double {
    base * warmupFactor(step, warmup, warmupStart)
  }
}
