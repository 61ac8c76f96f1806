import Descent
import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Safetensors
import Testing

/// Runs that begin with a model in Hugging Face's layout, and what becomes of them.
@Suite struct PretrainedRunTests {
  private let files = try! TemporaryFiles()

  init() throws {
    try write(seed: 1, to: "model")
    _ = try files.write(String(repeating: "abcd efgh ijkl. ", count: 200), to: "text.txt")
  }

  private func path(_ name: String) -> String { files.path(name) }

  /// A small Llama that knows bytes, in 16 bits.
  private func write(seed: UInt64, to name: String) throws {
    var attention = GroupedAttention.Configuration(width: 16, heads: 4, groups: 2, headSize: 4)
    attention.bias = true
    var configuration = Llama.Configuration(
      layers: 2, attention: attention, inner: 24, context: 32, vocabulary: 256,
      positions: RotaryPositions(headSize: 4))
    configuration.deviation = 0.2
    var random = RandomStream(seed: seed)
    try PretrainedModel.save(
      Llama(configuration, random: &random), to: path(name), format: .bfloat16)
  }

  private func recipe(_ more: String = "", adapter: String = "rank: 4") throws -> Recipe {
    let adapter = adapter.isEmpty ? "" : "adapter: {kind: lora, \(adapter)}"
    return try Recipe(
      yaml: """
        steps: 6
        batch: 2
        model: {kind: huggingface, from: \(path("model"))}
        data: {kind: text, path: \(path("text.txt")), tokenizer: byte, context: 16}
        \(adapter)
        optimizer: {name: adamw, lr: 1e-2}
        checkpoint: {every: 3}
        \(more)
        """)
  }

  private func train(_ recipe: Recipe, _ name: String) throws -> TrainingResult {
    try Trainer(recipe).run(in: RunDirectory(new: path(name), name: "run"))
  }

  private func loss(_ evaluation: RunEvaluation) throws -> Double {
    guard case .text(let text) = evaluation.report else {
      throw DataError.unsuitable("no text")
    }
    return text.loss
  }

  @Test(
    "checkpoints hold the adapters alone, and training resumes with the same bits",
    arguments: ["kaiming", "pissa"])
  func resume(_ start: String) throws {
    let recipe = try recipe(adapter: "rank: 4, init: \(start)")
    _ = try train(recipe, "whole")
    let whole = try SafetensorsFile(path: path("whole/checkpoints/step-00000006.safetensors"))
    let weights = whole.names.filter { $0.hasSuffix(".weight") && !$0.contains("/") }
    // PiSSA changes the weights that have adapters.
    let adapters = weights.filter { $0.contains("lora_") }
    #expect(adapters.count == 8)
    if start == "kaiming" { #expect(weights.count == 8) }
    let run = try RunDirectory(existing: path("whole"))
    try FileManager.default.removeItem(atPath: whole.path)
    try Trainer(resuming: run).run(in: run)
    let again = try SafetensorsFile(path: whole.path)
    for name in whole.names { #expect(try again.bytes(of: name) == whole.bytes(of: name)) }
  }

  @Test("what is exported gives the loss of the run", arguments: ["kaiming", "pissa"])
  func export(_ start: String) throws {
    let result = try train(recipe(adapter: "rank: 4, alpha: 8, init: \(start)"), "run")
    #expect(result.unlearned.isEmpty)
    let data = ["data.path=\(path("text.txt"))"]
    let own = try loss(RunEvaluation(path("run"), overrides: data))
    let untrained = try Trainer(recipe()).task.evaluate(batchSize: 2, batches: nil).loss
    #expect(own < untrained)
    let tokens = try Tokenizer.byte.encode(
      String(contentsOfFile: path("text.txt"), encoding: .utf8))
    for layout in RunExport.Layout.allCases {
      let merges = layout == .huggingface
      let target = path("exported-\(layout)")
      _ = try RunExport(path("run")).write(to: target, layout, merges: merges)
      let model = try PretrainedModel(merges ? target : path("model")).load(.mapped)
      if layout == .peft { try model.loadAdapters(from: target) }
      if layout == .kohya { try model.loadAdapters(from: target + "/adapter.safetensors") }
      let found = try TextEvaluation(of: model, on: TokenSequence(tokens), context: 16, batch: 4)
      #expect(abs(found.loss - own) < 1e-5)
    }
    // A layout that does not go with the run, and a folder that holds something.
    let export = try RunExport(path("run"))
    #expect(throws: RecipeError.self) {
      try export.write(to: path("new"), .huggingface, merges: false)
    }
    #expect(throws: RecipeError.self) { try export.write(to: path("new"), .peft, merges: true) }
    #expect(throws: RunError.self) {
      try export.write(to: path("exported-peft"), .peft, merges: false)
    }
  }

  @Test("a model that is trained whole needs no adapter") func whole() throws {
    _ = try train(recipe(adapter: ""), "run")
    let own = try loss(RunEvaluation(path("run"), overrides: ["data.path=\(path("text.txt"))"]))
    _ = try RunExport(path("run")).write(to: path("out"), .huggingface, merges: false)
    let model = try PretrainedModel(path("out")).load()
    let tokens = try Tokenizer.byte.encode(
      String(contentsOfFile: path("text.txt"), encoding: .utf8))
    let found = try TextEvaluation(of: model, on: TokenSequence(tokens), context: 16, batch: 4)
    #expect(abs(found.loss - own) < 1e-5)
    #expect(throws: RecipeError.self) {
      try RunExport(path("run")).write(to: path("new"), .huggingface, merges: true)
    }
  }

  @Test("other files in the place of the model are noticed") func otherModel() throws {
    _ = try train(recipe(), "run")
    try write(seed: 2, to: "model")
    let run = try RunDirectory(existing: path("run"))
    try FileManager.default.removeItem(
      atPath: path("run/checkpoints/step-00000006.safetensors"))
    #expect(throws: RunError.self) { try Trainer(resuming: run) }
    #expect(throws: RunError.self) { try LanguageModel(run) }
  }

  @Test("adapters that did not learn are named") func unlearned() throws {
    let result = try train(
      recipe("schedule: {name: constant}", adapter: "rank: 2, targets: q_proj"), "run")
    #expect(result.unlearned.isEmpty)
    var frozen = try recipe(adapter: "rank: 2, targets: [q_proj]")
    frozen.plan.rule = {
      var rule = AdamW()
      rule.learningRate = 0
      return rule
    }()
    #expect(
      try train(frozen, "other").unlearned
        == ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"])
  }

  @Test("only adapters have gradients and state") func frozen() throws {
    let trainer = try Trainer(recipe())
    #expect(trainer.facts.frozen > 0)
    let adapters = trainer.task.model.adapters.reduce(0) {
      $0 + $1.adapter.a.value.count + $1.adapter.b.value.count
    }
    #expect(trainer.facts.parameters - trainer.facts.frozen == adapters)
    #expect(trainer.facts.stateBytes == 8 * adapters)
  }

  @Test("what is wrong is said by name") func refusals() throws {
    func error(_ change: (inout String) -> Void, _ name: String = "config.json") throws -> any Error
    {
      let file = path("model/\(name)")
      let before = try String(contentsOfFile: file, encoding: .utf8)
      var text = before
      change(&text)
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      defer { try? before.write(toFile: file, atomically: true, encoding: .utf8) }
      do {
        _ = try Trainer(recipe())
        throw DataError.unsuitable("nothing was refused")
      } catch { return error }
    }
    let unknown = try error { $0 = $0.replacing("\"qwen2\"", with: "\"mamba\"") }
    #expect("\(unknown)".contains("mamba") && "\(unknown)".contains("llama, mistral"))
    let sizes = try error {
      $0 = $0.replacing("\"hidden_size\" : 16", with: "\"hidden_size\" : 20")
    }
    #expect(sizes is PretrainedError)
    #expect(try error { $0 = "{" } is PretrainedError)
    #expect(try error { $0 = $0.replacing("\"silu\"", with: "\"relu\"") } is PretrainedError)
    #expect(throws: RecipeError.self) { try Trainer(recipe(adapter: "rank: 4, targets: nothing")) }
    #expect(throws: RecipeError.self) { try recipe(adapter: "rank: 0") }
    #expect(throws: RecipeError.self) { try recipe(adapter: "rank: 4, targets: \"(\"") }
    #expect(throws: DataError.self) {
      var recipe = try recipe()
      var text = try #require(recipe.data as? TextData)
      text.context = 64
      recipe.data = text
      _ = try Trainer(recipe)
    }
    try FileManager.default.removeItem(atPath: path("model/model.safetensors"))
    let missing = #expect(throws: PretrainedError.self) { try Trainer(recipe()) }
    #expect(missing?.isMissingFile == true)
  }
}
