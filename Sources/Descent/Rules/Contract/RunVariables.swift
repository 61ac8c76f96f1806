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
