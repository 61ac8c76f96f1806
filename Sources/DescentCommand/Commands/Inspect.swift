import ArgumentParser
import DescentLab
import DescentTraining

/// `descent inspect`
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the tensors of a checkpoint or any safetensors file, and what has moved.",
    discussion: """
      For each tensor its type, shape, 2-norm, root mean square, extremes and share of zeros; NaN and \
      infinities are counted. A run is its newest checkpoint, compared with its oldest one, or where \
      there is one alone with the weights that its recipe begins with.

        descent inspect runs/gpt-1
        descent inspect model.safetensors --against runs/gpt-1
      """)

  @Argument(
    help: ArgumentHelp("A safetensors file, or the folder of a run.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var file: String

  @Option(
    help: ArgumentHelp("Compare it with this file or run.", valueName: "other"),
    completion: .file(extensions: ["safetensors"]))
  var against: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try reportingErrors {
      output(InspectionPage.about(try FileInspection(file, against: against)), json: json)
    }
  }
}
