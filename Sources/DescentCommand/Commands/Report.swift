import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent report`
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a page about one run, or about several that it compares.",
    discussion: """
      A log is a run's folder, a folder of runs, or a file: metrics.jsonl, a CSV with named columns, \
      TensorBoard's event files, trainer_state.json of Hugging Face. The page is one file that needs \
      neither a network nor scripts.

        descent report runs/gpt-1
        descent report runs/gpt-1 runs/gpt-2 --out both.html
        descent report log.csv --svg figures
      """)

  @Argument(
    help: ArgumentHelp("Logs of runs.", valueName: "path"), completion: .file())
  var paths: [String]

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp(
      "The page (default: report.html in the folder of a single run, else here).",
      valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var page: String?

  @Option(
    help: ArgumentHelp("Write each figure into a folder, as SVG.", valueName: "folder"),
    completion: .directory)
  var svg: String?

  @OptionGroup var json: JSONFile

  func run() throws {
    try reportingErrors {
      let file = page ?? defaultPage
      try OutputPaths.check([("--out", file), ("--json", json.path)], readingLogs: paths)
      let report = try Report.read(paths)
      let document = report.page
      try OutputFile.write(document.html(), to: file)
      if let svg {
        try makeFolder(svg)
        for (name, figure) in report.figures {
          try OutputFile.write(figure.svg(), to: "\(svg)/\(name).svg")
        }
      }
      try json.write(document)
      guard !json.isStandardOutput else { return }
      output(report.summaryPage)
      output("page: \(file)")
      if let svg { output("figures: \(report.figures.isEmpty ? "none" : svg)") }
    }
  }

  /// Beside the metrics of a run directory, or here.
  private var defaultPage: String {
    guard paths.count == 1, let path = paths.first,
      FileManager.default.fileExists(atPath: path + "/recipe.yaml")
    else { return "report.html" }
    return URL(fileURLWithPath: path).appendingPathComponent("report.html").relativePath
  }
}
