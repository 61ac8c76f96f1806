import Descent
import DescentCompute
import DescentNN
import Foundation

/// What a run has learned, in the layouts of other tools.
public struct RunExport {
  /// The layouts, by the names that the command line uses.
  public enum Layout: String, CaseIterable, Sendable {
    /// A whole model as transformers loads it: `config.json`, `model.safetensors`, `tokenizer.json`.
    case huggingface
    /// Adapters as PEFT loads them.
    case peft
    /// Adapters as kohya's scripts and what follows them load them.
    case kohya
  }

  /// The checkpoint whose weights are exported.
  public let checkpoint: String
  /// The steps done by then.
  public let step: Int
  /// Why newer checkpoints were passed over: one sentence each.
  public let passedOver: [String]
  private let run: TrainedRun
  private let model: any CausalLanguageModel
  private let tokenizer: Tokenizer

  /// Reads a run.
  ///
  /// - Parameter path: the run's folder, or one of its checkpoints.
  /// - Throws: ``RunError`` for a run without a language model; errors of reading.
  public init(_ path: String) throws {
    run = try TrainedRun(path)
    guard let kind = run.recipe.model as? any LanguageModelKind else {
      throw RunError.notUsable(
        run.directory.path, kind: type(of: run.recipe.model).name,
        advice: "'descent export' knows language models")
    }
    (checkpoint, step) = (run.checkpoint.file.relativePath, run.checkpoint.step)
    passedOver = run.passedOver
    (model, tokenizer) = try kind.trained(run.checkpoint, of: run.directory, run.recipe)
  }

  /// Writes the files.
  ///
  /// - Parameters:
  ///   - folder: where; it must be empty, or not there.
  ///   - merges: whether adapters are added to the weights of the model.
  ///   - format: the format of a whole model's weights.
  /// - Returns: what was written, a line each.
  /// - Throws: ``RecipeError`` for a layout that does not go with the run; errors of writing.
  public func write(
    to folder: String, _ layout: Layout, merges: Bool, format: NumberFormat = .float32
  ) throws -> [String] {
    try refuse(layout, merges)
    let target = try RunDirectory.emptyFolder(folder)
    switch layout {
    case .huggingface:
      if merges { try model.mergeAdapters() }
      let source = (run.recipe.model as? HuggingFaceModel)?.from.map { URL(fileURLWithPath: $0) }
      let text = try source.map {
        try TextFile.read($0.appendingPathComponent("config.json").relativePath, upTo: 1 << 24)
      }
      try PretrainedModel.save(model, to: target.relativePath, format: format, configuration: text)
      let copied = try copyTokenizer(from: source, to: target)
      return ["config.json", "model.safetensors"] + copied
    case .peft, .kohya:
      guard let adapter = run.recipe.adapter else { return [] }
      try model.saveAdapters(
        to: target.relativePath, layout == .peft ? .peft : .kohya, adapter.configuration,
        base: (run.recipe.model as? HuggingFaceModel)?.from)
      return layout == .peft
        ? ["adapter_config.json", "adapter_model.safetensors"] : ["adapter.safetensors"]
    }
  }

  private func refuse(_ layout: Layout, _ merges: Bool) throws(RecipeError) {
    let hasAdapters = run.recipe.adapter != nil
    let problem: String? =
      switch layout {
      case .huggingface where hasAdapters && !merges:
        "the run has trained adapters: --merge adds them to the model, --format peft writes them alone"
      case .huggingface where merges && !hasAdapters:
        "the run has no adapters to merge: leave out --merge"
      case .peft, .kohya:
        !hasAdapters
          ? "the run has no adapters: --format huggingface writes its model"
          : merges ? "--merge makes a whole model: it goes with --format huggingface" : nil
      default: nil
      }
    if let problem { throw RecipeError(problems: [problem]) }
  }

  /// Copies what belongs to the tokenizer: from the folder of the model, or from the run.
  private func copyTokenizer(from source: URL?, to folder: URL) throws -> [String] {
    let names = [
      "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
      "generation_config.json",
    ]
    var copied: [String] = []
    for name in names where name != "tokenizer.json" || tokenizer.kind != nil {
      guard let file = source?.appendingPathComponent(name),
        FileManager.default.fileExists(atPath: file.path)
      else { continue }
      try FileManager.default.copyItem(at: file, to: folder.appendingPathComponent(name))
      copied.append(name)
    }
    // A run with a tokenizer of a file has a copy of it.
    if !copied.contains("tokenizer.json"), tokenizer.kind == nil {
      try FileManager.default.copyItem(
        at: run.directory.tokenizer, to: folder.appendingPathComponent("tokenizer.json"))
      copied.append("tokenizer.json")
    }
    return copied
  }
}
