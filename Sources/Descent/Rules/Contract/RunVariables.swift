/// Numbers of a rule that live as long as the run and that all parameters share, such as Prodigy's d.
public protocol RunVariables: Sendable {
  /// The values before the first step, unless the rule has others.
  init()
  /// Each number's name and where it is, for reports and checkpoints.
  static var fields: [(name: String, path: SettingPath<Self, Double>)] { get }
}

/// The variables of rules that have none.
public struct NoVariables: RunVariables {
  /// Nothing.
  public init() {}
  /// None.
  public static var fields: [(name: String, path: SettingPath<NoVariables, Double>)] { [] }
}

/// How many steps a run has taken: t for rules whose reference counts the steps of a parameter group,
/// not those of each parameter, which come later where its first gradient does.
public struct StepCount: RunVariables {
  /// The steps, the present one included.
  public var steps = 0.0
  /// None yet.
  public init() {}
  /// `step`.
  public static let fields: [(name: String, path: SettingPath<StepCount, Double>)] = [
    ("step", \.steps)
  ]
}

/// A rule whose t, or what it reports, follows the steps of the run.
public protocol StepCountingRule: Rule where Variables == StepCount {}

extension StepCountingRule {
  /// Nothing: metrics have the number of the step.
  public func metrics(
    _ variables: StepCount, _ step: Step
  ) -> [(name: String, value: Double)] { [] }
  /// Counts the step.
  public func updateVariables(_ variables: inout StepCount, from sums: SIMD4<Double>) -> Bool {
    variables.steps += 1
    return true
  }
}
