/// A hyperparameter's value as a function of the number of applied optimizer steps.
///
/// A schedule is a value without memory: it can be asked for any step, in any order, and resuming
/// it needs only the step count. Step t is the number of completed steps; the value is what step
/// t+1 uses.
public protocol Schedule: Configurable {
  /// One line for listings.
  static var summary: String { get }
  /// The value that step `step` + 1 uses, when the setting's own value is `base`.
  func value(at step: Int, base: Double) -> Double
  /// Fills in what was left open and follows from the length of the run.
  mutating func fit(totalSteps: Int)
}

extension Schedule {
  /// Nothing follows from the length of the run.
  public mutating func fit(totalSteps: Int) {}
}
