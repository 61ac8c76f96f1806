import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

/// Sizes that no machine has are refused before anything is made.
@Suite("Sizes") struct SizeTests {
  private static let recipes = [
    "gpt": """
    {steps: 1, batch: 4, model: {kind: gpt, layers: 1, heads: 1, width: 8, context: 8},
    data: {kind: text}, optimizer: {name: adamw}}
    """,
    "mlp": """
    {steps: 1, model: {kind: mlp, hidden: [8, 8]}, data: {kind: digits}, optimizer: {name: sgd}}
    """,
    "cnn": """
    {steps: 1, model: {kind: cnn, channels: [2, 2]}, data: {kind: digits},
    optimizer: {name: lbfgs}}
    """,
  ]

  /// All settings that are whole numbers, in the sections that say how large a run is.
  private static let keys: [(recipe: String, key: String)] = recipes.keys.sorted().flatMap { name in
    guard let recipe = try? Recipe(yaml: recipes[name] ?? "") else { return [(name, "none")] }
    let sections: [(String, any Configurable)] = [
      ("", recipe.run), ("model.", recipe.model), ("data.", recipe.data),
      ("evaluate.", recipe.evaluate), ("checkpoint.", recipe.checkpoint),
      ("optimizer.", recipe.plan.rule),
    ]
    return sections.flatMap { section, settings in
      integers(settings).map { (name, section + $0) }
    }
  }

  private static func integers<T: Configurable>(_ settings: T) -> [String] {
    // All tests share the threads, of which there are 256 at most.
    T.settings.filter { $0.kind.contains("whole number") && $0.name != "threads" }.map(\.name)
  }

  /// Matrices as long as an axis, which no number of weights tells.
  @Test(
    "state with shapes of its own is refused before it is made",
    arguments: ["shampoo", "soap", "kfac", "shampoo-distributed"])
  func matrices(_ rule: String) throws {
    let yaml = try #require(Self.recipes["mlp"])
    func recipe(_ hidden: Int) throws -> Recipe {
      var changes = ["optimizer.name=\(rule)", "model.hidden=\(hidden)"]
      if rule == "shampoo-distributed" {
        changes.append("optimizer.max_preconditioner_dim=1000000")
      }
      if rule == "soap" { changes.append("optimizer.max_precond_dim=1000000") }
      return try Recipe(yaml: yaml, overrides: changes)
    }
    let small = try recipe(2000)
    let model = try small.makeTask().model
    try small.requireMemory(forOptimizerOf: model, 1 << 40)
    let refusal = #expect(throws: RecipeError.self) {
      try small.requireMemory(forOptimizerOf: model, 64 << 20)
    }
    #expect(refusal?.problems.first?.contains("for the state of \(rule)") == true)
    #expect(throws: RecipeError.self) { try Trainer(try recipe(300_000)) }
  }

  @Test("a history that a run may end before it fills is not refused") func history() throws {
    let recipe = try Recipe(
      yaml: try #require(Self.recipes["mlp"]),
      overrides: ["optimizer.name=lbfgs", "optimizer.history_size=1000000"])
    try recipe.requireMemory(forOptimizerOf: try recipe.makeTask().model, 64 << 20)
  }

  @Test("any whole number is answered at once", arguments: keys)
  func answered(_ recipe: String, _ key: String) throws {
    // A machine of 64 MB, so that the test needs no more.
    func answer(_ changes: [String]) throws {
      let recipe = try Recipe(yaml: try #require(Self.recipes[recipe]), overrides: changes)
      _ = try recipe.makeTask(memory: 64 << 20)
      _ = try Trainer(recipe).facts
    }
    let values = ["0", "1e5", "1e9", "1e12", "\(Int.max)"]
    for value in values {
      let list = key == "model.hidden" || key == "model.channels" ? [value, "8,\(value)"] : [value]
      for text in list {
        // Their sizes follow from others.
        let others =
          key == "model.width" ? [] : key == "model.heads" ? ["model.width=\(value)"] : []
        let start = ContinuousClock.now
        do {
          try answer(["\(key)=\(text)"] + others)
        } catch is RecipeError {} catch is DataError {} catch is ModelError {}
        #expect(start.duration(to: .now) < .seconds(5), "\(key)=\(text)")
      }
    }
  }

  @Test(
    "what would need too much says how much, and for what",
    arguments: [
      ("gpt", "model.width=1e9", "240 EB for the model"),
      ("gpt", "model.layers=1e11", " for the model"),
      ("gpt", "model.context=1e9", "GB for the model"),
      ("gpt", "batch=1e9", "a micro-batch (batch=1000000000"),
      ("gpt", "accumulate=1e10", "(batch=4, accumulate=10000000000)"),
      (
        "gpt", "evaluate.batches=1e15",
        "evaluate.batches=1000000000000000 asks for 256 PB of examples"
      ),
      ("mlp", "model.hidden=1e9,1e9", "for the model, its gradients"),
      ("mlp", "batch=1e9", " for the examples of a step (batch=1000000000, accumulate=1)"),
      ("cnn", "model.channels=2,1e9", "(model.channels=2,1000000000)"),
      (
        "cnn", "optimizer.history_size=1e9",
        "for the model, its gradients and the optimizer's state"
      ),
    ])
  func bytes(_ recipe: String, _ change: String, _ part: String) throws {
    let recipe = try Recipe(yaml: try #require(Self.recipes[recipe]), overrides: [change])
    let error = #expect(throws: RecipeError.self) { try recipe.makeTask(memory: 8 << 30) }
    let text = try #require(error).description
    #expect(text.contains(part) && text.contains("8.59 GB"), "\(text)")
  }

  @Test("a size is no more than the model is", arguments: ["gpt", "mlp", "cnn"])
  func isBound(_ name: String) throws {
    for changes in [[], ["batch=3", "accumulate=2"]] {
      let recipe = try Recipe(yaml: try #require(Self.recipes[name]), overrides: changes)
      let task = try recipe.makeTask()
      func check<Model: ModelKind, Data: DataKind>(_ model: Model, _ data: Data) throws {
        let dataset = try #require(try data.load(seed: UInt64(recipe.run.seed)) as? Model.Dataset)
        let size = try #require(model.size(for: dataset))
        #expect(Int(size.weights) == task.model.parameterCount)
        #expect(Int(size.tensors) == task.model.parameters.count)
      }
      try check(recipe.model, recipe.data)
    }
  }

  @Test("what a step keeps is no less than is counted", arguments: ["gpt", "mlp", "cnn"])
  func kept(_ name: String) throws {
    try withFolder { folder in
      let recipe = try Recipe(
        yaml: try #require(Self.recipes[name]), overrides: ["batch=64", "optimizer.name=sgd"])
      func least<Model: ModelKind, Data: DataKind>(_ model: Model, _ data: Data) throws -> Double {
        let dataset = try #require(try data.load(seed: UInt64(recipe.run.seed)) as? Model.Dataset)
        let size = try #require(model.size(for: dataset))
        return 4 * 64 * (size.kept + 2 * size.outputs)
      }
      let bytes = try least(recipe.model, recipe.data)
      // Tests that run at the same time take memory and give it back in between.
      let kept = try (1...5).map { attempt in
        let run = try RunDirectory(new: folder + "/\(attempt)", name: "test")
        return Double(try Trainer(recipe).run(in: run, observer: Watcher()).activationBytes)
      }
      #expect(kept.contains { bytes <= $0 && bytes > 0.2 * $0 }, "\(bytes) \(kept)")
    }
  }
}

@Suite("What is not finite") struct NotFiniteTests {
  /// The task of a recipe, with all weights replaced.
  private func task(_ yaml: String, _ weight: Float) throws -> any TrainingTask {
    let task = try Recipe(yaml: yaml).makeTask()
    for parameter in task.model.parameters {
      parameter.value = Tensor(repeating: weight, shape: parameter.value.shape)
    }
    return task
  }

  @Test("an evaluation of spoilt weights is NaN and all wrong", arguments: ["mlp", "cnn"])
  func evaluation(_ model: String) throws {
    let yaml = "{steps: 1, model: {kind: \(model)}, data: {kind: digits}, optimizer: {name: sgd}}"
    let found = try task(yaml, .nan).evaluate(batchSize: 32, batches: nil)
    #expect(found.loss.isNaN && found.accuracy == 0)
    let infinite = try task(yaml, .infinity).evaluate(batchSize: 32, batches: nil)
    #expect(!infinite.loss.isFinite && infinite.accuracy == 0)
  }

  @Test("a text is not continued by spoilt weights", arguments: [0, 0.8])
  func text(_ temperature: Double) throws {
    let yaml =
      "{steps: 1, model: {kind: gpt, context: 8}, data: {kind: text}, optimizer: {name: sgd}}"
    let task = try task(yaml, .nan)
    #expect(try task.evaluate(batchSize: 2, batches: 1).loss.isNaN)
    let model = try #require(task.model as? GPT)
    var random = RandomStream(seed: 0, stream: 0)
    #expect(throws: ModelError.notFinite) {
      try model.generate(
        [0], count: 3, sampling: Sampling(temperature: temperature), random: &random)
    }
    let batch = try task.batch(0, size: 2)
    #expect(batch.sampledLoss?(.inference, random).scalar.isNaN == true)
  }
}
