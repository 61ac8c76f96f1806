import ArgumentParser
import DescentLab
import DescentTraining
import Foundation

/// `descent compare-precision`
struct ComparePrecision: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare-precision",
    abstract: "Train a recipe in float32 and in 16 bits and compare the losses.",
    discussion: """
      Both runs have the seed, the batches and the initial weights of the recipe. The second has the \
      recipe's precision, or bf16 where that is float32: descent compare-precision gpt --set \
      precision=bf16 --set weights.format=bf16 --set weights.rounding=nearest

      Both runs are kept in a folder, with comparison.svg and comparison.jsonl beside them.
      """)

  @Argument(help: "A built-in recipe or a YAML file.", completion: .file(extensions: ["yaml"]))
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the recipe.", valueName: "key=value"))
  var assignments: [String] = []

  @Option(
    name: .customLong("out"),
    help: "The folder of both runs (default: runs/<recipe>-precision-<n>).")
  var folder: String?

  @Flag(help: "Print nothing but errors and the last line.")
  var quiet = false

  func run() throws {
    Interrupt.watch()
    try reportingErrors {
      let (name, yaml) = try Train.find(recipe)
      let url = URL(fileURLWithPath: folder ?? RunDirectory.freePath("\(name)-precision"))
      let comparison = try PrecisionComparison(yaml: yaml, overrides: assignments, in: url) {
        name in
        if !quiet { output("training in \(name)") }
        return Progress(quiet: quiet)
      }
      try comparison.write(to: url)
      if !quiet {
        output("\n" + comparison.table + "\n")
        output(comparison.figure.text(columns: 78, rows: 12))
      }
      output("\(comparison.verdict)\nboth runs and comparison.svg: \(url.relativePath)")
      if comparison.other.failure != nil { throw ExitCode(ExitStatus.nonFinite) }
      if Interrupt.requested { throw ExitCode(ExitStatus.interrupted) }
    }
  }
}
