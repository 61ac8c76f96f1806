import ArgumentParser
import Descent
import DescentLab
import DescentTraining
import Foundation

/// `descent convert-state`
struct ConvertState: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint with its optimizer state in another format.",
    discussion: """
      The formats are \(stateFormats), and those of PyTorch. Decoding is exact; encoding rounds once.

        descent convert-state runs/gpt-1 runs/gpt-1-int8 --to int8
        descent train --resume runs/gpt-1-int8

      writes a new run that goes on in the other format. An output that ends in .safetensors is a \
      single checkpoint, which can take its place among those of the run. Groups that set a format of \
      their own keep it.

        descent convert-state runs/gpt-1 state.safetensors --to pytorch

      writes what load() of Scripts/optimizer_state.py gives to an optimizer of torch.optim or \
      prodigyopt; with --to bitsandbytes, to one of bitsandbytes. The other direction is \
      `descent train --optimizer-state`.
      """)

  @Argument(
    help: ArgumentHelp("A run, or one of its checkpoints.", valueName: "run"),
    completion: .directory)
  var input: String

  @Argument(help: ArgumentHelp("What to write; nothing may be there yet.", valueName: "output"))
  var destination: String

  @Option(
    help: ArgumentHelp("\(stateFormats), pytorch or bitsandbytes.", valueName: "format"))
  var to: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Change what else decides about formats: optimizer.state_minimum, ...",
      valueName: "key=value"))
  var assignments: [String] = []

  private var format: StateStorage.Format? { StateStorage.Format(rawValue: to) }
  private var layout: PyTorchState.Layout? { PyTorchState.Layout(rawValue: to) }

  func validate() throws {
    if format == nil, layout == nil {
      throw ValidationError(
        "--to \(to) must be one of \(stateFormats), pytorch, bitsandbytes")
    }
    if layout != nil, !destination.hasSuffix(".safetensors") {
      throw ValidationError("with --to \(to) the output must end in .safetensors")
    }
    if layout != nil, !assignments.isEmpty {
      throw ValidationError("--set goes with the formats \(stateFormats)")
    }
    if let other = assignments.first(where: { $0.hasPrefix("optimizer.state=") }) {
      throw ValidationError("--set \(other) and --to say the same: leave out --set")
    }
    if destination.isEmpty || FileManager.default.fileExists(atPath: destination) {
      throw ValidationError(
        destination.isEmpty
          ? "the output needs a name" : "\(destination) exists; choose another output")
    }
  }

  func run() throws {
    try reportingErrors {
      let changes = format.map { ["optimizer.state=\($0.rawValue)"] + assignments } ?? []
      let conversion = try StateConversion(input, changes: changes)
      for reason in conversion.passedOver { writeError("Warning: \(reason)") }
      if let layout {
        try conversion.write(to: destination, layout: layout)
      } else {
        try conversion.write(to: destination)
      }
      output(ConversionPage.about(conversion, to: destination), isSpaced: false)
    }
  }
}
