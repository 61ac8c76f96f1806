import Descent
import DescentCompute
import DescentNN
import Foundation
import Safetensors
import Testing

/// Adapters against PEFT, which made the files, computed the logits and trained the matrices.
@Suite struct AdapterTests {
  static let folder = Bundle.module.url(
    forResource: "lora", withExtension: nil, subdirectory: "Vectors")!
  static let cases = [
    (name: "llama", base: "llama"), ("llama-all", "llama"), ("qwen3-pattern", "qwen3"),
    ("gpt2", "gpt2"),
  ]

  static func model(
    _ base: String, _ storage: PretrainedModel.Storage = .mapped
  ) throws -> any CausalLanguageModel {
    try PretrainedModel(PretrainedTests.folder.appendingPathComponent(base).path).load(storage)
  }

  private static func expected(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(path: folder.appendingPathComponent("\(name)/expected.safetensors").path)
  }

  private static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  }

  @Test(
    "an adapter of PEFT gives PEFT's logits, and so it does when written and read again",
    arguments: cases)
  func files(name: String, base: String) throws {
    let ids = try PretrainedTests.expected(base).indices("tokens")
    let logits = try Self.expected(name).tensor("logits")
    let model = try Self.model(base)
    let configuration = try model.loadAdapters(from: Self.folder.appendingPathComponent(name).path)
    #expect(PretrainedTests.difference(model(ids, .inference), logits) < 1e-5)
    for layout in AdapterLayout.allCases {
      // Kept where somebody names a folder, for `References/lora.py check`.
      let kept = ProcessInfo.processInfo.environment["DESCENT_ADAPTERS_OUT"]
      let folder =
        layout == .peft ? kept.map { "\($0)/\(name)" } ?? Self.temporary() : Self.temporary()
      defer { if kept == nil { try? FileManager.default.removeItem(atPath: folder) } }
      try model.saveAdapters(to: folder, layout, configuration)
      let other = try Self.model(base)
      try other.loadAdapters(from: layout == .peft ? folder : folder + "/adapter.safetensors")
      #expect(other.adapters.count == model.adapters.count)
      #expect(PretrainedTests.difference(other(ids, .inference), logits) < 1e-5)
    }
    // Merged, and taken out again.
    let adapters = model.adapters
    try model.mergeAdapters()
    #expect(model.adapters.isEmpty)
    #expect(PretrainedTests.difference(model(ids, .inference), logits) < 1e-5)
    model.unmergeAdapters(adapters)
    #expect(PretrainedTests.difference(model(ids, .inference), logits) < 1e-5)
  }

  @Test("20 steps of AdamW follow torch's", arguments: cases)
  func training(name: String, base: String) throws {
    let expected = try Self.expected(name)
    let ids = try PretrainedTests.expected(base).indices("tokens")
    let model = try Self.model(base)
    try model.loadAdapters(from: Self.folder.appendingPathComponent(name).path)
    let parameters = model.parameters
    var rule = AdamW()
    rule.learningRate = Double(try expected.tensor("lr").scalar)
    var plan = OptimizerPlan(rule)
    plan.groups = []
    let optimizer = try Optimizer<Float>(plan, model: model)
    for loss in try expected.floats(of: "losses") {
      let tape = Tape()
      let found = PretrainedTests.loss(model(ids, tape.context()), ids)
      #expect(abs(found.scalar - loss) < 1e-4 * loss)
      tape.gradients(of: found)
      #expect(parameters.allSatisfy { $0.isTrainable == ($0.gradient != nil) })
      _ = try optimizer.step(parameters)
    }
    let prefix = base == "gpt2" ? "base_model.model.transformer." : "base_model.model."
    var compared = 0
    for (name, parameter) in model.namedParameters where parameter.isTrainable {
      let reference = try expected.tensor("after/" + prefix + name)
      #expect(PretrainedTests.difference(parameter.value, reference) < 1e-4, "\(name)")
      compared += 1
    }
    #expect(compared == expected.names.count { $0.hasPrefix("after/") })
  }

  @Test(
    "targets are those of PEFT",
    arguments: [
      ("q_proj,v_proj", 4), ("all-linear", 14), (#".*\.1\.self_attn\.(q|k)_proj"#, 2),
      ("model.layers.0.mlp.up_proj", 1), ("down_proj", 2), ("lm_head", 1),
    ])
  func targets(_ text: String, count: Int) throws {
    let model = try Self.model("llama")
    var configuration = LoRA.Configuration()
    configuration.targets = AdapterTargets(text)
    var random = RandomStream(seed: 1)
    try model.addAdapters(configuration, random: &random)
    #expect(model.adapters.count == count)
    #expect(model.parameters.count { $0.isTrainable } == 2 * count)
  }

  @Test(
    "a new adapter changes nothing, or what its beginning says",
    arguments: LoRA.Initialization.allCases)
  func beginnings(_ initialization: LoRA.Initialization) throws {
    let ids = try PretrainedTests.expected("llama").indices("tokens")
    let model = try Self.model("llama")
    let logits = model(ids, .inference)
    var configuration = LoRA.Configuration()
    (configuration.rank, configuration.alpha) = (6, 3)
    configuration.initialization = initialization
    var random = RandomStream(seed: 1)
    try model.addAdapters(configuration, random: &random)
    let change = PretrainedTests.difference(model(ids, .inference), logits)
    let adapted = model.adapters[0]
    #expect(adapted.adapter.a.value.shape == [6, 16] && adapted.adapter.b.value.shape == [16, 6])
    switch initialization {
    case .kaiming, .normal: #expect(change == 0 && adapted.adapter.isZero)
    case .orthogonal:
      // The rows of an orthogonal matrix between them make B·A vanish.
      #expect(change < 1e-5 && !adapted.adapter.isZero)
    case .pissa:
      #expect(change < 1e-5)
      // What is left has no larger singular value than what was taken.
      let taken = adapted.adapter.difference
      let rest = adapted.layer.weight.value
      let original = try Self.model("llama").namedParameters.first {
        $0.name == adapted.name + ".weight"
      }
      let weight = try #require(original).parameter.value
      #expect(PretrainedTests.difference(taken + rest, weight) < 1e-5)
      #expect(taken.product(rest, transposed: true).scalars.allSatisfy { abs($0) < 1e-3 })
      let folder = Self.temporary()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try model.saveAdapters(to: folder, .peft, configuration)
      let other = try Self.model("llama")
      try other.loadAdapters(from: folder)
      #expect(PretrainedTests.difference(other(ids, .inference), logits) < 1e-5)
    }
  }

  @Test("what does not fit is refused by name") func refusals() throws {
    let model = try Self.model("llama")
    var random = RandomStream(seed: 1)
    func add(_ change: (inout LoRA.Configuration) -> Void) throws {
      var configuration = LoRA.Configuration()
      change(&configuration)
      try model.addAdapters(configuration, random: &random)
    }
    #expect(throws: AdapterError.self) { try add { $0.targets = AdapterTargets("query") } }
    #expect(throws: AdapterError.self) {
      try add { ($0.initialization, $0.rank) = (.orthogonal, 3) }
    }
    #expect(throws: AdapterError.self) { try add { ($0.initialization, $0.rank) = (.pissa, 9) } }
    #expect(AdapterTargets("(q_proj") == nil && AdapterTargets("") == nil)
    // The adapter of another model.
    for other in ["gpt2", "qwen3-pattern"] {
      let path = Self.folder.appendingPathComponent(other).path
      let error = #expect(throws: AdapterError.self) { try model.loadAdapters(from: path) }
      guard case .otherModel = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(model.adapters.isEmpty)
    let missing = #expect(throws: AdapterError.self) { try model.loadAdapters(from: "/nowhere") }
    #expect(missing?.isMissingFile == true)
  }
}
