import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("The learning-rate finder", .serialized) struct RateFinderTests {
  private static let small = ["steps=40", "model.hidden=16", "batch=16", "evaluate.every=0"]

  private func recipe(_ changes: [String] = [], _ name: String = "digits-mlp") throws -> Recipe {
    let yaml = try #require(BuiltInRecipes.yaml(name))
    return try Recipe(yaml: yaml, overrides: (name == "digits-mlp" ? Self.small : []) + changes)
  }

  private func options(steps: Int = 60, seeds: Int = 1, quick: Bool = true) -> RateFinder.Options {
    var options = RateFinder.Options()
    (options.steps, options.seeds, options.isQuick) = (steps, seeds, quick)
    return options
  }

  /// What the finder leaves in the folder for temporary files.
  private var leftovers: [String] {
    let all = try? FileManager.default.contentsOfDirectory(
      atPath: FileManager.default.temporaryDirectory.path)
    return (all ?? []).filter { $0.hasPrefix(RateTrials.folderPrefix) }
  }

  @Test("a rate that was tried and ended near the best, with all fields of the JSON")
  func finds() throws {
    let found = try RateFinder(recipe(), options(seeds: 2, quick: false))
    let rate = try #require(found.suggested)
    let probe = try #require(found.probes.first { $0.rate == rate })
    let best = try #require(found.probes.map(\.loss).min())
    #expect(probe.loss < 1.1 * best && (0.003...3).contains(rate))
    #expect(found.range?.contains(rate) == true && found.curves.count == 2)
    #expect(found.changes == [RateChange(key: "optimizer.lr", rate: rate, before: 0.05)])
    #expect(found.cost.sweeps > 60 && found.cost.probes > 40 && leftovers.isEmpty)

    let page = RateFinderPage.about(found, recipe: "digits-mlp")
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
    #expect(json["suggested"] as? Double == rate)
    #expect(json["low"] is Double && json["high"] is Double)
    let rules = try #require(json["rules"] as? [String: Any])
    #expect(Set(rules.keys) == ["steepest", "valley", "minimum_tenth", "slide"])
    let curve = try #require(json["curve"] as? [[String: Double]])
    #expect(curve.count > 30 && curve.allSatisfy { Set($0.keys) == ["lr", "loss"] })
    // Training at that rate is what the finder has tried: 40 steps are the whole run.
    #expect(page.text().contains("Take optimizer.lr="))
    let svg = RateFinderPage.figure(found, recipe: "digits-mlp").svg()
    #expect(svg.contains("steepest") && svg.contains("suggested"))
  }

  @Test("a search is the same each time, and a run between two searches has the same bits")
  func leavesNothing() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    func weights(_ name: String) throws -> Data {
      let run = try RunDirectory(new: folder.appendingPathComponent(name).path, name: "")
      let result = try Trainer(recipe()).run(in: run, observer: Watcher())
      return try Data(contentsOf: URL(fileURLWithPath: result.checkpoint))
    }
    let before = try weights("before")
    let first = try RateFinder(recipe(), options())
    #expect(try weights("after") == before)
    let second = try RateFinder(recipe(), options())
    #expect(first.curves == second.curves && first.suggested == second.suggested)
  }

  @Test(
    "any rule that needs a rate",
    arguments: [
      "sgd", "adamw", "lion", "lamb", "muon", "kfac", "sophia-g", "sophia-h", "lbfgs", "shampoo",
      "adafactor-torch", "schedule-free-adamw", "rprop",
    ].filter { Rules.names.contains($0) })
  func rules(name: String) throws {
    let found = try RateFinder(recipe(["optimizer.name=\(name)"]), options(steps: 20))
    #expect(found.curves[0].rates.count > 5 && found.ownRate == nil, "\(name)")
  }

  @Test(
    "rules that find their own rate are not swept",
    arguments: [
      ("prodigy", [], 1.0), ("prodigy", ["optimizer.lr=0.1"], 1), ("dadapt-adam", [], 1),
      ("adafactor", [], nil),
    ] as [(String, [String], Double?)])
  func ownRates(name: String, changes: [String], rate: Double?) throws {
    let found = try RateFinder(recipe(["optimizer.name=\(name)"] + changes))
    #expect(found.suggested == rate && found.curves.isEmpty && found.range == nil)
    #expect(found.warnings.isEmpty == changes.isEmpty)
    let json = RateFinderPage.about(found, recipe: "x").json.text
    #expect(json.contains("\"note\": \"\(name) ") && json.contains("\"curve\": []"))
  }

  @Test("groups keep their ratio to the rate, and their schedules are left out of sweeps")
  func groups() throws {
    let yaml = """
      steps: 10
      model: {kind: mlp, hidden: [8]}
      data: {kind: digits}
      optimizer:
        name: sgd
        lr: 0.1
        groups:
          - {name: head, match: "*.bias", lr: 0.02, schedule: {name: linear}}
          - {name: own, match: "*.weight", optimizer: adamw}
      schedule: {name: cosine, warmup: 3}
      """
    let recipe = try Recipe(yaml: yaml)
    let sweep = try recipe.sweep([1e-3, 1e-2, 1e-1], seed: 5)
    #expect(sweep.run.steps == 3 && sweep.run.seed == 5)
    let groups = try #require(sweep.plan.groups)
    func rates(_ group: ParameterGroup) throws -> [SettingValue?] {
      let values = try sweep.plan.scheduledValues(of: group)
      return (0..<3).map { step in values(at: step).first { $0.name == "lr" }?.value }
    }
    func close(_ values: [SettingValue?], _ expected: [Double]) -> Bool {
      zip(values, expected).allSatisfy { value, x in
        if case .number(let y)? = value { abs(y / x - 1) < 1e-9 } else { false }
      }
    }
    #expect(close(try rates(.rest), [1e-3, 1e-2, 1e-1]))
    #expect(close(try rates(groups[0]), [2e-4, 2e-3, 2e-2]))
    // AdamW's default of 1e-3 is a hundredth of 0.1.
    #expect(close(try rates(groups[1]), [1e-5, 1e-4, 1e-3]))
    #expect(
      RateChange.all(recipe, rate: 0.2).map(\.key)
        == ["optimizer.lr", "optimizer.groups[1].lr", "optimizer.groups[2].lr"])
    #expect(RateChange.all(recipe, rate: 0.2).map(\.rate) == [0.2, 0.04, 0.002])
  }

  @Test("a probe runs through the whole schedule in fewer steps, at its own peak")
  func compressed() throws {
    let gpt = try recipe([], "gpt")
    var fitted = gpt
    try fitted.fit(steps: 2000)
    let probe = try gpt.probe(rate: 0.01, steps: 500, of: 2000)
    let schedule = try #require(probe.rateSchedule)
    let whole = try #require(fitted.rateSchedule)
    #expect(probe.run.steps == 500 && probe.plan.rule.learningRate == 0.01)
    for (step, place) in [(0, 0), (499, 1999), (250, 1002)] {
      #expect(schedule.value(at: step, base: 0.01) == whole.value(at: place, base: 0.01))
    }
    let cycle = try recipe([
      "schedule.name=OneCycleLR", "schedule.max_lr=0.5",
    ])
    .probe(rate: 0.1, steps: 20, of: 40)
    let peak = (0..<20).map { cycle.rateSchedule?.value(at: $0, base: 0.1) ?? 0 }.max() ?? 0
    #expect(abs(peak - 0.1) < 0.01 && cycle.rateSchedule?.momentum != nil)
  }

  @Test("averages, plateaus, going back and epochs are no obstacle")
  func obstacles() throws {
    for changes in [
      ["average.name=swa"], ["average.name=lookahead"], ["spike.factor=10", "checkpoint.every=10"],
      ["schedule.name=plateau", "evaluate.every=10"], ["accumulate=2", "clip.norm=1"],
      ["precision=bf16", "nonfinite=skip"], ["schedule=none"],
    ] {
      let found = try RateFinder(recipe(changes), options(steps: 40, quick: changes.count > 1))
      #expect(found.suggested != nil, "\(changes)")
    }
  }

  @Test(
    "options that cannot be are refused by name",
    arguments: [
      ("--from", 1.0, 0.1, 200, 3), ("--from", 0, nil, 200, 3), ("--to", nil, -1, 200, 3),
      ("--to", nil, .infinity, 200, 3), ("--from", .nan, nil, 200, 3), ("--steps", nil, nil, 5, 3),
      ("--seeds", nil, nil, 200, 0), ("--from", 1e-3, 1e-3, 200, 3),
    ] as [(String, Double?, Double?, Int, Int)])
  func badOptions(option: String, from: Double?, to: Double?, steps: Int, seeds: Int) throws {
    var options = RateFinder.Options()
    (options.from, options.to, options.steps, options.seeds) = (from, to, steps, seeds)
    let error = #expect(throws: RecipeError.self) { try RateFinder(recipe(), options) }
    #expect(error?.problems.count == 1 && error?.description.hasPrefix(option) == true)
  }

  @Test("who stops the search learns that, and nothing is left") func interruption() throws {
    var steps = 0
    #expect(throws: RateSearchInterrupted.self) {
      try RateFinder(recipe(), options()) { _ in
      } wantsToStop: {
        steps += 1
        return steps > 10
      }
    }
    #expect(leftovers.isEmpty)
  }

  @Test("a linear sweep without limits has its rates where the recipe's is") func linear() throws {
    var options = options(steps: 30)
    options.isLinear = true
    let found = try RateFinder(recipe(), options)
    #expect(found.swept == 1.0 / 30...1)
    #expect(found.suggested.map { (0.005...1).contains($0) } == true)
  }

  @Test("a trial writes neither event files nor what instruments measure") func bare() throws {
    let changes = ["log.tensorboard=true", "log.samples=true", "instruments.every=1"]
    let recipe = try recipe(changes)
    for trial in [
      try recipe.sweep([0.1, 0.2], seed: 1), try recipe.probe(rate: 0.1, steps: 5, of: 40),
    ] {
      #expect(!trial.log.tensorBoard && !trial.log.samples && trial.instruments.every == 0)
    }
  }

  @Test("where nothing can be learned, nothing is suggested, and why is said") func nothing() throws
  {
    // So small a rate moves no float32 weight.
    var options = options(steps: 40)
    (options.from, options.to) = (1e-20, 1e-18)
    let found = try RateFinder(recipe(), options)
    #expect(found.suggested == nil && found.changes.isEmpty)
    #expect(found.warnings.contains { $0.hasPrefix("the loss hardly changed") })
    let text = RateFinderPage.about(found, recipe: "x").text()
    #expect(text.contains("No learning rate") && text.contains("--from") && text.contains("--to"))
  }
}

private final class Watcher: TrainingObserver {
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) {}
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { false }
}
