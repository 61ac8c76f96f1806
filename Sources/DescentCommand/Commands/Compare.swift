import ArgumentParser
import DescentLab
import DescentTraining

/// `descent compare`
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare runs: what differs, how they ended, who led when.",
    discussion: """
      Reads what `descent report` reads.

        descent compare runs/gpt-1 runs/gpt-2
      """)

  @Argument(
    help: ArgumentHelp("Logs of runs, two or more.", valueName: "path"), completion: .file())
  var paths: [String]

  @OptionGroup var json: JSONFile

  func run() throws {
    try reportingErrors {
      try OutputPaths.check([("--json", json.path)], readingLogs: paths)
      let report = try Report.read(paths)
      guard report.runs.count > 1 else {
        throw RecipeError(problems: [
          "a comparison takes two runs or more; \(paths[0]) is one"
        ])
      }
      let page = report.comparison
      try json.write(page)
      if !json.isStandardOutput { output(page) }
    }
  }
}
