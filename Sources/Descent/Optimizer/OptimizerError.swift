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
  /// A rule's state would not bear the rounding of a format.
  case unsoundState(rule: String, format: StateStorage.Format, reason: String)
  /// Compressed state was asked for weights in double precision.
  case compressedDouble
  /// A rule needs curvature estimates and nothing was supplied to make them.
  case lacksCurvature(rule: String, estimator: CurvatureEstimator)
  /// A rule needs preconditioned gradients and no preconditioner was supplied.
  case lacksPreconditioner(rule: String)
  /// A rule evaluates the loss itself, which the caller has not said to give.
  case lacksEvaluation(rule: String)
  /// A method that evaluates the loss itself was given what it cannot honour.
  case cannotHonour(rule: String, what: String, advice: String)
  /// The settings of clipping, or of what else happens to gradients, were refused.
  case settings(of: String, SettingErrors)

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
    case .unsoundState(let rule, let format, let reason):
      return "\(rule) cannot keep its state in \(format): \(reason); use state=float32"
    case .compressedDouble:
      return "state in \(StateStorage.Format.bfloat16) or \(StateStorage.Format.int8) needs "
        + "weights in float32"
    case .lacksCurvature(let rule, let estimator):
      let estimate =
        switch estimator {
        case .gaussNewtonBartlett: "the gradient for labels sampled from the model's predictions"
        case .hutchinson: "a random vector times the Hessian's product with it"
        }
      return "\(rule) needs estimates of the curvature (\(estimate)): supply a closure for them"
    case .lacksPreconditioner(let rule):
      return "\(rule) needs a preconditioner that sees the model's layers: supply one"
    case .lacksEvaluation(let rule):
      return
        "\(rule) evaluates the loss itself: use ClosureOptimizer, or supply byCaller and give each "
        + "step an evaluation"
    case .cannotHonour(let rule, let what, let advice):
      return "\(rule) cannot honour \(what); \(advice)"
    case .settings(let section, let errors):
      return errors.errors.map { $0.sentence(in: section) }.joined(separator: "\n")
    }
  }
}
