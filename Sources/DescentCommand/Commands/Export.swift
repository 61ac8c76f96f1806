import ArgumentParser
import DescentCompute
import DescentLab
import DescentTraining

/// `descent export`
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write what a run has learned for other tools.",
    discussion: """
      The newest weights of a run (averaged, where it averages) as a model that transformers loads, or \
      its adapters as PEFT's or kohya's:

        descent export runs/gpt-1 --format huggingface --out my-model
        descent export runs/lora-1 --format peft --out my-adapter
        descent export runs/lora-1 --format huggingface --merge --dtype bfloat16 --out my-model
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run, or one of its checkpoints.", valueName: "run"),
    completion: .directory)
  var folder: String

  @Option(
    help: ArgumentHelp(
      "huggingface: a whole model; peft or kohya: adapters alone.", valueName: "layout"))
  var format: RunExport.Layout

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("The folder to write, which must be empty or new.", valueName: "folder"))
  var target: String

  @Flag(help: "Add the adapters to the weights of the model.")
  var merge = false

  @Option(help: ArgumentHelp("The format of a whole model's weights.", valueName: "format"))
  var dtype = NumberFormat.float32

  func run() throws {
    try reportingErrors {
      let export = try RunExport(folder)
      for reason in export.passedOver { writeError("Warning: \(reason)") }
      let files = try export.write(to: target, format, merges: merge, format: dtype)
      output("\(target): \(files.joined(separator: ", "))\nfrom \(export.checkpoint)")
      if format == .huggingface, !files.contains("tokenizer.json") {
        output(
          "without tokenizer.json: the run's tokens are single bytes or characters, which other libraries "
            + "have no file for")
      }
    }
  }
}

extension RunExport.Layout: ExpressibleByArgument {}
extension NumberFormat: ExpressibleByArgument {}
