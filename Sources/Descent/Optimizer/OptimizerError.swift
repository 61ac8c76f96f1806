/// Why an optimizer could not be made.
public enum OptimizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No rule has this name.
  case unknownRule(name: String, nearest: String?, valid: [String])
  /// Two parameters have the same name.
  case duplicateParameter(String)
  /// A group's hyperparameters were refused.
  case group(name: String, SettingErrors)
  /// A group takes no parameter, which is nearly always a misspelt pattern.
  case emptyGroup(name: String, match: String)
  /// A schedule was given for something that is not a number of the rule.
  case notSchedulable(setting: String, rule: String, valid: [String])
  /// A schedule was given for a number that a group's settings leave at `none`.
  case scheduleOfNone(setting: String, rule: String)
  /// A schedule of the learning rate cycles the momentum, and the rule has none.
  case noMomentum(rule: String, schedule: String)
  /// A curvature estimate was given to a rule that takes none.
  case takesNoCurvature(rule: String)
  /// The clip threshold is not a positive number.
  case clipNorm(Double)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .unknownRule(let name, let nearest, let valid):
      let hint =
        nearest.map { "did you mean '\($0)'?" } ?? "there are: \(valid.joined(separator: ", "))"
      return "there is no optimizer '\(name)'; \(hint)"
    case .duplicateParameter(let name):
      return "two parameters are called '\(name)'; names must be unique"
    case .group(let name, let errors):
      return errors.errors.map { "parameter group '\(name)': \($0)" }.joined(separator: "\n")
    case .emptyGroup(let name, let match):
      return "parameter group '\(name)' (\(match)) matches no parameter that an earlier group left"
    case .notSchedulable(let setting, let rule, let valid):
      return
        "'\(setting)' of \(rule) cannot be scheduled; these can: \(valid.joined(separator: ", "))"
    case .scheduleOfNone(let setting, let rule):
      return "'\(setting)' of \(rule) is none, so no schedule can drive it: give it a value first"
    case .noMomentum(let rule, let schedule):
      return
        "\(schedule) cycles the momentum, and \(rule) has neither betas nor momentum: set "
        + "cycle_momentum=false"
    case .takesNoCurvature(let rule):
      return "\(rule) takes no curvature estimates; sophia-g and sophia-h do"
    case .clipNorm(let given):
      return "clip.norm=\(given) is out of range: clip.norm must be above 0"
    }
  }
}
