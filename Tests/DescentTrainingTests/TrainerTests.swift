import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

/// Watches nothing; stops after a number of steps.
final class Watcher: TrainingObserver {
  var losses: [Double] = []
  var facts: RunFacts?
  let limit: Int
  init(stopAfter limit: Int = .max) { self.limit = limit }
  func started(_ facts: RunFacts) { self.facts = facts }
  func stepped(_ step: TrainingStep) { losses.append(step.record.loss) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { losses.count >= limit }
}

/// A folder that goes when the test ends.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}

// One after another: the number of threads is shared by all.
@Suite("Training", .serialized) struct TrainerTests {
  func train(
    _ recipe: String, _ changes: [String], in folder: String, stopAfter limit: Int = .max
  ) throws -> (result: TrainingResult, watcher: Watcher, run: RunDirectory) {
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml(recipe)), overrides: changes)
    let run = try RunDirectory(new: folder, name: "test")
    let watcher = Watcher(stopAfter: limit)
    return (try Trainer(recipe).run(in: run, observer: watcher), watcher, run)
  }

  let tinyGPT = [
    "steps=6", "model.layers=2", "model.heads=2", "model.width=32", "model.context=16",
    "schedule.warmup=2", "evaluate.every=3", "evaluate.batches=2", "checkpoint.every=2",
  ]

  @Test("the digits are learned") func learns() throws {
    try withFolder { folder in
      let (result, _, _) = try train("digits-mlp", ["epochs=10"], in: folder + "/run")
      #expect(try #require(result.evaluation?.accuracy) > 0.95)
    }
  }

  @Test("the run directory holds what the contract says") func runDirectory() throws {
    try withFolder { folder in
      let (result, watcher, run) = try train(
        "gpt", tinyGPT + ["checkpoint.keep=2"], in: folder + "/run")
      #expect(result.steps == 6 && !result.interrupted)
      let recipe = try Recipe(yaml: String(contentsOf: run.recipe, encoding: .utf8))
      #expect(recipe.run.steps == 6)
      let (lines, metrics) = (try run.lines(), try run.metrics())
      let steps = lines.filter { $0.contains("\"loss\"") }
      #expect(steps.count == 6)
      for key in ["step", "loss", "lr", "grad_norm", "clipped", "applied", "seconds"] {
        #expect(steps.allSatisfy { $0.contains("\"\(key)\": ") }, "\(key)")
      }
      #expect(metrics.steps.map(\.loss) == watcher.losses)
      #expect(metrics.evaluations.map(\.step) == [3, 6])
      #expect(
        run.checkpointFiles.map(\.lastPathComponent)
          == ["step-00000004.safetensors", "step-00000006.safetensors"])
      let text = try LanguageModel(run).sample(tokens: 20, temperature: 1, seed: 3)
      #expect(text.unicodeScalars.count == 20)
      #expect(try LanguageModel(run).sample(tokens: 20, temperature: 1, seed: 3) == text)
    }
  }

  @Test(
    "the first steps have the same bits for 1, 2 and 4 threads",
    arguments: [
      ("gpt", ["model.layers=2", "steps=3", "schedule.warmup=1", "evaluate.batches=1"]),
      ("digits-cnn", ["epochs=none", "steps=3", "schedule.warmup=1"]),
    ])
  func threads(_ recipe: String, _ changes: [String]) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    try withFolder { folder in
      let weights = try [1, 2, 4].map { threads in
        let (result, _, _) = try train(
          recipe, changes + ["threads=\(threads)"], in: "\(folder)/\(threads)")
        return try Data(contentsOf: URL(fileURLWithPath: result.checkpoint))
      }
      #expect(weights[0] == weights[1] && weights[0] == weights[2])
    }
  }

  @Test("accumulating micro-batches gives the gradient of one large batch") func accumulation()
    throws
  {
    try withFolder { folder in
      // Of 1,437 training digits, an epoch in batches of 479: the same examples either way.
      let common = ["epochs=none", "steps=1", "model.hidden=16", "schedule.name=constant"]
      let whole = try train("digits-mlp", common + ["batch=1437"], in: folder + "/a").watcher
      let parts = try train(
        "digits-mlp", common + ["batch=479", "accumulate=3"], in: folder + "/b"
      ).watcher
      #expect(abs(whole.losses[0] - parts.losses[0]) < 1e-6)
    }
  }

  @Test("a plateau is fed by each evaluation, and its memory is in the checkpoint") func plateau()
    throws
  {
    try withFolder { folder in
      // No metric is better by a thousand: the first evaluation is the best for ever.
      let (result, _, run) = try train(
        "digits-mlp",
        [
          "epochs=none", "steps=8", "evaluate.every=2", "model.hidden=8", "schedule.name=plateau",
          "schedule.patience=1", "schedule.factor=0.5", "schedule.threshold_mode=abs",
          "schedule.threshold=1000", "optimizer.lr=0.01",
        ], in: folder + "/run")
      #expect(
        try run.metrics().steps.map(\.learningRate)
          == [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005])
      let json = try #require(SafetensorsFile(path: result.checkpoint).metadata["schedules"])
      let states = try JSONDecoder().decode([[String: MetricState]].self, from: Data(json.utf8))
      #expect(states[0]["lr"]?.changes == [-1] && states[0]["lr"]?.bad == 1)
    }
  }

  @Test("an interrupted run leaves its weights") func interrupted() throws {
    try withFolder { folder in
      let (result, _, run) = try train("gpt", tinyGPT, in: folder + "/run", stopAfter: 3)
      #expect(result.interrupted && result.steps == 3)
      #expect(run.checkpointFiles.last?.lastPathComponent == "step-00000003.safetensors")
    }
  }

  @Test("an overflowing run stops, names the cause, and keeps the last good weights")
  func overflow() throws {
    try withFolder { folder in
      let changes = ["optimizer.name=sgd", "optimizer.lr=1e30", "schedule.name=constant"]
      let error = #expect(throws: RunError.self) {
        try train(
          "gpt", tinyGPT.filter { !$0.hasPrefix("schedule.") } + changes + ["clip.norm=none"],
          in: folder + "/run")
      }
      guard case .nonFinite(let step, let cause, let checkpoint) = try #require(error) else {
        Issue.record("\(error!)")
        return
      }
      #expect(step >= 2)
      #expect(cause.contains("the loss is") || cause.contains("the gradient of"))
      let weights = try Data(contentsOf: URL(fileURLWithPath: checkpoint))
      #expect(weights.count > 10_000)
      // What is on disk can be used.
      let text = try LanguageModel(RunDirectory(existing: folder + "/run"))
        .sample(tokens: 5, temperature: 0)
      #expect(text.unicodeScalars.count == 5)
    }
  }

  @Test(
    "the weights that the guard keeps, and the running statistics, are those of a whole checkpoint",
    arguments: [
      ("digits-cnn", ["schedule.gamma=1e38"], "the loss is"),
      // A finite loss does not speak for weights that ten steps have not followed.
      ("digits-cnn", ["schedule.gamma=1e19"], "the gradient of"),
      ("digits-cnn", ["schedule.gamma=1e38", "release_gradients=true"], "the loss is"),
      (
        "digits-cnn", ["schedule.gamma=1e38", "nonfinite=skip", "skip_limit=2"], "3 steps in a row"
      ),
      (
        "digits-mlp", ["schedule.gamma=1e38", "optimizer.groups=[{rank: 1, frozen: true}]"],
        "the loss is"
      ),
    ])
  func lastGood(_ recipe: String, _ changes: [String], _ part: String) throws {
    try withFolder { folder in
      // The 22nd step spoils the weights; of the copies, that after the tenth is older by ten steps.
      let step = 10
      let changes =
        [
          "epochs=none", "steps=30", "optimizer.name=sgd", "schedule.name=multistep",
          "schedule.milestones=21", "evaluate.batches=1", "clip.norm=none",
        ] + changes
      let error = #expect(throws: RunError.self) {
        try train(recipe, changes, in: folder + "/a")
      }
      guard case .nonFinite(_, let cause, let file) = try #require(error) else {
        Issue.record("\(error!)")
        return
      }
      #expect(cause.contains(part), "\(cause)")
      let whole = try train(recipe, changes, in: folder + "/b", stopAfter: step).result
      let (kept, expected) = (
        try SafetensorsFile(path: file), try SafetensorsFile(path: whole.checkpoint)
      )
      #expect(file.hasSuffix("step-000000\(step).safetensors"))
      #expect(kept.names.contains { $0.hasSuffix("running_var") } == (recipe == "digits-cnn"))
      for name in kept.names {
        #expect(try kept.bytes(of: name) == expected.bytes(of: name), "\(name)")
      }
    }
  }

  @Test(
    "weights that the last step ruined are not kept",
    arguments: [
      ("digits-mlp", ["optimizer.name=sgd", "optimizer.lr=1e38"]),
      ("digits-mlp", ["optimizer.name=adamw", "optimizer.eps=0"]),
      ("gpt", ["optimizer.name=adamw", "optimizer.lr=1e38"]),
    ])
  func ruined(_ recipe: String, _ changes: [String]) throws {
    try withFolder { folder in
      let short = recipe == "gpt" ? tinyGPT : ["epochs=none"]
      let constant = ["steps=1", "schedule.name=constant", "clip.norm=none", "evaluate.every=0"]
      let all = short.filter { !$0.contains("warmup") } + constant + changes
      let error = #expect(throws: RunError.self) { try train(recipe, all, in: folder + "/run") }
      guard case .nonFinite(1, let cause, let file) = try #require(error) else {
        Issue.record("\(error!)")
        return
      }
      #expect(cause.contains("the validation loss after it is nan"), "\(cause)")
      let kept = try SafetensorsFile(path: file)
      let run = try RunDirectory(existing: folder + "/run")
      #expect(run.checkpointFiles.map(\.lastPathComponent) == ["step-00000000.safetensors"])
      for name in kept.names {
        #expect(try kept.floats(of: name).allSatisfy(\.isFinite), "\(name)")
      }
    }
  }

  @Test(
    "a file that cannot be written is named",
    arguments: ["recipe.yaml", "metrics.jsonl", "tokenizer.json"])
  func unwritable(_ name: String) throws {
    try withFolder { folder in
      let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml("gpt")), overrides: tinyGPT)
      let run = try RunDirectory(new: folder + "/run", name: "test")
      // A folder stands where the file should be.
      try FileManager.default.createDirectory(
        atPath: "\(run.path)/\(name)/x", withIntermediateDirectories: true)
      let error = #expect(throws: RunError.self) {
        try Trainer(recipe).run(in: run, observer: Watcher())
      }
      #expect("\(error!)".contains("/run/\(name) cannot be written: "), "\(error!)")
    }
  }

  @Test(
    "bad data and models are refused before training",
    arguments: [
      ("gpt", ["data.path=/no/such/file"], "no file"),
      ("gpt", ["model.context=100000000"], "context"),
      ("gpt", ["model.heads=3"], "heads=3 does not divide width=128"),
      ("digits-cnn", ["model.channels=8,8,8,8,8"], "too small"),
      ("digits-mlp", ["optimizer.groups=[{match: typo, lr: 1}]"], "matches no parameter"),
      ("digits-mlp", ["optimizer.groups=[{rank: 1, lr: -1}]"], "lr=-1 is out of range"),
      ("digits-cnn", ["schedule.warmup=1000000"], "warmup=1000000 is longer than total"),
      (
        "gpt", ["schedule.name=plateau", "schedule.mode=max"],
        "which is not measured for model.kind=gpt; use mode=min"
      ),
      ("gpt", ["schedule.name=plateau", "evaluate.every=0"], "set evaluate.every"),
      ("gpt", ["schedules.amsgrad.name=linear"], "'amsgrad' of adamw cannot be scheduled"),
    ])
  func refused(_ recipe: String, _ changes: [String], _ part: String) throws {
    let error = #expect(throws: (any Error).self) {
      let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml(recipe)), overrides: changes)
      _ = try Trainer(recipe)
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test("a folder that holds something is not overwritten") func occupied() throws {
    try withFolder { folder in
      try "mine".write(toFile: folder + "/note", atomically: true, encoding: .utf8)
      #expect(throws: RunError.occupied(folder)) { try RunDirectory(new: folder, name: "x") }
      #expect(throws: RunError.cannotWrite(folder + "/note", "it is a file, not a folder")) {
        try RunDirectory(new: folder + "/note", name: "x")
      }
      #expect(throws: RunError.notARun(folder)) { try RunDirectory(existing: folder) }
    }
  }
}
