import Descent
public import DescentTraining

/// What lint found in a recipe.
public struct LintReport: Sendable {
  /// What the user calls the recipe.
  public let name: String
  /// The warnings, the most important first.
  public let warnings: [LintWarning]
  /// Why a run cannot begin with the recipe as it is, where warnings say how to mend it.
  public let refusal: RecipeError?
  /// What could not be looked at: `the data could not be read`.
  public let remark: String?

  /// Lints a recipe.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`.
  ///   - name: what the reader calls it.
  /// - Throws: what is wrong with the recipe, where lint knows no way out.
  public init(
    yaml: String, overrides: [String] = [], called name: String
  ) throws(RecipeError) {
    var task: (any TrainingTask)?
    self = try LintReport(yaml: yaml, overrides: overrides, called: name, task: &task)
  }

  /// Lints the configuration of another tool, in its words.
  ///
  /// - Throws: what contradicts the length of the run.
  public init(_ configuration: ForeignConfiguration, called name: String) throws(RecipeError) {
    self.name = name
    warnings = configuration.warnings + Lint.warnings(try configuration.subject())
    (refusal, remark) = (nil, nil)
  }

  /// Lints a recipe, with the model and data of one that differs in other things.
  ///
  /// - Parameter task: those; made and put here where there are none.
  init(
    yaml: String, overrides: [String], called name: String, task: inout (any TrainingTask)?
  ) throws(RecipeError) {
    var read = try LintRepair.read(yaml, overrides)
    var remark: String?
    if task == nil {
      do {
        task = try read.recipe.makeTask()
      } catch {
        remark =
          "model and data could not be made, so less was checked: \(String(describing: error))"
      }
    }
    // Epochs may be more steps than a run can have.
    if let task {
      let steps = try read.recipe.steps(of: task)
      // What contradicts a length that only the data say.
      if read.recipe.run.steps == nil {
        read = try LintRepair.read(yaml, overrides, steps: steps)
      }
    }
    let (recipe, repaired, mended, refusal) = read
    let subject = try LintSubject(
      recipe, facts: LintFacts(recipe, task),
      given: try Recipe.written(yaml: yaml, overrides: mended))
    let others = Lint.warnings(subject).filter { warning in
      !repaired.contains { $0.rule == warning.rule }
    }
    (self.name, warnings, self.remark) = (name, repaired + others, remark)
    self.refusal = refusal
  }

  /// The warnings about a run that is about to begin.
  public static func warnings(
    of recipe: Recipe, task: any TrainingTask, given: [String: String] = [:]
  ) -> [LintWarning] {
    // The trainer has made the same already.
    guard let subject = try? LintSubject(recipe, facts: LintFacts(recipe, task), given: given)
    else { return [] }
    return Lint.warnings(subject)
  }
}
