import ArgumentParser
import DescentTraining

/// What a new run begins with.
struct StartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Begin with the weights of a run, a checkpoint or a safetensors file.", valueName: "weights"),
    completion: .file(extensions: ["safetensors"]))
  var from: String?

  @Flag(
    help:
      "Of the weights that it begins with, take the tensors that match by name and shape, and say which do not."
  )
  var partial = false

  @Option(
    help: ArgumentHelp(
      """
      Begin with the state of a PyTorch optimizer, as Scripts/optimizer_state.py saves it.
      """, valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var optimizerState: String?

  /// Whether none is given.
  var areUnset: Bool { given.isEmpty }

  /// The options that are given.
  var given: String {
    [("--from", from != nil), ("--partial", partial), ("--optimizer-state", optimizerState != nil)]
      .filter(\.1).map(\.0).joined(separator: " and ")
  }

  /// Gives a new run its beginning; says what it was.
  func apply(to trainer: Trainer) throws -> [String] {
    var lines: [String] = []
    if partial, trainer.recipe.run.from == nil {
      throw RecipeError(problems: [
        "--partial goes with --from, or with a recipe that begins with weights (from)"
      ])
    }
    if let path = try trainer.recipe.beginning() {
      let (file, passedOver) = try FileInspection.find(path)
      for reason in passedOver { writeError("Warning: \(reason)") }
      let report = try trainer.begin(withWeightsOf: file, partially: partial)
      lines.append("weights of \(file): \(report)")
    }
    if let optimizerState {
      try trainer.begin(withPyTorchState: optimizerState)
      lines.append("optimizer state of \(optimizerState)")
    }
    return lines
  }
}
