import Descent

/// Something in a recipe that can be trained, but rarely is what was meant.
public struct LintWarning: Sendable, Equatable {
  /// The rule that found it: `decay_off`.
  public let rule: String
  /// The key and its value, as the user wrote them: `optimizer.weight_decay=0`.
  public let place: String
  /// Why it is one, in a sentence with the figures of this recipe.
  public let reason: String
  /// Who says so: a paper, or the documentation of the reference implementation.
  public let source: String
  /// What to do: a change of the user's own keys, `optimizer.weight_decay=0.01`, or advice where a
  /// person has to decide.
  public let fix: String
  /// What `--fix` writes into the recipe, by the recipe's keys; empty where a person has to decide.
  public let changes: [Change]

  /// Whether the user has not written the key, so that the value is the default.
  package var isDefault = false
  /// The rule of warnings about what a tool refuses.
  static let refused = "refused"

  /// A new value of a key of the recipe.
  public struct Change: Sendable, Equatable {
    /// The key: `optimizer.weight_decay`, or `optimizer.groups[1].lr` for the first group.
    public let key: String
    /// The value as it is written; nil takes the key out.
    public let value: String?

    /// A change.
    public init(_ key: String, _ value: String?) { (self.key, self.value) = (key, value) }

    /// A number, written as it reads back.
    init(_ key: String, _ value: Double) { self.init(key, SettingValue.text(of: value)) }

    /// A whole number.
    init(_ key: String, _ value: Int) { self.init(key, "\(value)") }
  }

  /// A warning.
  public init(
    rule: String, place: String, reason: String, source: String, fix: String,
    changes: [Change] = []
  ) {
    (self.rule, self.place, self.reason, self.source) = (rule, place, reason, source)
    (self.fix, self.changes) = (fix, changes)
  }
}
