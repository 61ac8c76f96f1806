/// Where a linear warmup begins.
public enum WarmupStart: String, CaseIterable, Sendable {
  /// (t+1)/W: the first step already moves, and step W has the full value.
  case one
  /// t/W, as at Hugging Face: the first step has the value 0 and moves nothing.
  case zero
}

/// The factor of a linear warmup over W steps, for completed steps t.
func warmupFactor(_ step: Int, _ warmup: Int, _ start: WarmupStart) -> Double {
  guard step < warmup else { return 1 }
  return Double(start == .one ? step + 1 : step) / Double(warmup)
}

/// Holds the value.
///
/// ```
/// η(t) = η
/// ```
public struct Constant: Schedule {
  public static let name = "constant"
  public static let settings: [Setting<Constant>] = []
  public static let about = About(
    summary: "the same value throughout", formula: "η(t) = η",
    guidance: "For rules that find their own step (Prodigy, Schedule-Free) and for short trials.",
    reference: "Hugging Face: constant")

  public init() {}

  public var settles: Int? { 0 }

  public func value(at step: Int, base: Double) -> Double { base }
}

/// Rises linearly to the value, then holds it.
///
/// ```
/// one:   η(t) = η·min(1, (t+1)/W)
/// zero:  η(t) = η·min(1, t/W)
/// ```
public struct LinearWarmup: Schedule {
  /// W, in optimizer steps; nil is the length of the run.
  public var warmup: Int?
  /// Where the warmup begins.
  public var warmupStart = WarmupStart.one

  public static let name = "warmup"
  public static let settings: [Setting<LinearWarmup>] = [
    .optionalInteger("warmup", \.warmup, .atLeast(0), "W: steps to the full value; none: the run"),
    .choice("warmup_start", \.warmupStart, "step 1 uses 1/W of the value (one) or 0 (zero)"),
  ]
  public static let about = About(
    summary: "rises linearly, then holds",
    formula: """
      one:   η(t) = η·min(1, (t+1)/W)
      zero:  η(t) = η·min(1, t/W)
      """,
    differences:
      "Hugging Face's constant_with_warmup has warmup_start=zero: its first step is lost.",
    reference: "Goyal et al.: Accurate, large minibatch SGD, 2017, arXiv:1706.02677")

  public init() {}

  /// A warmup over `warmup` steps; nil is the whole run.
  public init(warmup: Int?, warmupStart: WarmupStart = Self.defaults.warmupStart) {
    (self.warmup, self.warmupStart) = (warmup, warmupStart)
  }

  public mutating func fit(totalSteps: Int) { warmup = warmup ?? totalSteps }
  public var warmupEnd: Int { warmup ?? 0 }
  public var settles: Int? { warmupEnd }

  public func value(at step: Int, base: Double) -> Double {
    base * warmupFactor(step, warmup ?? 0, warmupStart)
  }
}
