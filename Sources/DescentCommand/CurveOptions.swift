import ArgumentParser
import Descent
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// Which curve `descent schedule` shows, and how.
struct CurveOptions: ParsableArguments {
  @Option(
    help: "A built-in recipe or a YAML file: show its curves, in the steps of its run.",
    completion: .file(extensions: ["yaml"]))
  var recipe: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Set lr or a parameter of the schedule; with --recipe, a key of the recipe.",
      valueName: "key=value"))
  var assignments: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      T, the number of steps of the run (default: what the schedule or the recipe says, else 1000).
      """, valueName: "steps"))
  var total: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The steps to show, as in 0,1,2.", valueName: "steps"))
  var at: String?

  @Option(help: "With --recipe: the parameter group to show.")
  var group: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What a schedule that follows a metric sees, one value per step, as in 1,0.9,0.9.",
      valueName: "values"))
  var metric: String?

  @Option(
    help: ArgumentHelp("Write the curves to a file, as SVG.", valueName: "file.svg"),
    completion: .file(extensions: ["svg"]))
  var plot: String?

  /// Whether nothing but the name of a schedule is given.
  var areUnset: Bool {
    [recipe, at, metric, plot].allSatisfy { $0 == nil } && total == nil && assignments.isEmpty
  }

  /// Throws for options that do not go together or cannot be read.
  func check(_ name: String?) throws {
    let given = [
      ("--set", !assignments.isEmpty), ("--total", total != nil), ("--at", at != nil),
      ("--metric", metric != nil), ("--plot", plot != nil),
    ].first { $0.1 }?.0
    if name == nil, recipe == nil, let given {
      throw ValidationError("\(given) needs the name of a schedule")
    }
    if name != nil, recipe != nil { throw ValidationError("give a schedule or --recipe, not both") }
    if recipe == nil, group != nil { throw ValidationError("--group goes with --recipe") }
    if recipe != nil, metric != nil {
      throw ValidationError("--metric cannot be combined with --recipe")
    }
    if let plot, !plot.hasSuffix(".svg") {
      throw ValidationError("--plot \(plot) must name a file that ends in .svg")
    }
  }

  /// The curve of the schedule called `name`, or of the recipe.
  func curve(_ name: String?) throws -> ScheduleCurve {
    if let recipe {
      let (name, recipe) = try loadRecipe(recipe, assignments)
      return try ScheduleCurve(recipe, called: name, total: total, group: group)
    }
    let metric = try self.metric.map { list in
      try list.split(separator: ",").map { text in
        guard let value = Double(text.trimmingCharacters(in: .whitespaces)) else {
          throw RecipeError(problems: ["--metric \(quotable(String(text))) is not a number"])
        }
        return value
      }
    }
    return try ScheduleCurve(
      schedule: name ?? "", assignments.map { try splitAssignment($0) }, total: total,
      metric: metric)
  }

  /// The steps that `--at` asks for.
  func steps() throws -> [Int]? {
    try at.map { list in
      try list.split(separator: ",", omittingEmptySubsequences: false).map { item in
        guard let step = Int(item.trimmingCharacters(in: .whitespaces)),
          (0...ScheduleCurve.longest).contains(step)
        else {
          throw RecipeError(problems: ["--at \(quotable(list)) must be steps such as 0,1,1000"])
        }
        return step
      }
    }
  }

  /// Draws the curve where `--plot` asks for it.
  func draw(_ curve: ScheduleCurve) throws {
    guard let plot else { return }
    try OutputFile.write(curve.titledFigure.svg(), to: plot)
  }
}
