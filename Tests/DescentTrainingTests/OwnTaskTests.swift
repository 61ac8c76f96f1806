import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

/// A rule that no recipe can name.
private struct SignSGD: ElementwiseRule {
  var learningRate = 1e-2
  init() {}
  static let name = "sign-sgd"
  static let settings: [Setting<SignSGD>] = [
    .number("lr", \.learningRate, .atLeast(0), "learning rate η", source: "paper")
  ]
  static let about = About(
    summary: "Steps of one length.", formula: "w ← w − η·sign(g)", reference: "")
  func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    for i in block.indices {
      let g = block.g[i]
      block.w[i] -= g > 0 ? S(learningRate) : g < 0 ? -S(learningRate) : 0
    }
  }
}

/// Two layers and dropout; nobody gives them names.
private final class Curve: Module {
  let first: Linear
  let second: Linear
  let dropout = Dropout(0.1)

  init(seed: UInt64) {
    var random = RandomStream(seed: seed)
    first = Linear(inputs: 1, outputs: 8, random: &random)
    second = Linear(inputs: 8, outputs: 1, random: &random)
  }

  var members: [Member] { [.module("first", first), .module("second", second)] }

  func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    second(dropout(first(x, context).tanh(), context), context)
  }
}

/// Points of a sine; those of numbers in `bad` cannot be read.
private struct Sine: Dataset {
  var count = 50
  var shift: Float = 0
  var bad: Set<Int> = []

  func examples(at numbers: [Int]) throws -> TensorPair {
    if let number = numbers.first(where: bad.contains) {
      throw DataError.unsuitable("point \(number) cannot be read")
    }
    let x = numbers.map { Float($0) / 10 - 2.5 + shift }
    return TensorPair(
      Tensor(shape: [x.count, 1], scalars: x),
      Tensor(shape: [x.count, 1], scalars: x.map { sin($0) }))
  }

  var fingerprint: String {
    var hash = Fingerprint()
    hash.add(shift.bitPattern)
    return hash.text
  }
}

@Suite("Tasks from outside the package") struct OwnTaskTests {
  private func task(
    seed: UInt64 = 1, _ data: Sine = Sine()
  ) throws -> LossTask<Curve, Sine> {
    try LossTask(
      Curve(seed: 3), training: data, validation: Sine(count: 20, shift: 0.05), seed: seed,
      unit: "points"
    ) { model, batch, context in
      (model(batch.inputs, context) - batch.targets).squared().mean()
    }
  }

  private func recipe(steps: Int = 60, _ plan: OptimizerPlan? = nil) -> Recipe {
    var recipe = Recipe(
      plan ?? OptimizerPlan(AdamW(learningRate: 0.02), schedules: [("lr", Cosine(warmup: 5))]),
      steps: steps, batch: 8)
    (recipe.checkpoint.every, recipe.evaluate.every) = (10, 10)
    return recipe
  }

  @Test("it learns, with all that a run has") func learns() throws {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "")
      let watcher = Watcher()
      let result = try Trainer(recipe(steps: 300), task: task()).run(in: run, observer: watcher)
      #expect(try #require(result.evaluation).loss < 0.2 * watcher.losses[0])
      #expect(watcher.facts?.unit == "points" && watcher.facts?.steps == 300)
      #expect(
        watcher.facts?.groups.contains { $0.parameters.contains { $0.name == "first.weight" } }
          == true)
      let yaml = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(
        yaml.contains("model:\n  kind: swift\n  type: Curve")
          && yaml.contains("kind: swift\noptimizer"))
      #expect(try Recipe(yaml: yaml).yaml == yaml)
      // The weights to use, in another model.
      let other = Curve(seed: 9)
      try other.load(from: run.path)
      #expect(
        other.first.weight.value
          == (try #require(try? Checkpoint(newestOf: run).floats(of: "first.weight")).tensor([8, 1]))
      )
    }
  }

  @Test(
    "a run that is stopped and resumed has the bits of one that was not",
    arguments: ["adamw", "sophia-h", "schedule-free-adamw", "lbfgs"])
  func resumes(_ rule: String) throws {
    try withFolder { folder in
      let (plan, problems) = OptimizerPlan.read(.init(["optimizer": [("name", rule)]], groups: nil))
      #expect(problems.isEmpty)
      var recipe = recipe(steps: 24, plan)
      recipe.average = rule == "adamw" ? ExponentialAverage() : nil
      recipe.run.accumulate = rule == "adamw" ? 2 : 1
      let found = try ResumeVerification(
        recipe, steps: 24, stop: 11, in: URL(fileURLWithPath: folder), task: { try task() }
      ) { _ in Watcher() }
      #expect(found.resumed.isEqual, "\(found.resumed)")
      #expect(!found.weightsOnly.isEqual)
    }
  }

  @Test("a program that is started again goes on, from wherever it was ended") func again() throws {
    try withFolder { folder in
      var ends: [Int] = []
      for limit in [0, 7, 30] {
        ends.append(
          try Trainer.train(
            recipe(steps: 20), task: task(), in: folder + "/run",
            observer: Watcher(stopAfter: limit)
          ).steps)
      }
      #expect(ends == [0, 7, 20])
      #expect(throws: RunError.finished(folder + "/run", steps: 20)) {
        try Trainer.train(recipe(steps: 20), task: task(), in: folder + "/run")
      }
      try FileManager.default.removeItem(
        atPath: folder + "/run/checkpoints/step-00000020.safetensors")
      for file in try RunDirectory(existing: folder + "/run").checkpointFiles {
        try FileManager.default.removeItem(at: file)
      }
      #expect(try Trainer.train(recipe(steps: 5), task: task(), in: folder + "/run").steps == 5)
    }
  }

  @Test("an accuracy is measured where the task says how") func accuracy() throws {
    try withFolder { folder in
      let data = ArrayDataset((0..<40).map { Float($0) / 20 - 1 })
      var random = RandomStream(seed: 1)
      let task = try LossTask(
        Linear(inputs: 1, outputs: 2, random: &random), training: data, validation: data, seed: 1,
        accuracy: { model, x, context in
          let answers = model(Tensor(shape: [x.count, 1], scalars: x), context).argmax()
          return Double(zip(answers.scalars, x).count { ($0 == 1) == ($1 > 0) }) / Double(x.count)
        }
      ) { model, x, context in
        model(Tensor(shape: [x.count, 1], scalars: x), context)
          .crossEntropy(IndexTensor(x.map { $0 > 0 ? 1 : 0 }))
      }
      let plan = OptimizerPlan(AdamW(learningRate: 0.1))
      let result = try Trainer.train(
        Recipe(plan, epochs: 20, batch: 8), task: task, in: folder + "/run")
      #expect(result.steps == 100 && result.evaluation?.accuracy ?? 0 > 0.9)
    }
  }

  @Test("data of the package are learned by a model and a loss of one's own") func digits() throws {
    guard case .classes(let split) = try DigitsData().load(seed: 1) else {
      Issue.record("digits have classes")
      return
    }
    try withFolder { folder in
      var random = RandomStream(seed: 1)
      let task = try LossTask(
        Linear(inputs: 64, outputs: 10, random: &random), training: split.training,
        validation: split.validation, seed: 1, unit: "images"
      ) { model, batch, context in
        let scores = model(batch.features.reshaped([-1, 64]), context).logSoftmax()
        return -scores.picked(batch.labels).mean()
      }
      let result = try Trainer.train(
        Recipe(OptimizerPlan(AdamW(learningRate: 0.01)), steps: 60), task: task, in: folder + "/run"
      )
      #expect(try #require(result.evaluation).loss < 1)
    }
  }

  @Test("a rule of one's own is resumed with the recipe as Swift has it") func ownRule() throws {
    try withFolder { folder in
      let recipe = recipe(steps: 20, OptimizerPlan(SignSGD()))
      let straight = try RunDirectory(new: folder + "/straight", name: "")
      try Trainer(recipe, task: task()).run(in: straight)
      let run = try RunDirectory(new: folder + "/run", name: "")
      try Trainer(recipe, task: task()).run(in: run, observer: Watcher(stopAfter: 7))
      let trainer = try Trainer(resuming: run, with: recipe, task: task())
      #expect(trainer.resumption?.step == 7 && trainer.resumption?.changes == [])
      try trainer.run(in: run)
      let files = [straight, run].map {
        $0.checkpoints.appendingPathComponent("step-00000020.safetensors")
      }
      #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]))

      var other = recipe
      other.run.batch = 4
      let refusal = #expect(throws: RecipeError.self) {
        try Trainer(resuming: run, with: other, task: task())
      }
      #expect(refusal?.description.contains("batch=4 contradicts the run") == true)
    }
  }

  @Test("it is refused where it is not the one of the run, or none is given") func refused() throws
  {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "")
      try Trainer(recipe(), task: task()).run(in: run, observer: Watcher(stopAfter: 3))
      let none = #expect(throws: RecipeError.self) { try Trainer(resuming: run) }
      #expect(
        none?.problems == [
          "the model and the data of this recipe are made by a program in Swift (kind: swift), and "
            + "only that program can train, resume and measure them, by Trainer(_:task:) and "
            + "Trainer(resuming:with:task:)"
        ])
      for task in [try task(seed: 2), try task(Sine(shift: 1))] {
        #expect(throws: RunError.self) { try Trainer(resuming: run, task: task) }
      }
      let longer = try Trainer(resuming: run, overrides: ["steps=5"], task: task())
      #expect(try longer.run(in: run).steps == 5)
    }
  }

  @Test("what is wrong with a recipe in Swift is said at once") func problems() throws {
    var recipe = recipe(steps: 0)
    recipe.run.batch = 0
    recipe.spike.factor = 2
    recipe.checkpoint.every = 0
    let error = #expect(throws: RecipeError.self) { try Trainer(recipe, task: task()) }
    let text = try #require(error).description
    for key in ["steps", "batch", "spike.factor"] { #expect(text.contains(key), "\(text)") }
    let drawn = #expect(throws: RecipeError.self) {
      try Trainer(self.recipe(OptimizerPlan(SophiaG())), task: task())
    }
    #expect(drawn?.description.contains("sampledLoss") == true)
  }

  @Test("data that cannot be read end the run, which can be resumed") func unreadable() throws {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "")
      let recipe = recipe(steps: 40)
      // A point of the fourth epoch, which is read again and again.
      let late = try #require(
        try BatchOrder(count: 50, batch: 8, seed: 1).examples(ofBatch: 23).first)
      var reads = 0
      let damaged = Damaged { number in
        reads += number == late ? 1 : 0
        return reads > 3
      }
      let task = try LossTask(
        Curve(seed: 3), training: damaged, validation: damaged, seed: 1, ahead: 0
      ) { model, batch, context in
        (model(batch.inputs, context) - batch.targets).squared().mean()
      }
      var quiet = recipe
      quiet.evaluate.every = 0
      #expect(throws: DataError.self) { try Trainer(quiet, task: task).run(in: run) }
      reads = .min
      let trainer = try Trainer(resuming: run, task: task)
      #expect(trainer.resumption?.step == 20)
      #expect(try trainer.run(in: run).steps == 40)
    }
  }
}

/// A sine of which `fails` says what cannot be read.
private final class Damaged: Dataset, @unchecked Sendable {
  // One thread asks.
  private let fails: (Int) -> Bool
  let count = 50
  init(_ fails: @escaping (Int) -> Bool) { self.fails = fails }
  func examples(at numbers: [Int]) throws -> TensorPair {
    var sine = Sine()
    sine.bad = Set(numbers.filter(fails))
    return try sine.examples(at: numbers)
  }
}

extension [Float] {
  fileprivate func tensor(_ shape: [Int]) -> Tensor { Tensor(shape: shape, scalars: self) }
}
