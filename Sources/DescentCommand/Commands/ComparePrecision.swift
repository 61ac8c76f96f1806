import ArgumentParser
import DescentLab
import DescentTraining
import Foundation

/// `descent compare-precision`
struct ComparePrecision: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-precision",
    abstract: "Train a recipe in float32 and in 16 bits, and compare the losses.",
    discussion: """
      Both runs have the seed, the batches and the initial weights of the recipe. The second run has \
      the precision of the recipe, or bf16 where that is float32.

      Both runs are kept in one folder, with comparison.svg and comparison.jsonl beside them.

      For example:

        descent compare-precision gpt --set precision=bf16 --set weights.format=bf16
      """)

  @OptionGroup var recipe: RecipeArguments

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp(
      "The folder for both runs (default: runs/<recipe>-precision-<n>).", valueName: "folder"))
  var folder: String?

  @Flag(help: "Print nothing but errors and the result.")
  var quiet = false

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    StandardOutput.onlyAccompaniesWork()
    try reportingErrors {
      // A URL of nothing is the current folder.
      if folder == "" { throw RunError.noFolder }
      let (name, yaml) = try findRecipe(recipe.recipe)
      let url = URL(fileURLWithPath: folder ?? RunDirectory.freePath("\(name)-precision"))
      let comparison = try PrecisionComparison(
        yaml: yaml, called: name, overrides: recipe.changes.assignments, in: url
      ) { name in
        if !quiet { output("training in \(name)") }
        return Progress(quiet: quiet)
      }
      try comparison.write(to: url)
      if quiet { output(comparison.verdict) } else { output(comparison.page) }
      output("both runs and comparison.svg: \(url.relativePath)")
      if comparison.other.failure != nil { throw ExitCode(ExitStatus.nonFinite) }
      if Interrupt.requested { throw ExitCode(ExitStatus.interrupted) }
    }
  }
}
