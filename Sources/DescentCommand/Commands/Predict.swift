import ArgumentParser
import Descent
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent predict`
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Use a trained model on a table or on images.",
    discussion: """
      The output is a table (CSV): the columns of the input, then `prediction`, and for classes the \
      probability of each, `probability_<class>`. It takes no more memory for larger files.

        descent predict runs/iris-1 --input flowers.csv --output answers.csv
        descent predict runs/mnist-1 --input images-idx3-ubyte.gz > answers.csv
        cut -d, -f1-4 flowers.csv | descent predict runs/iris-1 --input - --only-predictions

      Columns are found by their names where the run and the input have names, else by their places; \
      the column of answers may be there or not, and so may others. Images come as an IDX file, or as a \
      table with a pixel a column. For language models there are `descent sample` and `descent \
      evaluate`.
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run, or one of its checkpoints.", valueName: "run"),
    completion: .directory)
  var folder: String

  @Option(
    help: ArgumentHelp(
      "A table or images, plain or packed by gzip; - is standard input.", valueName: "file"),
    completion: .file())
  var input: String

  @Option(
    name: .customLong("output"),
    help: ArgumentHelp(
      "The table to write; - or none is standard output, as it comes.", valueName: "file"),
    completion: .file(extensions: ["csv"]))
  var outputFile = "-"

  @Flag(help: "Leave the columns of the input out.")
  var onlyPredictions = false

  func validate() throws {
    if outputFile.isEmpty { throw ValidationError("--output names no file") }
    if input.isEmpty { throw ValidationError("--input names no file") }
  }

  func run() throws {
    try reportingErrors {
      let use: OutputPaths.Use = ("--output", outputFile)
      try OutputPaths.check([use], readingLogs: [])
      try OutputPaths.check([use], keeping: [("the input", input == "-" ? nil : input)])
      var predictions = try Predictions(folder, input: input, keepsInput: !onlyPredictions)
      for reason in predictions.passedOver { writeError("Warning: \(reason)") }
      if outputFile == "-" {
        while let lines = try predictions.next() { StandardOutput.write(lines) }
        return
      }
      var file = try OutputFile(path: outputFile)
      var size = 0
      while let lines = try predictions.next() {
        try file.write(unsafe lines.span.bytes, at: size)
        size += lines.count
      }
      try file.commit()
      output("\(counted(predictions.count, "prediction")) in \(outputFile)")
    }
  }
}
