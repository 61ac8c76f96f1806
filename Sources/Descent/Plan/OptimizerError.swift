/// Why an optimizer could not be made, or could not use what it was given.
public enum OptimizerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// No rule has this name.
  case unknownRule(name: String, nearest: String?, valid: [String])
  /// No section of a plan's texts has this name.
  case unknownSection(String, nearest: String?, valid: [String])
  /// Two parameters have the same name.
  case duplicateParameter(String)
  /// Two groups have the same name.
  case duplicateGroup(String)
  /// Every parameter is frozen.
  case everythingFrozen
  /// A group's hyperparameters were refused.
  case group(name: String, SettingErrors)
  /// A group takes no parameter, which is nearly always a misspelt pattern.
  case emptyGroup(name: String, match: String)
  /// A schedule was given for something that is not a number of the rule.
  case notSchedulable(setting: String, rule: String, valid: [String])
  /// A schedule, or a decay from layer to layer, was given for a number that is `none`.
  case scheduleOfNone(setting: String, rule: String)
  /// A schedule of the learning rate cycles the momentum, and the rule has none.
  case noMomentum(rule: String, schedule: String)
  /// A curvature estimate was given to a rule that takes none.
  case takesNoCurvature(rule: String)
  /// Compressed state was asked for weights in double precision.
  case compressedDouble
  /// Weights in 16 bits were asked for in double precision.
  case roundedDouble
  /// A parameter's weights lie in bfloat16, and the plan does not say how updates are rounded to it.
  case lacksRounding(parameter: String)
  /// A rule needs curvature estimates and nothing was provided to make them.
  case lacksCurvature(rule: String, need: Needs)
  /// A rule needs preconditioned gradients and no preconditioner was provided.
  case lacksPreconditioner(rule: String)
  /// A rule evaluates the loss itself, which the caller has not said to give.
  case lacksEvaluation(rule: String)
  /// Two things were asked for that cannot be combined: a row of ``Incompatibility/all``.
  case conflict(String, String, reason: String, advice: String)
  /// The settings of a section (empty for the rule's own) were refused.
  case settings(of: String, SettingErrors)
  /// Not as many arrays of something (`gradients`) as there are parameters.
  case wrongNumber(of: String, expected: Int, given: Int)
  /// An array (`gradient`, `weights`, `estimate`) has not as many elements as its parameter.
  case wrongSize(of: String, parameter: String, shape: [Int], given: Int)
  /// There is no parameter with this index.
  case noParameter(index: Int, count: Int)
  /// A method was called before the one that must come first.
  case tooEarly(String, first: String)
  /// Several things are wrong.
  indirect case several([OptimizerError])

  /// What is wrong as one error; nil where nothing is.
  init?(_ problems: [OptimizerError]) {
    guard let first = problems.first else { return nil }
    self = problems.count == 1 ? first : .several(problems)
  }

  /// Every single error.
  public var all: [OptimizerError] {
    if case .several(let errors) = self { errors } else { [self] }
  }

  /// One plain sentence for each mistake.
  public var sentences: [String] {
    switch self {
    case .group(_, let errors) where errors.errors.count > 1,
      .settings(_, let errors) where errors.errors.count > 1:
      return description.split(separator: "\n").map(String.init)
    case .several(let errors): return errors.flatMap(\.sentences)
    default: return [description]
    }
  }

  /// `array of weights` for `arrays of weights`.
  private static func singular(_ what: String) -> String {
    what.replacing("arrays", with: "array").replacing("entries", with: "entry")
  }

  /// One plain sentence, or a line for each.
  public var description: String {
    switch self {
    case .unknownRule(let name, let nearest, let valid):
      return "there is no optimizer '\(quotable(name))'; \(hint(nearest, valid))"
    case .unknownSection(let name, let nearest, let valid):
      return "there is no section '\(quotable(name))'; \(hint(nearest, valid))"
    case .duplicateParameter(let name):
      return "two parameters are called '\(name)'; names must be unique"
    case .duplicateGroup(let name):
      return "two parameter groups are called '\(name)'; names must be unique"
    case .everythingFrozen:
      return
        "every parameter is frozen, so nothing would be trained: leave at least one to be trained"
    case .group(let name, let errors):
      return errors.errors.map { "parameter group '\(quotable(name))': \($0)" }.joined(
        separator: "\n")
    case .emptyGroup(let name, let match):
      return
        "parameter group '\(quotable(name))' (\(quotable(match))) matches no parameter that earlier groups leave; "
        + "names are matched whole, with * for any characters and ? for one"
    case .notSchedulable(let setting, let rule, let valid):
      return
        "'\(quotable(setting))' of \(rule) cannot be scheduled; these can: \(valid.joined(separator: ", "))"
    case .scheduleOfNone(let setting, let rule):
      return "'\(setting)' of \(rule) is none, so nothing can change it: give it a value first"
    case .noMomentum(let rule, let schedule):
      return
        "\(schedule) cycles the momentum, and \(rule) has neither betas nor momentum: set "
        + "cycle_momentum=false"
    case .takesNoCurvature(let rule):
      return "\(rule) takes no curvature estimates; sophia-g and sophia-h do"
    case .compressedDouble:
      return "state in \(StateStorage.Format.bfloat16) or \(StateStorage.Format.int8) needs "
        + "weights in float32"
    case .roundedDouble:
      return "weights.format=bf16 is for weights in float32 or bfloat16, not in float64"
    case .lacksRounding(let parameter):
      return
        "the weights of '\(quotable(parameter))' lie in bfloat16, and the plan does not say how updates "
        + "are rounded to it: give it weights .bfloat16(.stochastic), or another rounding"
    case .lacksCurvature(let rule, let need):
      let estimate =
        need == .sampledGradients
        ? "gradients for labels sampled from the model's predictions"
        : "a random vector times the Hessian's product with it"
      return "\(rule) needs estimates of the curvature (\(estimate)): provide a closure that makes "
        + "them"
    case .lacksPreconditioner(let rule):
      return "\(rule) needs a preconditioner that sees the model's layers: provide one"
    case .lacksEvaluation(let rule):
      return
        "\(rule) evaluates the loss itself: make the optimizer with needs: .byCaller, and call "
        + "step(_:evaluate:)"
    case .conflict(let first, let second, let reason, let advice):
      return "\(first) cannot be combined with \(second): \(reason); \(advice)"
    case .wrongNumber(let what, let expected, let given):
      return
        "\(given == 0 ? "no" : grouped(given)) \(given == 1 ? Self.singular(what) : what) for \(counted(expected, "parameter")): give "
        + "one entry for each parameter, in the optimizer's order"
    case .wrongSize(let what, let parameter, let shape, let given):
      return "the \(what) of '\(quotable(parameter))': \(counted(given, "element")), but its shape "
        + "\(shape) takes \(grouped(shape.reduce(1, *)))"
    case .noParameter(let index, let count):
      return "there is no parameter with the index \(index); there are "
        + "\(counted(count, "parameter")), counted from 0"
    case .tooEarly(let method, let first):
      return "\(method) was called before \(first), which must come first"
    case .settings(let section, let errors):
      return errors.errors.map { $0.sentence(in: section) }.joined(separator: "\n")
    case .several(let errors): return errors.map(\.description).joined(separator: "\n")
    }
  }
}
