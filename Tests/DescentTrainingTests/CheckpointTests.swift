import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

/// What lies among the checkpoints: what is written, kept, removed, believed.
extension TrainerTests {
  private static let tiny = [
    "model.layers=1", "model.heads=2", "model.width=16", "model.context=16",
    "schedule.name=constant", "evaluate.every=0", "evaluate.batches=1",
  ]

  private func resume(_ folder: String, _ changes: [String] = []) throws -> Trainer {
    let run = try RunDirectory(existing: folder)
    let trainer = try Trainer(resuming: run, overrides: changes)
    _ = try trainer.run(in: run, observer: Watcher())
    return trainer
  }

  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder + "/checkpoints").sorted()
  }

  private func name(_ step: Int) -> String { "step-\(String(format: "%08d", step)).safetensors" }

  @Test("files of the user among the checkpoints stay; what a killed writer left behind goes")
  func foreign() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", Self.tiny + ["steps=4", "checkpoint.keep=1"], in: run)
      let mine = [
        "best.safetensors", "step-x.safetensors", "step-.safetensors", "step-1e3.safetensors",
        "step-+7.safetensors", "my-step-00000001.safetensors", "notes.txt", "zzz.safetensors",
        ".other.tmp",
      ]
      for name in mine {
        try Data(name.utf8).write(to: URL(fileURLWithPath: "\(run)/checkpoints/\(name)"))
      }
      try Data(count: 9).write(
        to: URL(fileURLWithPath: run + "/checkpoints/.\(name(9)).0123abc.tmp"))
      let left = ["recipe.yaml", "metrics.jsonl", "samples.jsonl", "tokenizer.json"]
        .map { "\(run)/.\($0).0123abc.tmp" }
      for path in left { try Data().write(to: URL(fileURLWithPath: path)) }
      // Also where nothing is left to do.
      #expect(throws: RunError.self) { try resume(run, []) }
      #expect(left.allSatisfy { !FileManager.default.fileExists(atPath: $0) })
      let trainer = try resume(run, ["steps=8"])
      #expect(trainer.resumption?.step == 4 && trainer.resumption?.passedOver.isEmpty == true)
      #expect(try files(run) == (mine + [name(8)]).sorted())
      for name in mine {
        #expect(
          try Data(contentsOf: URL(fileURLWithPath: "\(run)/checkpoints/\(name)"))
            == Data(name.utf8))
      }
    }
  }

  @Test("checkpoints are in the order of their numbers, not of their names") func numbers() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", Self.tiny + ["steps=3"], in: run)
      for step in ["99999999", "100000000", "00000010", "9"] {
        try Data().write(to: URL(fileURLWithPath: "\(run)/checkpoints/step-\(step).safetensors"))
      }
      #expect(
        try RunDirectory(existing: run).checkpointFiles.map(\.lastPathComponent)
          == [name(3), "step-9.safetensors", name(10), name(99_999_999), name(100_000_000)])
    }
  }

  @Test(
    "a flipped bit anywhere in a checkpoint is noticed: the one before is taken, and it is said")
  func flipped() throws {
    try withFolder { folder in
      let run = folder + "/run"
      let (_, _, directory) = try train(
        "gpt", Self.tiny + ["steps=4", "checkpoint.every=2"], in: run)
      let file = URL(fileURLWithPath: "\(run)/checkpoints/\(name(4))")
      let good = try Data(contentsOf: file)
      let header = 8 + good.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      func taken(_ data: Data) throws -> (step: Int?, reasons: [String]) {
        try data.write(to: file)
        let trainer = try Trainer(resuming: directory, overrides: ["steps=6"])
        return (trainer.resumption?.step, trainer.resumption?.passedOver.map(\.reason) ?? [])
      }
      #expect(try taken(good).step == 4)
      // Everywhere in the header, and in the data from end to end.
      let places =
        Array(stride(from: 0, to: header, by: 41))
        + Array(stride(from: header, to: good.count, by: good.count / 60)) + [good.count - 1]
      for (number, place) in places.enumerated() {
        var bad = good
        bad[place] ^= 1 << (number % 8)
        let (step, reasons) = try taken(bad)
        #expect(step == 2 && reasons.count == 1, "byte \(place)")
        #expect(reasons.first?.contains(name(4)) == true, "\(reasons)")
      }
      let text = try LanguageModel(directory).sample(tokens: 5, temperature: 0)
      #expect(text.unicodeScalars.count == 5)
      #expect(try LanguageModel(directory).passedOver.count == 1)
    }
  }

  @Test("the best checkpoint is kept, however old, beside the newest") func best() throws {
    try withFolder { folder in
      // The learning rate grows until the model forgets what it knew.
      let run = folder + "/run"
      let changes = [
        "epochs=none", "steps=60", "evaluate.every=5", "evaluate.batches=2", "optimizer.name=sgd",
        "optimizer.lr=0.1", "schedule.name=multistep", "schedule.milestones=30",
        "schedule.gamma=12", "checkpoint.keep=2", "checkpoint.every=10", "clip.norm=none",
      ]
      let (_, _, directory) = try train("digits-mlp", changes, in: run)
      let evaluations = try directory.metrics().evaluations
      let best = try #require(evaluations.min { $0.loss < $1.loss })
      #expect(best.step < 40)
      #expect(try files(run) == [best.step, 50, 60].map(name))
      _ = try train("digits-mlp", changes + ["checkpoint.best=false"], in: folder + "/other")
      #expect(try files(folder + "/other") == [50, 60].map(name))
    }
  }

  @Test("a checkpoint after each step of some milliseconds, when the time says so") func minutes()
    throws
  {
    try withFolder { folder in
      let (run, often) = (folder + "/run", ["steps=5", "checkpoint.minutes=1e-9"])
      _ = try train("gpt", Self.tiny + often + ["checkpoint.keep=9"], in: run)
      #expect(try files(run) == (1...5).map(name))
      // Longer than any clock counts.
      let never = Self.tiny + ["steps=2", "checkpoint.minutes=1e300"]
      _ = try train("gpt", never, in: folder + "/never")
      #expect(try files(folder + "/never") == [name(2)])
    }
  }

  @Test("checkpoints may be as far apart as a number can say", arguments: ["1e18", "1e300"])
  func hours(_ minutes: String) throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", Self.tiny + ["steps=3", "checkpoint.minutes=\(minutes)"], in: run)
      #expect(try files(run) == [name(3)])
    }
  }

  @Test("a checkpoint that was put under another name, or comes from another run, is passed over")
  func misplaced() throws {
    try withFolder { folder in
      let (run, other) = (folder + "/run", folder + "/other")
      _ = try train("gpt", Self.tiny + ["steps=4", "checkpoint.every=2"], in: run)
      func file(_ run: String, _ name: String) -> String { "\(run)/checkpoints/\(name)" }
      func reasons() throws -> [String] {
        let trainer = try Trainer(
          resuming: RunDirectory(existing: run), overrides: ["steps=9"])
        #expect(trainer.resumption?.step == 4)
        return trainer.resumption?.passedOver.map(\.reason) ?? []
      }
      #expect(try reasons() == [])
      let manager = FileManager.default
      try manager.copyItem(atPath: file(run, name(2)), toPath: file(run, name(8)))
      #expect(
        try reasons() == [
          "\(file(run, name(8))) cannot be used: its name says step 8, but it was "
            + "written after step 2"
        ])
      try manager.removeItem(atPath: file(run, name(8)))
      for (change, was) in [("seed=7", "seed=1337"), ("model.width=32", "model.width=16")] {
        _ = try train("gpt", Self.tiny + ["steps=6", change], in: other)
        try manager.copyItem(atPath: file(other, name(6)), toPath: file(run, name(6)))
        #expect(
          try reasons() == [
            "\(file(run, name(6))) cannot be used: it is of a run with \(change), "
              + "and this run has \(was)"
          ])
        for path in [file(run, name(6)), other] { try manager.removeItem(atPath: path) }
      }
    }
  }

  @Test("metrics that are no file are refused") func noMetrics() throws {
    try withFolder { folder in
      let run = folder + "/run"
      let (_, _, directory) = try train("gpt", Self.tiny + ["steps=2"], in: run)
      let path = directory.metrics.path
      for isFolder in [true, false] {
        try FileManager.default.removeItem(atPath: path)
        #expect(unsafe (isFolder ? mkdir(path, 0o777) : mkfifo(path, 0o666)) == 0)
        let reason = isFolder ? "it is a folder" : "it is not a regular file"
        let error = #expect(throws: RunError.self) { try resume(run, ["steps=4"]) }
        #expect(error?.description.hasSuffix("metrics.jsonl cannot be written: \(reason)") == true)
      }
    }
  }

  @Test("one process trains a run; the lock names it, and goes with it") func locked() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train("gpt", Self.tiny + ["steps=2"], in: run)
      let directory = try RunDirectory(existing: run)
      var first: Trainer? = try Trainer(resuming: directory, overrides: ["steps=4"])
      let error = #expect(throws: RunError.self) {
        try Trainer(resuming: directory, overrides: ["steps=4"])
      }
      #expect("\(error!)".contains("is being trained by process \(getpid()) on "), "\(error!)")
      _ = try first?.run(in: directory, observer: Watcher())
      first = nil
      #expect(!FileManager.default.fileExists(atPath: run + "/.lock"))
      // One that a dead process left behind is no obstacle.
      try "process 1 on nowhere".write(
        toFile: run + "/.lock", atomically: true, encoding: .utf8)
      #expect(try resume(run, ["steps=6"]).resumption?.step == 4)
    }
  }

  @Test("bytes that were damaged in the metrics stay, and are said; lost lines are counted")
  func damagedMetrics() throws {
    final class Listener: TrainingObserver {
      var sentences: [String] = []
      func started(_ facts: RunFacts) {}
      func stepped(_ step: TrainingStep) {}
      func evaluated(_ evaluation: Evaluation, after step: Int) {}
      func warned(_ sentence: String) { sentences.append(sentence) }
      var wantsToStop: Bool { false }
    }
    try withFolder { folder in
      let run = folder + "/run"
      let (_, _, directory) = try train("gpt", Self.tiny + ["steps=4"], in: run)
      func resumed(_ steps: Int, _ change: (inout Data) -> Void) throws -> (Data, [String]) {
        var data = try Data(contentsOf: directory.metrics)
        change(&data)
        try data.write(to: directory.metrics)
        let listener = Listener()
        _ = try Trainer(resuming: directory, overrides: ["steps=\(steps)"])
          .run(in: directory, observer: listener)
        let all = try Data(contentsOf: directory.metrics)
        #expect(all.starts(with: data))
        return (all, listener.sentences)
      }
      let (first, damage) = try resumed(6) { $0[30] = 0xFF }
      #expect(damage.count == 1 && damage[0].contains("line 1 of "), "\(damage)")
      #expect(first.count { $0 == 0x0A } == 8)  // 6 steps, 2 evaluations
      let (second, loss) = try resumed(8) { $0 = $0.prefix(1 + $0.firstIndex(of: 0x0A)!) }
      #expect(loss.contains { $0.contains("has lost 7 of its 8 lines") }, "\(loss)")
      #expect(second.count { $0 == 0x0A } == 4)
      let samples = run + "/samples.jsonl"
      let damaged = try Data(contentsOf: URL(fileURLWithPath: samples)) + [0xFF, 0x0A]
      try damaged.write(to: URL(fileURLWithPath: samples))
      let (_, unread) = try resumed(9) { _ in }
      #expect(unread.contains { $0.contains("samples.jsonl cannot be read") }, "\(unread)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: samples)).starts(with: damaged))
    }
  }

  // MARK: Spikes

  private static let spiky = [
    "epochs=none", "steps=60", "batch=1", "optimizer.name=sgd", "optimizer.lr=0.3",
    "schedule.name=constant", "clip.norm=none", "evaluate.every=0", "evaluate.batches=1",
    "checkpoint.every=5", "spike.factor=6", "spike.window=20", "spike.limit=20",
  ]

  @Test("a spike is undone, its batches are left out, and a stop in between changes nothing")
  func spikes() throws {
    try withFolder { folder in
      let (result, _, run) = try train("digits-mlp", Self.spiky, in: folder + "/a")
      let spikes = try run.entries().compactMap { entry in
        if case .spike(let record) = entry { record } else { nil }
      }
      #expect(!spikes.isEmpty && result.steps == 60 && result.skipped == 0)
      for spike in spikes {
        #expect(spike.updateNorm > 6 * spike.median)
        #expect(spike.goneBackTo % 5 == 0 && spike.goneBackTo < spike.step)
      }
      // The steps after going back are others than those before.
      let losses = Dictionary(grouping: try run.metrics().steps, by: \.step)
      #expect(losses.values.contains { Set($0.map(\.loss)).count > 1 })
      for stop in [7, spikes[0].step - 1, spikes[0].step + 3] {
        let other = folder + "/\(stop)"
        _ = try train("digits-mlp", Self.spiky, in: other, stopAfter: stop)
        _ = try resume(other)
        let paths = [folder + "/a", other].map { "\($0)/checkpoints/\(name(60))" }
        #expect(
          try Data(contentsOf: URL(fileURLWithPath: paths[0]))
            == Data(contentsOf: URL(fileURLWithPath: paths[1])), "\(stop)")
      }
    }
  }

  @Test("a spike that comes again and again ends the run") func spikeLimit() throws {
    try withFolder { folder in
      // No batch is to blame for a learning rate that grows.
      let changes =
        Self.spiky.filter { !$0.contains("schedule") && !$0.contains("batch=") } + [
          "schedule.name=multistep", "schedule.milestones=30", "schedule.gamma=100",
          "spike.limit=2", "spike.factor=20", "batch=200", "optimizer.lr=1e-4",
        ]
      let error = #expect(throws: RunError.self) {
        try train("digits-mlp", changes, in: folder + "/run")
      }
      guard case .nonFinite(31, let cause, let file) = try #require(error) else {
        Issue.record("\(error!)")
        return
      }
      #expect(cause.contains("the update's norm is") && cause.contains("2 times in a row"))
      #expect(file.hasSuffix(name(20)))
      #expect(throws: RecipeError.self) {
        try train("digits-mlp", changes + ["checkpoint.every=0"], in: folder + "/no")
      }
    }
  }
}
