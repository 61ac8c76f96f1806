/// A hyperparameter's value as a function of the number of applied optimizer steps.
///
/// A schedule is a value without memory: it can be asked for any step, in any order, and resuming
/// it needs only the step count. Step t is the number of completed steps; the value is what step
/// t+1 uses. A run of T steps uses the values at t = 0...T−1. Only a ``MetricSchedule`` remembers.
public protocol Schedule: Configurable {
  /// What the schedule is, in words and formulas.
  static var about: About { get }
  /// The value that step `step` + 1 uses, when the setting's own value is `base`.
  func value(at step: Int, base: Double) -> Double
  /// Fills in what was left open and follows from the length of the run.
  mutating func fit(totalSteps: Int)
  /// The step at which the warmup is over; 0 where there is none.
  var warmupEnd: Int { get }
  /// The step from which the value stays what it is; nil when it never settles, or is not known.
  var end: Int? { get }
  /// The curve of the momentum, for schedules of the learning rate that cycle it: of `betas[0]`
  /// where a rule has betas, else of `momentum`.
  var momentum: (any Schedule)? { get }
}

extension Schedule {
  /// Nothing follows from the length of the run.
  public mutating func fit(totalSteps: Int) {}
  /// No warmup.
  public var warmupEnd: Int { 0 }
  /// Never settles.
  public var end: Int? { nil }
  /// Leaves the momentum alone.
  public var momentum: (any Schedule)? { nil }

  /// What does not fit a run of `steps` steps: one sentence each, with what to change.
  public func warnings(steps: Int) -> [String] {
    var found: [String] = []
    if warmupEnd > steps {
      found.append(
        "the warmup takes \(warmupEnd) steps and the run \(steps): the full value is "
          + "never reached; shorten the warmup or lengthen the run")
    }
    if let end, end < steps {
      found.append(
        "\(Self.name) ends at step \(end), but training runs to step \(steps): the last "
          + "\(steps - end) steps use its final value; make it \(steps) steps long to avoid that")
    } else if let end, end > steps, warmupEnd <= steps {
      found.append(
        "training ends at step \(steps), before \(Self.name) does at step \(end): the curve is cut "
          + "off; make it \(steps) steps long to avoid that")
    }
    return found
  }
}

/// A schedule made of a function, for curves that no other schedule has.
///
/// ```swift
/// let halves = Lambda { t, base in base * pow(0.5, Double(t / 1000)) }
/// ```
/// The function must give the same value whenever it is asked for the same step.
public struct Lambda: Schedule {
  private let function: @Sendable (Int, Double) -> Double

  /// A schedule with the value `function(t, base)` after t steps.
  public init(_ function: @escaping @Sendable (Int, Double) -> Double) { self.function = function }
  /// The base itself.
  public init() { self.init { _, base in base } }

  public static let name = "lambda"
  public static let settings: [Setting<Lambda>] = []
  public static let about = About(
    summary: "any function, in Swift", formula: "η(t) = f(t, η)", reference: "torch: LambdaLR")

  public func value(at step: Int, base: Double) -> Double { function(step, base) }
}
