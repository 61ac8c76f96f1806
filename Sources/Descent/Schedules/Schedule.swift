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
  /// The step at which the curve is over, which is how long the run should be; nil where it has no
  /// end.
  var end: Int? { get }
  /// The step from which the value stays what it is; nil where it never settles.
  var settles: Int? { get }
  /// The schedule's own setting that takes the place of the value it drives (`max_lr`); nil where the
  /// value counts.
  var ownPeak: (setting: String, value: Double)? { get }
  /// Why it cannot drive a setting whose own value is `base`, such as a floor above that; nil where
  /// it can.
  func objection(base: Double) -> ScheduleObjection?
  /// The curve of the momentum, for schedules of the learning rate that cycle it: of `betas[0]`
  /// where a rule has betas, else of `momentum`.
  var momentum: (any Schedule)? { get }
}

extension Schedule {
  /// Nothing follows from the length of the run.
  public mutating func fit(totalSteps: Int) {}
  /// No warmup.
  public var warmupEnd: Int { 0 }
  /// Has no end.
  public var end: Int? { nil }
  /// At its end, where it has one.
  public var settles: Int? { end }
  /// The value counts.
  public var ownPeak: (setting: String, value: Double)? { nil }
  /// None.
  public func objection(base: Double) -> ScheduleObjection? { nil }
  /// Leaves the momentum alone.
  public var momentum: (any Schedule)? { nil }

  /// The end of a curve that stays there, rather than going on in waves.
  public var lastingEnd: Int? {
    guard let end, let settles, settles <= end else { return nil }
    return end
  }

  /// The objection that `setting`=`value` lies above `base`, where it does.
  func floorObjection(
    _ setting: String, _ value: Double?, above base: Double, advice: String = ""
  ) -> ScheduleObjection? {
    guard let value, value > base else { return nil }
    return ScheduleObjection(setting: setting, value: value, isFloor: true, advice: advice)
  }

  /// What does not fit a run of `steps` steps: one sentence each, with what to change.
  public func warnings(steps: Int) -> [String] { mismatches(steps: steps).map(\.sentence) }

  /// What does not fit a run of `steps` steps.
  package func mismatches(steps: Int) -> [ScheduleMismatch] {
    var found: [ScheduleMismatch] = []
    if warmupEnd > steps {
      found.append(
        ScheduleMismatch(
          .warmup,
          "the warmup takes \(counted(warmupEnd, "step")) and the run \(grouped(steps)): the full "
            + "value is never reached", "shorten the warmup or lengthen the run"))
    }
    let advice = "make it \(counted(steps, "step")) long to avoid that"
    if let end = lastingEnd, end < steps {
      let left = steps - end
      found.append(
        ScheduleMismatch(
          .early,
          "\(Self.name) ends at step \(end), but training runs to step \(steps): the last "
            + (left == 1 ? "step uses" : "\(grouped(left)) steps use") + " its final value",
          advice))
    } else if let end, end > steps, warmupEnd <= steps {
      found.append(
        ScheduleMismatch(
          .late,
          "training ends at step \(steps), before \(Self.name) does at step \(end): the curve is "
            + "cut off", advice))
    }
    return found
  }
}

/// A length of a schedule that does not fit the run.
package struct ScheduleMismatch: Sendable, Equatable {
  /// Which.
  package enum Kind: Sendable {
    /// The warmup is longer than the run.
    case warmup
    /// The curve is over before the run.
    case early
    /// The run is over before the curve.
    case late
  }

  /// Which.
  package let kind: Kind
  /// What happens, with its figures.
  package let reason: String
  /// What to change.
  package let advice: String

  init(_ kind: Kind, _ reason: String, _ advice: String) {
    (self.kind, self.reason, self.advice) = (kind, reason, advice)
  }

  /// All of it.
  var sentence: String { "\(reason); \(advice)" }
}

/// Why a schedule cannot drive a value: a setting of its own lies on the wrong side of it.
public struct ScheduleObjection: Sendable, Equatable {
  /// The schedule's setting.
  public let setting: String
  /// Its value.
  public let value: Double
  /// Whether it is a floor, above the value; otherwise a ceiling, below it.
  public let isFloor: Bool
  /// What else to do than to change one of the two; may be empty.
  public let advice: String

  /// One sentence, where the schedule drives `driven`=`base`.
  package func sentence(driving driven: String, _ base: Double) -> String {
    let (mine, its) = (SettingValue.text(of: value), SettingValue.text(of: base))
    let (place, change, other) = isFloor ? ("above", "lower", "raise") : ("below", "raise", "lower")
    return "\(setting)=\(mine) lies \(place) \(driven)=\(its), which the schedule starts from: "
      + "\(change) it, \(advice.isEmpty ? "" : "\(advice), ")or \(other) \(driven)"
  }
}

extension Schedule {
  /// Everything that its own declarations refuse, for schedules that were made in code; nested ones
  /// included.
  var mistakes: [SettingError] {
    let parts = (self as? any CompositeSchedule)?.parts ?? []
    if depth > SettingSection.mostNested {
      return [
        .contradiction(
          "\(Self.name) has more than \(SettingSection.mostNested) schedules within one another: use "
            + "fewer")
      ]
    }
    var copy = self
    // The parts are looked at one by one: as a text they would be made again, which no function can.
    let own = Self.settings.filter { parts.isEmpty || $0.name != "parts" }
    var errors = copy.assign(own.map { ($0.name, $0.value(self).description) })
    for (number, part) in parts.enumerated() {
      errors += part.mistakes.map {
        .contradiction("part \(number + 1) of parts, \(type(of: part).name): \($0)")
      }
    }
    if errors.isEmpty {
      do throws(SettingError) { try validate() } catch { errors.append(error) }
    }
    return errors
  }

  /// How many schedules stand within one another.
  private var depth: Int {
    // Level by level: whoever nests without bound would run out of stack.
    var (depth, level): (Int, [any Schedule]) = (1, [self])
    while depth <= SettingSection.mostNested {
      level = level.flatMap { ($0 as? any CompositeSchedule)?.parts ?? [] }
      if level.isEmpty { return depth }
      depth += 1
    }
    return depth
  }
}

/// A schedule made of other schedules.
public protocol CompositeSchedule: Schedule {
  /// Those that it is made of.
  var parts: [any Schedule] { get }
}

extension Schedule {
  /// Whether it is a ``Lambda``, or one is among its parts.
  var hasFunction: Bool {
    self is Lambda || (self as? any CompositeSchedule)?.parts.contains(where: \.hasFunction) == true
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
