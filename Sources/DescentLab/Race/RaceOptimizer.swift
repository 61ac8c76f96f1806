import Descent
public import DescentTraining

/// An optimizer in a race: a rule with settings, and the text that names it in rows and verdicts.
public struct RaceOptimizer: Sendable, Equatable {
  /// What it is called: the text as it was given; where two are alike, `adamw` and `adamw #2`.
  public let label: String
  /// The name of its rule.
  public let rule: String
  /// What its text sets: `optimizer.lr=1e-5`.
  public let assignments: [String]

  /// The optimizers of a text such as `adamw,adamw(lr=1e-5,betas=0.9,0.95),prodigy`.
  ///
  /// A key without a dot is one of the section `optimizer`; one with a dot, or `schedule`, is any key of
  /// the recipe: `schedule-free-adamw(schedule=none)`.
  ///
  /// - Throws: a sentence for each that cannot be read.
  public static func list(_ text: String) throws(RecipeError) -> [RaceOptimizer] {
    try list(texts(text))
  }

  /// The texts of the optimizers in a text, as they were written.
  ///
  /// - Throws: that it cannot be read.
  public static func texts(_ text: String) throws(RecipeError) -> [String] {
    guard let pieces = SettingSection.split(text[...]), !pieces.isEmpty else {
      throw RecipeError(problems: [
        "--optimizers '\(quotable(text))' cannot be read: give names with commas between them, each "
          + "perhaps with settings, such as adamw,adamw(lr=1e-5),prodigy"
      ])
    }
    return pieces.map(String.init)
  }

  /// The optimizers of texts, one each.
  ///
  /// - Throws: a sentence for each that cannot be read.
  public static func list(_ texts: [String]) throws(RecipeError) -> [RaceOptimizer] {
    var (optimizers, problems): ([RaceOptimizer], [String]) = ([], [])
    for (place, text) in texts.enumerated() {
      guard let sections = SettingSection.list(text), sections.count == 1,
        let section = sections.first
      else {
        problems.append(
          text.isEmpty
            ? "--optimizers has nothing between two commas: give a name there, or take one out"
            : "--optimizers: '\(quotable(text))' cannot be read; settings are written "
              + "adamw(lr=1e-3,betas=[0.9,0.95])")
        continue
      }
      let alike = texts[..<place].count { $0 == text }
      let assignments = section.texts.map { name, value in
        name.contains(".") || name == "schedule" ? "\(name)=\(value)" : "optimizer.\(name)=\(value)"
      }
      problems += Self.problems(text, section, assignments)
      optimizers.append(
        RaceOptimizer(
          label: alike == 0 ? text : "\(text) #\(alike + 1)", rule: section.name,
          assignments: assignments))
    }
    if !problems.isEmpty {
      // One sentence for any number of commas.
      var seen: Set<String> = []
      throw RecipeError(problems: problems.filter { seen.insert($0).inserted })
    }
    return optimizers
  }

  /// What a text sets twice, or that belongs to its name.
  private static func problems(
    _ text: String, _ section: SettingSection, _ assignments: [String]
  ) -> [String] {
    let keys = assignments.map { String($0.prefix { $0 != "=" }) }
    if keys.contains("optimizer.name") {
      return [
        "--optimizers: '\(quotable(text))' names its rule twice: what stands before the parentheses is "
          + "the name"
      ]
    }
    var seen: Set<String> = []
    let twice = keys.filter { !seen.insert($0).inserted }
    return Set(twice).sorted().map {
      "--optimizers: '\(quotable(text))' sets \($0) twice: leave one out"
    }
  }

  /// Whether its text sets a key of the section `optimizer`.
  func fixes(_ setting: String) -> Bool {
    assignments.contains { $0.hasPrefix("optimizer.\(setting)=") }
  }

  /// What changes in a recipe so that this optimizer trains it.
  ///
  /// The recipe's own optimizer keeps all that the recipe says of it. Another begins with the defaults of
  /// its reference; weight decay stays the recipe's if both rules apply it in the same way, to the
  /// weights or to the gradient, since it belongs to the problem as much as to the rule.
  ///
  /// - Parameters:
  ///   - recipe: the recipe as it is.
  ///   - changes: what was changed in it for all, `key=value`.
  package func overrides(in recipe: Recipe, _ changes: [String]) -> [String] {
    var all = ["optimizer.name=\(rule)"]
    let isSet = changes.contains { $0.hasPrefix("optimizer.weight_decay=") }
    if rule != recipe.plan.ruleName, !isSet, !fixes("weight_decay"),
      let decay = recipe.plan.rule.resolved.first(where: { $0.name == "weight_decay" })?.value,
      let kind = SearchSpace.of(rule).decay,
      kind == SearchSpace.of(recipe.plan.ruleName).decay
    {
      all.append("optimizer.weight_decay=\(decay)")
    }
    return all + assignments
  }

  /// The recipe with this optimizer.
  ///
  /// - Throws: all that is wrong with it, each sentence beginning with the optimizer's text.
  func recipe(
    _ source: RacePlan.Source, _ base: Recipe, _ changes: [String], besides others: [String] = []
  ) throws(RecipeError) -> Recipe {
    do throws(RecipeError) {
      return try Recipe(
        yaml: source.yaml, overrides: changes + overrides(in: base, changes) + others)
    } catch { throw RecipeError(problems: error.problems.map { "\(label): \($0)" }) }
  }
}
