public import DescentTraining

/// A recipe whose warnings are mended in its text, comments and layout kept.
public struct LintFix {
  /// The text with all changes.
  public private(set) var yaml: String
  /// What was changed, `optimizer.lr=0.0002` or `left out optimizer.groups`, each with its rule.
  public private(set) var changes: [(change: String, rule: String)] = []
  /// Warnings that are left, and why: those that a person has to decide, and those whose change the
  /// text does not allow.
  public private(set) var left: [(warning: LintWarning, why: String)] = []

  /// Mends a recipe as far as that is safe: after each change it must be a recipe without the warning.
  ///
  /// - Throws: what is wrong with the recipe, where lint knows no way out.
  public init(yaml: String, called name: String) throws(RecipeError) {
    self.yaml = yaml
    var task: (any TrainingTask)?
    var tried: Set<String> = []
    func report(_ yaml: String) throws(RecipeError) -> LintReport {
      try LintReport(yaml: yaml, overrides: [], called: name, task: &task)
    }
    var current = try report(yaml)
    while let warning = current.warnings.first(where: {
      !$0.changes.isEmpty && !tried.contains("\($0.rule) \($0.place)")
    }) {
      tried.insert("\(warning.rule) \(warning.place)")
      do throws(RecipeError) {
        var text = RecipeText(self.yaml)
        for change in warning.changes {
          if let value = change.value {
            try text.set(change.key, to: value)
          } else {
            try text.remove(change.key)
          }
        }
        let after = try report(text.yaml)
        guard
          !after.warnings.contains(where: { $0.rule == warning.rule && $0.place == warning.place })
        else {
          left.append((warning, "the change does not help by itself"))
          continue
        }
        (self.yaml, current) = (text.yaml, after)
        changes += warning.changes.map { change in
          (change.value.map { "\(change.key)=\($0)" } ?? "left out \(change.key)", warning.rule)
        }
      } catch { left.append((warning, error.description)) }
    }
    for warning in current.warnings where warning.changes.isEmpty {
      left.append((warning, "a person has to decide: \(warning.fix)"))
    }
  }
}
