import ArgumentParser
import DescentTraining

/// A model that was not trained here, in the place of a run.
struct PretrainedOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A folder with a model in Hugging Face's layout, in the place of a run.", valueName: "folder"),
    completion: .directory)
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Its adapters: a folder in PEFT's layout, or a safetensors file in kohya's.",
      valueName: "path"),
    completion: .directory)
  var adapter: String?

  /// That there is a run or a model, and not both.
  func validate(run: String?) throws {
    if run == nil, model == nil {
      throw ValidationError("give the folder of a run, or --model and that of a model")
    }
    if run != nil, model != nil {
      throw ValidationError("give the folder of a run or --model, not both")
    }
    if adapter != nil, model == nil {
      throw ValidationError("--adapter goes with --model: a run has its own adapters")
    }
  }

  /// The model, where one is given.
  func languageModel() throws -> LanguageModel? {
    try model.map { try LanguageModel(folder: $0, adapter: adapter) }
  }
}
