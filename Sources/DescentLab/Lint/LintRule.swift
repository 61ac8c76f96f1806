import Descent

/// A check of recipes before they train: one file a rule in `Lint/Rules`, and its line in
/// ``Lint/rules``.
public protocol LintRule: Sendable {
  /// What the warnings are called: `decay_off`.
  static var name: String { get }
  /// What it finds, in a phrase: `decoupled weight decay that is off`.
  static var summary: String { get }
  /// Who says so: a paper, or the documentation of the reference implementation.
  static var source: String { get }
  /// What it finds in a recipe.
  static func check(_ subject: LintSubject) -> [LintWarning]
}

/// All rules.
public enum Lint {
  /// The rules, in the order in which their warnings are shown.
  public static let rules: [any LintRule.Type] = [
    AdafactorModes.self, ForeignRate.self, BatchScaling.self, NoWarmup.self, NoClipping.self,
    ProdigyClipping.self, ProdigyWarmup.self, ScheduleFreeSchedule.self, DecayOff.self,
    DecayOnVectors.self, CoupledDecay.self, SchedulePerEpoch.self, AccumulationTotals.self,
    WarmupTooLong.self, ScheduleEndsEarly.self, ScheduleEndsLate.self, RisingSchedule.self,
    SetAside.self, StuckWeights.self, CoarseState.self, Int8Embeddings.self, Int8Unused.self,
  ]

  /// What all rules find in a recipe.
  public static func warnings(_ subject: LintSubject) -> [LintWarning] {
    rules.flatMap { $0.check(subject) }
  }
}

extension LintRule {
  /// A warning of the rule.
  ///
  /// - Parameters:
  ///   - subject: what is linted.
  ///   - key: the recipe's key that the warning is about.
  ///   - value: its value, where the user has not written it.
  ///   - reason: a sentence, without a full stop.
  ///   - changes: what to change.
  ///   - advice: what else to say of that, or what to do where nothing can be written; a clause.
  ///   - source: who says so, where it is not the rule's own source.
  static func warning(
    in subject: LintSubject, at key: String, _ value: String? = nil, because reason: String,
    changes: [LintWarning.Change] = [], advice: String = "", source: String? = nil
  ) -> LintWarning {
    var warning = LintWarning(
      rule: name, place: subject.place(key, value), reason: reason, source: source ?? self.source,
      fix: subject.isForeign ? fix(changes, advice, in: subject) : LintWarning.fix(changes, advice),
      changes: subject.isForeign ? [] : changes)
    warning.isDefault = value != nil && subject.given[key] == nil
    return warning
  }

  /// What to do in another tool's words: only what it has a key for can be said in them.
  private static func fix(
    _ changes: [LintWarning.Change], _ advice: String, in subject: LintSubject
  ) -> String {
    var (said, other): ([String], [LintWarning.Change]) = ([], [])
    for change in changes {
      if let words = subject.spellings["\(change.key)=\(change.value ?? "none")"] {
        said.append(words)
      } else if let name = subject.spellings[change.key] ?? subject.names[change.key],
        change.key != "schedule.name"
      {
        said.append(change.value.map { "\(name)=\($0)" } ?? "leave out \(name)")
      } else {
        other.append(change)
      }
    }
    let equivalent = other.isEmpty ? "" : "in the equivalent recipe \(LintWarning.fix(other, ""))"
    let rest = [equivalent, advice].filter { !$0.isEmpty }.joined(separator: "; ")
    let words = said.joined(separator: ", ")
    return words.isEmpty ? rest : words + (rest.isEmpty ? "" : " (\(rest))")
  }
}

extension LintWarning {
  /// How many times something is as large, without an exponent.
  static func ratio(_ x: Double) -> String {
    (100..<1e15).contains(x) ? grouped(Int(x.rounded())) : short(x)
  }

  /// What to do, in words: the changes, `optimizer.lr=0.0002`, and advice behind them.
  static func fix(_ changes: [Change], _ advice: String) -> String {
    let set = changes.compactMap { change in change.value.map { "\(change.key)=\($0)" } }
    let left = changes.filter { $0.value == nil }.map(\.key)
    let written = set.joined(separator: " ")
    let steps =
      left.isEmpty
      ? written : "leave out \(listed(left))" + (set.isEmpty ? "" : " and set \(written)")
    if steps.isEmpty { return advice }
    return steps + (advice.isEmpty ? "" : " (\(advice))")
  }
}
