import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

/// Small recipes to stop and resume.
enum ResumeRecipe {
  static let gpt = [
    "steps=12", "model.layers=1", "model.heads=2", "model.width=32", "model.context=16",
    "model.dropout=0.2", "schedule.warmup=2", "evaluate.every=2", "evaluate.batches=2",
  ]
  static let digits = [
    "epochs=none", "steps=12", "schedule.warmup=2", "evaluate.every=3", "evaluate.batches=1",
  ]
}

extension TrainerTests {
  private func resume(
    _ folder: String, _ changes: [String] = [], stopAfter limit: Int = .max
  ) throws -> (result: TrainingResult, trainer: Trainer) {
    let run = try RunDirectory(existing: folder)
    let trainer = try Trainer(resuming: run, overrides: changes)
    return (try trainer.run(in: run, observer: Watcher(stopAfter: limit)), trainer)
  }

  /// The metrics but the time they took.
  func metrics(_ folder: String) throws -> [String] {
    try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try String($0).withoutTimes() }
  }

  private func checkpoint(_ folder: String, _ step: Int) -> String {
    folder + "/checkpoints/step-\(String(format: "%08d", step)).safetensors"
  }

  /// Every tensor's bytes, and the metadata.
  private func contents(_ path: String) throws -> ([String: [UInt8]], [String: String]) {
    let file = try SafetensorsFile(path: path)
    let tensors = try file.names.map { ($0, try file.bytes(of: $0)) }
    return (Dictionary(uniqueKeysWithValues: tensors), file.metadata)
  }

  @Test("after a crash the metrics continue from the newest checkpoint; keep counts as ever")
  func crashed() throws {
    try withFolder { folder in
      let changes = ResumeRecipe.gpt + ["checkpoint.every=3", "checkpoint.keep=2"]
      _ = try train("gpt", changes, in: folder + "/whole")
      let parts = folder + "/parts"
      _ = try train("gpt", changes, in: parts, stopAfter: 8)
      // As if the process had died in step 8, in the middle of a line and of a checkpoint.
      let log = try String(contentsOfFile: parts + "/metrics.jsonl", encoding: .utf8)
      try (log + "{\"step\": 9, \"lo").write(
        toFile: parts + "/metrics.jsonl", atomically: true, encoding: .utf8)
      try Data(count: 100).write(to: URL(fileURLWithPath: checkpoint(parts, 8)))
      let (_, trainer) = try resume(parts)
      let resumption = try #require(trainer.resumption)
      #expect(resumption.step == 6 && resumption.passedOver.count == 1)
      #expect(resumption.passedOver[0].reason.contains("step-00000008"))
      #expect(try metrics(folder + "/whole") == metrics(parts))
      let names = try RunDirectory(existing: parts).checkpointFiles.map(\.lastPathComponent)
      #expect(names == ["step-00000009.safetensors", "step-00000012.safetensors"])
      #expect(
        try contents(checkpoint(parts, 12)).0 == contents(checkpoint(folder + "/whole", 12)).0)
    }
  }

  /// Stops after steps that were skipped.
  private final class SkipWatcher: TrainingObserver {
    var skips = 0
    let limit: Int
    init(stopAfter limit: Int) { self.limit = limit }
    func started(_ facts: RunFacts) {}
    func stepped(_ step: TrainingStep) {}
    func evaluated(_ evaluation: Evaluation, after step: Int) {}
    func skipped(_ step: SkippedStep) { skips += 1 }
    var wantsToStop: Bool { skips >= limit }
  }

  @Test("a run that stops among skipped steps keeps their lines and their batches") func skipped()
    throws
  {
    try withFolder { folder in
      let changes = ResumeRecipe.gpt + ["precision=fp16", "loss_scale.init_scale=1e9"]
      _ = try train("gpt", changes, in: folder + "/whole")
      let yaml = try #require(BuiltInRecipes.yaml("gpt"))
      let run = try RunDirectory(new: folder + "/parts", name: "test")
      let result = try Trainer(Recipe(yaml: yaml, overrides: changes))
        .run(in: run, observer: SkipWatcher(stopAfter: 3))
      #expect(result.interrupted && result.steps == 0 && result.skipped == 3)
      _ = try resume(folder + "/parts")
      #expect(try metrics(folder + "/whole") == metrics(folder + "/parts"))
      #expect(
        try contents(checkpoint(folder + "/whole", 12)).0
          == contents(checkpoint(folder + "/parts", 12)).0)
    }
  }

  @Test("a run is resumed for longer; what changed is listed") func longer() throws {
    try withFolder { folder in
      let changes = ResumeRecipe.gpt + ["schedule.total=20"]
      _ = try train("gpt", changes + ["steps=20"], in: folder + "/whole")
      _ = try train("gpt", changes, in: folder + "/parts")
      let (result, trainer) = try resume(folder + "/parts", ["steps=20"])
      #expect(result.steps == 20 && trainer.resumption?.changes == ["steps: 12 → 20"])
      #expect(
        try contents(checkpoint(folder + "/whole", 20)).0
          == contents(checkpoint(folder + "/parts", 20)).0)
      let recipe = try Recipe(
        yaml: String(contentsOfFile: folder + "/parts/recipe.yaml", encoding: .utf8))
      #expect(recipe.run.steps == 20)
    }
  }

  @Test("what changed in the file of the recipe is listed as well, and refused where it must be")
  func edited() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", ResumeRecipe.gpt, in: run)
      let file = URL(fileURLWithPath: run + "/recipe.yaml")
      let whole = try String(contentsOf: file, encoding: .utf8)
      func changed(_ old: String, _ new: String) throws -> [String]? {
        #expect(whole.contains(old))
        try whole.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
        return try Trainer(
          resuming: RunDirectory(existing: run), overrides: ["steps=13", "threads=1"]
        ).resumption?.changes
      }
      let usual = ["steps: 12 → 13", "threads: none → 1"]
      #expect(try changed("seed", "seed") == usual)
      #expect(try changed("norm: 1\n", "norm: 2\n") == ["clip.norm: 1 → 2"] + usual)
      // A file that was cut off: what is missing is not passed over in silence.
      let cut = try changed(String(whole[whole.firstRange(of: "\nschedule:")!.lowerBound...]), "")
      #expect(cut?.contains("schedule.name: cosine → none") == true, "\(cut ?? [])")
    }
  }

  @Test("a run that the guard stopped is resumed from before the steps that led there")
  func afterGuard() throws {
    try withFolder { folder in
      let run = folder + "/run"
      // The learning rate explodes at step 16.
      let changes =
        ResumeRecipe.gpt.filter { !$0.contains("warmup") } + [
          "steps=20", "checkpoint.every=2", "checkpoint.keep=1", "checkpoint.best=false",
          "optimizer.name=sgd", "clip.norm=none", "optimizer.lr=1e-3", "schedule.name=multistep",
          "schedule.milestones=15", "schedule.gamma=1e30",
        ]
      func files() throws -> [Int] {
        try RunDirectory(existing: run).checkpointFiles.map {
          Int($0.lastPathComponent.filter(\.isNumber))!
        }
      }
      let error = #expect(throws: RunError.self) { try train("gpt", changes, in: run) }
      guard case .nonFinite(17, _, let good) = try #require(error) else {
        Issue.record("\(error!)")
        return
      }
      // However few are to be kept, one is left that ten finite steps have followed.
      #expect(good == checkpoint(run, 2))
      #expect(try files() == [2])
      // Without a change it breaks down again, and something good is left again.
      #expect(throws: RunError.self) { try resume(run) }
      let left = try files()
      #expect(left.count == 1 && left[0] <= 6)
      let (result, trainer) = try resume(run, ["schedule.gamma=1"])
      let resumption = try #require(trainer.resumption)
      #expect(result.steps == 20 && resumption.step == left[0])
      #expect(try files() == [20])
      #expect(resumption.passedOver.allSatisfy { $0.reason.contains("is not trusted") })
      #expect(resumption.passedOver.count > 0)
      let all = try FileManager.default.contentsOfDirectory(atPath: run + "/checkpoints")
      #expect(all.count == 1, "\(all)")
    }
  }

  @Test("where every checkpoint is close to a breakdown, the oldest of them is taken")
  func noneTrusted() throws {
    try withFolder { folder in
      let changes =
        ResumeRecipe.gpt.filter { !$0.contains("warmup") } + [
          "checkpoint.every=2", "optimizer.name=sgd", "clip.norm=none", "optimizer.lr=1e-3",
          "schedule.name=multistep", "schedule.milestones=5", "schedule.gamma=1e30",
        ]
      #expect(throws: RunError.self) { try train("gpt", changes, in: folder + "/run") }
      let (result, trainer) = try resume(folder + "/run", ["schedule.gamma=1"])
      #expect(result.steps == 12 && trainer.resumption?.step == 2)
    }
  }

  @Test("what cannot be resumed says why, in one sentence") func refused() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", ResumeRecipe.gpt + ["checkpoint.best=false"], in: run, stopAfter: 5)
      let file = checkpoint(run, 5)
      let good = try Data(contentsOf: URL(fileURLWithPath: file))
      func error(_ changes: [String] = [], checkpoint: String? = nil) -> String {
        do {
          _ = try Trainer(
            resuming: RunDirectory(existing: run), checkpoint: checkpoint, overrides: changes)
          return ""
        } catch { return "\(error)" }
      }
      for (change, part) in [
        ("model.width=64", "model.width=64 contradicts the run, which has model.width=32"),
        ("seed=1", "seed=1 contradicts"), ("batch=1", "batch=1 contradicts"),
        ("optimizer.name=lion", "optimizer.name=lion contradicts"),
        ("optimizer.state=int8", "optimizer.state=int8 contradicts"),
        ("average.name=ema", "average.name=ema contradicts the run, which has average.name=none"),
        (
          "optimizer.amsgrad=true",
          "state/max_exp_avg_sq/wte.weight is missing from the saved state"
        ),
        ("data.validation_fraction=0.3", "the training data are not those"),
        ("optimizer.lr=x", "optimizer.lr=x"), ("steps=5", "has already done all its 5 steps"),
      ] {
        let sentence = error([change])
        #expect(sentence.contains(part), "\(sentence)")
      }
      func write(_ data: Data) throws { try data.write(to: URL(fileURLWithPath: file)) }
      try write(good.prefix(good.count - 1))
      #expect(error().contains("no checkpoint that can be resumed from. "))
      try SafetensorsFile.write([SafetensorsTensor("w", shape: [1], floats: [1])], to: file)
      #expect(error().contains("it is not a checkpoint of a run"))
      try SafetensorsFile.write([], metadata: ["format": "99"], to: file)
      #expect(error().contains("it has format 99"))
      try SafetensorsFile.write([], metadata: ["format": "2"], to: file)
      #expect(error().contains("weights alone"))
      try SafetensorsFile.write([], metadata: ["format": "2", "rule": "adamw"], to: file)
      #expect(error().contains("metadata are incomplete"))
      // What is wrong with the checkpoint that was asked for, not that there is a newer one.
      try write(good.prefix(100))
      try good.write(to: URL(fileURLWithPath: checkpoint(run, 6)))
      let sentence = error(checkpoint: "step-00000005.safetensors")
      #expect(sentence.contains("step-00000005") && !sentence.contains("newer"), "\(sentence)")
      try FileManager.default.removeItem(atPath: checkpoint(run, 6))
      try FileManager.default.removeItem(atPath: file)
      #expect(error().contains("no checkpoint yet, so there is nothing to resume from"))
      try write(good)
      #expect(error() == "")
    }
  }

  @Test("counters in a checkpoint that no run reaches are refused, not added up") func counters()
    throws
  {
    try withFolder { folder in
      _ = try train("gpt", ResumeRecipe.gpt, in: folder + "/run", stopAfter: 2)
      let run = try RunDirectory(existing: folder + "/run")
      let path = checkpoint(run.path, 2)
      let file = try SafetensorsFile(path: path)
      let tensors = try file.entries.map {
        SafetensorsTensor(
          $0.name, dtype: $0.dtype, shape: $0.shape, bytes: try file.bytes(of: $0.name))
      }
      for name in ["step", "logged", "skipped", "skipped_in_a_row", "applied_steps"] {
        #expect(file.metadata[name] != nil, "\(name)")
        for value in ["-1", "9223372036854775807", "2.5", ""] {
          let metadata = file.metadata.merging([name: value]) { $1 }
          try SafetensorsFile.write(tensors, metadata: metadata, to: path)
          let error = #expect(throws: RunError.self) { try Trainer(resuming: run) }
          #expect("\(error!)".hasSuffix("cannot be used: its metadata have \(name)=\(value)"))
        }
      }
    }
  }

  @Test("a sample takes the newest checkpoint that can be read, and does not speak of resuming")
  func sampledCheckpoint() throws {
    try withFolder { folder in
      let (_, _, run) = try train(
        "gpt", ResumeRecipe.gpt + ["checkpoint.every=3", "checkpoint.best=false"],
        in: folder + "/run", stopAfter: 6)
      func text() throws -> String { try LanguageModel(run).sample(tokens: 20, temperature: 0) }
      func error() -> String {
        do { return try text() } catch { return "\(error)" }
      }
      let (older, newer) = (checkpoint(run.path, 3), checkpoint(run.path, 6))
      let good = try Data(contentsOf: URL(fileURLWithPath: newer))
      try FileManager.default.removeItem(atPath: newer)
      let expected = try text()
      try good.prefix(good.count - 1).write(to: URL(fileURLWithPath: newer))
      #expect(try text() == expected)
      try SafetensorsFile.write([SafetensorsTensor("w", shape: [1], floats: [1])], to: newer)
      #expect(try text() == expected)
      try FileManager.default.removeItem(atPath: older)
      #expect(error() == "\(newer) cannot be used: it is not a checkpoint of a run")
      try FileManager.default.removeItem(atPath: newer)
      #expect(throws: DataError.self) { try text() }
      #expect(error().contains("the run has no checkpoint yet"))
    }
  }

  @Test("every type of saved elements is one of the file format, of the same size")
  func elementTypes() {
    for element in StoredTensor.Element.allCases {
      #expect(SafetensorsDType(rawValue: element.rawValue)?.byteCount == element.size)
    }
  }

  // MARK: Averages

  @Test("the average is evaluated, kept and sampled, and training goes on from the raw weights")
  func averaged() throws {
    try withFolder { folder in
      let changes = ResumeRecipe.gpt + ["average.name=ema", "average.decay=0.5"]
      _ = try train("gpt", changes, in: folder + "/a")
      _ = try train("gpt", ResumeRecipe.gpt, in: folder + "/plain")
      let file = try SafetensorsFile(path: checkpoint(folder + "/a", 12))
      let plain = try SafetensorsFile(path: checkpoint(folder + "/plain", 12))
      let name = "wpe.weight"
      #expect(try file.floats(of: name) == file.floats(of: "average/" + name))
      #expect(try file.floats(of: "training/" + name) == plain.floats(of: name))
      #expect(try file.floats(of: name) != plain.floats(of: name))
      func evaluations(_ run: String) throws -> [EvaluationRecord] {
        try RunDirectory(existing: folder + run).metrics().evaluations
      }
      let (found, others) = (try evaluations("/a"), try evaluations("/plain"))
      #expect(found.map(\.lossWithoutAverage) == others.map(\.loss))
      #expect(found.last!.loss != found.last!.lossWithoutAverage)
      #expect(found.allSatisfy { $0.average == "ema" } && others.allSatisfy { $0.average == nil })
      let text = try LanguageModel(RunDirectory(existing: folder + "/a"))
        .sample(tokens: 30, temperature: 1)
      let other = try LanguageModel(RunDirectory(existing: folder + "/plain"))
        .sample(tokens: 30, temperature: 1)
      #expect(text != other)
    }
  }

  @Test("SWA takes running statistics anew, and leaves training's alone") func statistics() throws {
    try withFolder { folder in
      let swa = ["average.name=swa", "average.start=5"]
      _ = try train("digits-cnn", ResumeRecipe.digits + swa, in: folder + "/a")
      _ = try train("digits-cnn", ResumeRecipe.digits, in: folder + "/plain")
      let file = try SafetensorsFile(path: checkpoint(folder + "/a", 12))
      let plain = try SafetensorsFile(path: checkpoint(folder + "/plain", 12))
      let name = try #require(plain.names.first { $0.hasSuffix("running_mean") })
      #expect(try file.floats(of: "training/" + name) == plain.floats(of: name))
      #expect(try file.floats(of: name) != plain.floats(of: name))
    }
  }

  @Test("SWA improves a noisy run") func improves() throws {
    try withFolder { folder in
      let (result, _, _) = try train(
        "digits-cnn",
        [
          "epochs=4", "optimizer.name=sgd", "optimizer.lr=0.3", "schedule.name=constant",
          "average.name=swa",
        ], in: folder + "/run")
      let evaluation = try #require(result.evaluation)
      #expect(evaluation.loss < evaluation.lossWithoutAverage!)
      #expect(evaluation.accuracy! > 0.9)
    }
  }
}
