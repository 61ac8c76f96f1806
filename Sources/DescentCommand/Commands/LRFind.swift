import ArgumentParser
import Descent
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent lr-find`
struct LRFind: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lr-find",
    abstract: "Suggest a learning rate for a recipe.",
    discussion: """
      In a sweep the learning rate rises from step to step until the loss diverges; the recipe's own \
      schedule is left out. What four rules read off the curves of several seeds is a beginning. \
      Short trainings at some rates around it then decide, each with the whole schedule in fewer \
      steps; --quick leaves them out. Everything happens on copies.

        descent lr-find gpt
        descent lr-find gpt --set optimizer.name=lion --plot curve.svg
        descent lr-find mine.yaml --apply mine.yaml
      """)

  @OptionGroup var recipe: RecipeArguments

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The first rate of a sweep (default: the rule's own default / 10000; with --linear, --to / --steps).
      """, valueName: "lr"))
  var from: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The last rate of a sweep (default: 10000 times the rule's own default; with --linear, 20 times the \
      recipe's rate).
      """, valueName: "lr"))
  var to: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The optimizer steps of a sweep.", valueName: "n"))
  var steps = 200

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many sweeps, each with weights and data order of its own.", valueName: "n"))
  var seeds = 3

  @Flag(help: "Let the rate rise by equal amounts, not by equal factors.")
  var linear = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most steps of a short training; shorter runs are trained whole.", valueName: "n"))
  var probeSteps = 1500

  @Flag(help: "Sweep only: no short trainings around what the sweeps say.")
  var quick = false

  @Option(
    help: ArgumentHelp("Write the curves to a file, as SVG.", valueName: "file.svg"),
    completion: .file(extensions: ["svg"]))
  var plot: String?

  @OptionGroup var json: JSONFile

  @Option(
    help: ArgumentHelp(
      "Write the suggested rate into a recipe, and nothing else; a new file gets the whole recipe.",
      valueName: "file.yaml"),
    completion: .file(extensions: ["yaml"]))
  var apply: String?

  func validate() throws {
    if let plot, !plot.hasSuffix(".svg") {
      throw ValidationError("--plot \(plot) must name a file that ends in .svg")
    }
    if let apply, ![".yaml", ".yml"].contains(where: apply.hasSuffix) {
      throw ValidationError("--apply \(apply) must name a recipe, a file that ends in .yaml")
    }
  }

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    try reportingErrors {
      let (name, yaml) = try findRecipe(recipe.recipe)
      let recipe = try Recipe(yaml: yaml, overrides: recipe.changes.assignments)
      let target = try apply.map { try self.target($0, yaml, recipe) }
      try OutputPaths.check(
        [("--plot", plot), ("--json", json.path), ("--apply", apply)].map { (name: $0, path: $1) },
        keeping: apply == self.recipe.recipe ? [] : [("the recipe", recipeFile)])
      var options = RateFinder.Options()
      (options.from, options.to, options.steps, options.seeds) = (from, to, steps, seeds)
      (options.isLinear, options.isQuick, options.probeSteps) = (linear, quick, probeSteps)
      let found: RateFinder
      do {
        found = try RateFinder(recipe, options) { sentence in
          if !json.isStandardOutput { output(sentence) }
        } wantsToStop: {
          Interrupt.requested || StandardOutput.failure != nil
        }
      } catch is RateSearchInterrupted {
        writeError("interrupted: nothing was changed")
        throw ExitCode(ExitStatus.interrupted)
      }
      try report(found, name)
      if let apply, let target { try write(found, target, to: apply) }
    }
  }

  private func report(_ found: RateFinder, _ name: String) throws {
    let page = RateFinderPage.about(found, recipe: name)
    // What was found comes first: the disk may be full by now.
    if json.isStandardOutput {
      try json.write(page)
    } else {
      if found.ownRate == nil { output() }
      output(page)
    }
    if let plot, !found.curves.isEmpty {
      try OutputFile.write(RateFinderPage.figure(found, recipe: name).svg(), to: plot)
      if !json.isStandardOutput { output("curves written to \(plot)") }
    }
    if !json.isStandardOutput { try json.write(page) }
  }

  /// The text that `--apply` writes into: of the file, or where there is none of the recipe.
  private func target(_ file: String, _ yaml: String, _ recipe: Recipe) throws -> RecipeText {
    guard FileManager.default.fileExists(atPath: file) else {
      // What --set changed belongs to a new file, and its place in the text is not known.
      return RecipeText(self.recipe.changes.assignments.isEmpty ? yaml : recipe.yaml)
    }
    let text = try Recipe.text(of: file)
    let (there, here) = (try Recipe(yaml: text).plan.ruleName, recipe.plan.ruleName)
    guard there == here else {
      throw RecipeError(problems: [
        "\(file) trains with \(there), so a rate for \(here) does not belong there: give another file to "
          + "--apply, or leave out --set optimizer.name"
      ])
    }
    return RecipeText(text)
  }

  /// The file of the recipe; nil for a built-in one.
  private var recipeFile: String? {
    BuiltInRecipes.yaml(recipe.recipe) == nil ? recipe.recipe : nil
  }

  private func write(_ found: RateFinder, _ target: RecipeText, to file: String) throws {
    guard !found.changes.isEmpty else {
      writeError("Warning: no rate is suggested, so \(file) was left as it is")
      return
    }
    var text = target
    for change in found.changes { try text.set(change.key, to: change.text) }
    try OutputFile.write(byteOrderMark(of: file) + text.yaml, to: file)
    guard !json.isStandardOutput else { return }
    let list = found.changes.map { "\($0.key)=\($0.text)" }.joined(separator: ", ")
    output("\(list) written to \(file)")
  }
}
