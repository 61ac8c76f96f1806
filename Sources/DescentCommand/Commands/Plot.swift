import ArgumentParser
import Descent
import DescentLab
import DescentTraining
import Foundation

/// `descent plot`
struct Plot: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw metrics of runs in the terminal.",
    discussion: """
      Reads what `descent report` reads. A name that several things have, such as update_ratio of each \
      tensor, shows them all.

        descent plot runs/gpt-1
        descent plot runs/gpt-1 runs/gpt-2 --show loss,val_loss,lr
      """)

  @Argument(
    help: ArgumentHelp("Logs of runs.", valueName: "path"), completion: .file())
  var paths: [String]

  @Option(
    help: ArgumentHelp(
      "The metrics to draw (default: the loss and the learning rate).", valueName: "names"))
  var show: String?

  @Option(help: ArgumentHelp("Lines of each chart.", valueName: "lines"))
  var height = 12

  func validate() throws {
    if !(3...200).contains(height) { throw ValidationError("--height must be from 3 to 200") }
  }

  func run() throws {
    try reportingErrors {
      let charts = RunCharts(try Report.read(paths))
      let known = charts.names
      guard !known.isEmpty else {
        throw DataError.unsuitable("\(paths.joined(separator: ", ")): there are no numbers to draw")
      }
      let names =
        show.map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
        ?? ["loss", "val_loss", "lr"].filter(known.contains)
      let all = names.isEmpty ? Array(known.prefix(3)) : names
      let drawn = try all.map { name in
        guard let chart = charts.chart(name) else {
          let more = known.count > 30 ? " and \(known.count - 30) more" : ""
          throw RecipeError(problems: [
            "the logs have no \(quotable(name)); they have "
              + known.prefix(30).joined(separator: ", ") + more
          ])
        }
        return chart
      }
      output(
        Figure(drawn).text(
          columns: Terminal.width ?? 78, rows: height, colored: Terminal.isColored),
        terminator: "")
    }
  }
}
