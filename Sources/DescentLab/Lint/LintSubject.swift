import Descent
public import DescentTraining

/// What is linted, whatever file it came from.
public struct LintSubject: Sendable {
  /// The recipe as it is written; for the configuration of another tool its equivalent, with a
  /// placeholder for what the configuration does not say of model and data.
  public let recipe: Recipe
  /// The recipe with what follows from the length of the run filled in; the same where that is not
  /// known.
  public let fitted: Recipe
  /// What is known of the run besides.
  public let facts: LintFacts
  /// What the user wrote, as he wrote it, by the recipe's keys (`optimizer.lr`); what is missing here
  /// has the default.
  public let given: [String: String]
  /// The keys of the user's file by the recipe's keys, where they differ; also for keys that the user
  /// left out and his tool knows, so that fixes can be said in its words.
  public let names: [String: String]

  /// A subject.
  ///
  /// - Throws: what contradicts a run of so many steps.
  public init(
    _ recipe: Recipe, facts: LintFacts, given: [String: String], names: [String: String] = [:]
  ) throws(RecipeError) {
    (self.recipe, self.facts, self.given, self.names) = (recipe, facts, given, names)
    var fitted = recipe
    if let steps = facts.steps { try fitted.fit(steps: steps) }
    self.fitted = fitted
  }

  /// A recipe of Descent.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`.
  ///   - task: its model and data; nil where they cannot be made, so that less is known.
  /// - Throws: all that is wrong with the recipe.
  public init(
    yaml: String, overrides: [String] = [], task: (any TrainingTask)? = nil
  ) throws(RecipeError) {
    let recipe = try Recipe(yaml: yaml, overrides: overrides)
    try self.init(
      recipe, facts: LintFacts(recipe, task), given: Self.given(yaml: yaml, overrides: overrides))
  }

  /// The keys that a recipe and changes of it set, and their values as they were written.
  static func given(yaml: String, overrides: [String]) -> [String: String] {
    var given: [String: String] = [:]
    for (key, value) in Recipe.settings(of: yaml) ?? [] { given[key] = value }
    for text in overrides {
      guard let equals = text.firstIndex(of: "=") else { continue }
      given[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
    return given
  }

  // MARK: What the user calls things

  /// What the user's file calls a key of the recipe.
  func name(of key: String) -> String { names[key] ?? key }

  /// A key and its value as the user wrote them; `value` where he left it out.
  func place(_ key: String, _ value: String? = nil) -> String {
    let text = given[key] ?? value
    return name(of: key) + (text.map { "=\($0)" } ?? "")
  }
}
