import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

// A run that is resumed for longer, or with other settings.

/// A schedule whose length nobody set, as changes of a recipe.
struct OpenSchedule: CustomTestStringConvertible, Sendable {
  let changes: [String]
  var testDescription: String { changes.joined(separator: " ") }

  init(_ changes: String...) { self.changes = changes }

  static let all: [OpenSchedule] = [
    OpenSchedule("schedule.name=cosine", "schedule.warmup=2"),
    OpenSchedule("schedule.name=linear"), OpenSchedule("schedule.name=restarts"),
    OpenSchedule("schedule.name=polynomial"), OpenSchedule("schedule.name=wsd"),
    OpenSchedule("schedule.name=step"), OpenSchedule("schedule.name=multistep"),
    OpenSchedule("schedule.name=exponential"), OpenSchedule("schedule.name=onecycle"),
    OpenSchedule("schedule.name=CosineAnnealingLR"),
    OpenSchedule("schedule.name=CosineAnnealingWarmRestarts"),
    OpenSchedule("schedule.name=cosine_warmup_with_min_lr", "schedule.min_lr=1e-5"),
    OpenSchedule(
      "schedule.parts=warmup(warmup=2),cosine", "schedule.name=sequence", "schedule.milestones=2"),
    OpenSchedule("schedule.name=product", "schedule.parts=linear,cosine(floor_ratio=0.5)"),
    OpenSchedule("schedules.weight_decay.name=linear", "schedule=none"),
    OpenSchedule(
      "optimizer.groups=[{rank: 1, schedule: {name: linear}, schedules: {eps: {name: cosine}}}]"),
  ]
}

extension TrainerTests {
  private static let tiny = [
    "model.layers=1", "model.heads=2", "model.width=16", "model.context=8", "batch=2",
    "evaluate.batches=1", "schedule.name=constant",
  ]

  private func learningRates(_ folder: String) throws -> [Double] {
    try RunDirectory(existing: folder).metrics().steps.map(\.learningRate)
  }

  @Test(
    "a length that nobody set is left open, and follows the run when that is made longer",
    arguments: OpenSchedule.all)
  func open(_ schedule: OpenSchedule) throws {
    try withFolder { folder in
      let changes = Self.tiny + schedule.changes
      let (_, _, run) = try train("gpt", changes + ["steps=5"], in: folder + "/short")
      let (_, _, long) = try train("gpt", changes + ["steps=10"], in: folder + "/long")
      let trainer = try Trainer(resuming: run, overrides: ["steps=10"])
      _ = try trainer.run(in: run, observer: Watcher())
      #expect(trainer.resumption?.changes == ["steps: 5 → 10"])
      // What is written is the same, and so is every rate from there on.
      func text(_ run: RunDirectory) throws -> String {
        try String(contentsOf: run.recipe, encoding: .utf8)
      }
      #expect(try text(run) == text(long))
      #expect(
        try learningRates(run.path).dropFirst(5) == learningRates(long.path).dropFirst(5))
      #expect(try learningRates(run.path).count == 10)
      let plan = try Recipe(yaml: text(run)).plan
      for (_, schedule) in plan.schedules + (plan.groups ?? []).flatMap(\.schedules) {
        let isOfAnyLength = ["constant", "sequence"].contains(type(of: schedule).name)
        #expect(isOfAnyLength || schedule.end == nil || schedule.end! > 10, "\(schedule)")
      }
    }
  }

  @Test("a length that was set stays, in epochs too") func setLength() throws {
    try withFolder { folder in
      let changes = Self.tiny + ["schedule.name=linear", "schedule.total=6"]
      let (_, _, run) = try train("gpt", changes + ["steps=5"], in: folder + "/run")
      _ = try Trainer(resuming: run, overrides: ["steps=8"]).run(in: run, observer: Watcher())
      let rates = try learningRates(run.path)
      #expect(rates[5] > 0 && rates[6] == 0 && rates[7] == 0)
      let (_, _, digits) = try train("digits-mlp", ["epochs=0.1"], in: folder + "/digits")
      #expect(try learningRates(digits.path).count == 4)
      let trainer = try Trainer(resuming: digits, overrides: ["steps=8"])
      #expect(trainer.resumption?.changes == ["epochs: 0.1 → none", "steps: none → 8"])
      _ = try trainer.run(in: digits, observer: Watcher())
      let lr = 0.05
      for (rate, left) in zip(try learningRates(digits.path).dropFirst(4), [4.0, 3, 2, 1]) {
        #expect(abs(rate - lr * left / 8) < 1e-12)
      }
    }
  }

  @Test(
    "a resumption says where the learning rate goes on, if changes move it",
    arguments: [
      // A line from 1 to 0: after 5 of 5 steps it would be over, after 5 of 10 it is half way down.
      (["schedule.name=linear", "optimizer.lr=1", "steps=5"], ["steps=10"], 0.0, 0.5),
      (
        ["schedule.name=linear", "optimizer.lr=1", "steps=5"], ["steps=10", "optimizer.lr=0.1"], 0,
        0.05
      ),
      (["optimizer.lr=1", "steps=5"], ["steps=10", "optimizer.lr=0.5"], 1, 0.5),
      (["schedule=none", "optimizer.lr=1", "steps=5"], ["steps=10", "optimizer.lr=0.5"], 1, 0.5),
      (
        ["schedule.name=linear", "optimizer.lr=1", "steps=5"], ["steps=10", "schedule=none"], 0, 1
      ),
      (["optimizer.lr=1", "steps=5"], ["steps=10"], nil, nil),
      (["schedule.name=linear", "schedule.total=20", "steps=5"], ["steps=10"], nil, nil),
    ] as [([String], [String], Double?, Double?)])
  func rate(_ changes: [String], _ overrides: [String], _ was: Double?, _ now: Double?) throws {
    try withFolder { folder in
      let (_, _, run) = try train("gpt", Self.tiny + changes, in: folder + "/run")
      let rate = try Trainer(resuming: run, overrides: overrides).resumption?.rate
      #expect(rate?.was == was && rate?.now == now, "\(String(describing: rate))")
    }
  }

  @Test("a resumed run shows the hyperparameters that schedules start from") func facts() throws {
    try withFolder { folder in
      let changes = Self.tiny + ["schedule.name=linear", "steps=6"]
      let (_, watcher, run) = try train("gpt", changes, in: folder + "/run", stopAfter: 4)
      let settings = try #require(watcher.facts).groups.map(\.settings)
      let trainer = try Trainer(resuming: run)
      #expect(trainer.facts.groups.map(\.settings) == settings)
      #expect(settings.allSatisfy { $0.contains("lr=0.001 ") })
    }
  }

  @Test(
    "changes that a run's state cannot go with are named, by their keys",
    arguments: [
      (
        ["optimizer.groups=[{match: '*.weight', optimizer: sgd}]"],
        ["optimizer.groups contradicts the run"]
      ),
      (["optimizer.groups=[{rank: 1, frozen: true}]"], ["optimizer.groups contradicts the run"]),
      (["optimizer.amsgrad=true"], ["optimizer.amsgrad contradicts the run"]),
      (
        ["optimizer.amsgrad=true", "optimizer.groups=[{rank: 1, frozen: true}]"],
        ["optimizer.amsgrad and optimizer.groups contradict the run"]
      ),
      (
        ["optimizer.name=lion", "optimizer.state=int8", "model.width=32", "model.layers=2"],
        [
          "model.layers=2 and model.width=32 contradict the run, which has model.layers=1 and "
            + "model.width=16: leave them out, or start a new run",
          "optimizer.name=lion contradicts the run, which has optimizer.name=adamw: leave it out",
        ]
      ),
      (
        ["average.name=ema"],
        ["average.name=ema contradicts the run, which has average.name=none: leave it out"]
      ),
      (["optimizer.lr=2", "clip.norm=3", "optimizer.groups=[{rank: 1, lr: 0}]"], []),
    ] as [([String], [String])])
  func contradicted(_ changes: [String], _ sentences: [String]) throws {
    try withFolder { folder in
      let (_, _, run) = try train("gpt", Self.tiny + ["steps=2"], in: folder + "/run")
      func problems() throws -> [String] {
        do {
          _ = try Trainer(resuming: run, overrides: changes + ["steps=3"])
          return []
        } catch let error as RecipeError { return error.problems }
      }
      let found = try problems()
      #expect(found.count == sentences.count, "\(found)")
      for (found, sentence) in zip(found, sentences) {
        #expect(found.hasPrefix(sentence), "\(found)")
      }
    }
  }
}
