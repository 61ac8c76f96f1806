import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Races", .serialized) struct RaceTests {
  private func plan(
    _ optimizers: [String], _ changes: [String] = [], recipes: [String] = ["digits-mlp"]
  ) throws -> RacePlan {
    var plan = RacePlan(
      recipes: try recipes.map { .init(name: $0, yaml: try #require(BuiltInRecipes.yaml($0))) },
      changes: ["steps=6", "model.hidden=8"] + changes, optimizers: optimizers)
    plan.seeds = 2
    return plan
  }

  private func files(_ path: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path)
  }

  // MARK: Texts

  @Test("optimizers keep their texts, and two alike are told apart") func texts() throws {
    let list = try RaceOptimizer.list(
      "adamw, adamw(lr=1e-5),adamw(betas=0.9,0.95),adamw(betas=[0.9,0.95],lr=1),adamw,"
        + "lion(schedule.name=constant,state=int8)")
    #expect(
      list.map(\.label) == [
        "adamw", "adamw(lr=1e-5)", "adamw(betas=0.9,0.95)", "adamw(betas=[0.9,0.95],lr=1)",
        "adamw #2", "lion(schedule.name=constant,state=int8)",
      ])
    #expect(list[2].assignments == ["optimizer.betas=0.9,0.95"])
    #expect(list[3].assignments == ["optimizer.betas=0.9,0.95", "optimizer.lr=1"])
    #expect(list[5].assignments == ["schedule.name=constant", "optimizer.state=int8"])
  }

  @Test(
    "texts that cannot be read",
    arguments: [
      "adamw(lr=1", "adamw,,lion", "", "adamw(lr)", "(lr=1)", "adamw)", "adamw(lr=1,lr=2)",
      "adamw(lr=1,optimizer.lr=1)", "adamw(name=lion)", "adamw(optimizer.name=lion)",
    ])
  func unreadable(text: String) {
    #expect(throws: RecipeError.self) { try RaceOptimizer.list(text) }
  }

  @Test("all that is wrong with a plan is said at once") func mistakes() throws {
    var plan = try plan(["adamww", "lion(lrr=1)", "sgd(lr=-1)", "adamw"])
    (plan.seeds, plan.trials, plan.target) = (0, -1, .nan)
    let error = #expect(throws: RecipeError.self) { try plan.check() }
    let text = "\(error?.description ?? "")"
    for part in [
      "--seeds 0", "--tune -1", "--target nan", "did you mean 'adamw'?",
      "did you mean 'optimizer.lr'?", "optimizer.lr=-1 is out of range",
    ] { #expect(text.contains(part), "\(part)") }
    #expect(text.split(separator: "\n").count == 6)
  }

  @Test(
    "what a race would leave out is refused", arguments: ["optimizer.name=lion", "optimizer=lion"])
  func leftOut(change: String) throws {
    let error = #expect(throws: RecipeError.self) { try plan(["adamw"], [change]).check() }
    #expect(error?.description.contains("--set \(change) does nothing in a race") == true)
  }

  @Test("many names, and times")
  func phrases() {
    let names = (1...30).map { "r\($0)" }
    #expect(few(Array(names.prefix(5))) == "r1, r2, r3, r4 and r5")
    #expect(few(names) == "r1, r2, r3 and 27 others")
    #expect([1, 0.5, 90].map(RaceResult.seconds) == ["1 second", "0.5 seconds", "90 seconds"])
  }

  @Test(
    "a budget is a time",
    arguments: [("90s", 90.0), ("5m", 300), ("1.5h", 5400), ("12", 12), ("0", nil), ("x", nil)])
  func budgets(text: String, seconds: Double?) {
    #expect((try? RacePlan.seconds(text)) == seconds)
  }

  // MARK: Fairness

  @Test(
    "decay stays the recipe's where it acts alike, and nothing else of its rule is given to others")
  func overrides() throws {
    let base = try Recipe(yaml: try #require(BuiltInRecipes.yaml("gpt")))
    func overrides(_ text: String, _ changes: [String] = []) throws -> [String] {
      try RaceOptimizer.list(text)[0].overrides(in: base, changes)
    }
    let decay = "optimizer.weight_decay=0.1"
    #expect(try overrides("adamw") == ["optimizer.name=adamw"])
    #expect(try overrides("lion") == ["optimizer.name=lion", decay])
    #expect(try overrides("sgd") == ["optimizer.name=sgd"])
    #expect(
      try overrides("lion(weight_decay=1)") == ["optimizer.name=lion", "optimizer.weight_decay=1"])
    #expect(try overrides("lion", ["optimizer.weight_decay=0"]) == ["optimizer.name=lion"])
  }

  @Test("every rule has a declared space, of settings that it has and values that it takes")
  func spaces() throws {
    let plain = try #require(BuiltInRecipes.yaml("digits-mlp"))
    for (rule, space) in SearchSpace.all {
      for dimension in space.dimensions {
        for place in [0, 0.5, 1] {
          let value = try #require(dimension.value(at: place, recipe: 0.1))
          _ = try Recipe(
            yaml: plain,
            overrides: ["optimizer.name=\(rule)", "optimizer.\(dimension.setting)=\(value)"])
        }
      }
    }
    #expect(SearchSpace.of("new-rule", rate: 0.3).dimensions.map(\.range) == [0.01...9])
    #expect(!SearchSpace.of("new-rule", rate: 1).needsTuning)
  }

  @Test("trials are as many for each, alike for one rule, and leave alone what a text sets")
  func trials() throws {
    try inFolder { path in
      var plan = try plan(["adamw", "adamw(eps=1e-7)", "adamw(lr=1e-3)", "prodigy", "dadapt-adam"])
      plan.trials = 4
      let race = try Race(plan, in: path)
      let trials = (0..<5).map { race.tuning(0, $0) }
      #expect(trials.map(\.count) == [4, 4, 0, 4, 0])
      #expect(trials[0].map(\.settings) == trials[1].map(\.settings))
      #expect(trials[0][0].settings.isEmpty && Set(trials[0].map(\.settings)).count == 4)
      #expect(trials[3][1].settings[0].hasPrefix("d_coef="))
      // The seed of tuning is none of those that are judged, which all have in common.
      let seed = try #require(trials[0][0].overrides.last)
      let judged = (0..<2).map { race.judged(0, 0, $0).overrides.last }
      #expect(!judged.contains(seed) && Set(judged).count == 2)
      #expect(judged == (0..<2).map { race.judged(0, 3, $0).overrides.last })
    }
  }

  // MARK: Races

  @Test("a race that was stopped goes on where it was, with the result of one that was not")
  func goesOn() throws {
    try inFolder { path in
      let plan = try plan(["adamw", "lion"], ["steps=20"])
      /// Stops after so many steps of so many runs, as Ctrl-C would.
      func run(_ path: String, runs: Int = .max) throws -> (result: RaceResult, ended: [Int]) {
        var ended: [Int] = []
        var steps = 0
        let crew = Crew {
          if ended.count >= runs { steps += 1 }
          return steps > 12
        }
        let result = try Race(plan, in: path).run(crew) { ended.append($0.done) }
        return (result, ended)
      }
      #expect(throws: RaceError.interrupted(path)) { try run(path, runs: 2) }
      let rest = try run(path)
      #expect(rest.ended == [3, 4])
      let whole = try run(path + "-whole")
      defer { try? FileManager.default.removeItem(atPath: path + "-whole") }
      #expect(whole.ended == [1, 2, 3, 4])
      #expect(
        rest.result.recipes[0].entries.map(\.finals)
          == whole.result.recipes[0].entries.map(\.finals))
      // A file that was cut short is a run that was not done.
      let file = try #require(
        try files(path).first { $0.hasSuffix("01-adamw/seed-02.json") })
      try "{".write(toFile: "\(path)/\(file)", atomically: true, encoding: .utf8)
      #expect(try run(path).ended == [4])
    }
  }

  @Test("one process races in a folder at a time") func locked() throws {
    try inFolder { path in
      let plan = try plan(["adamw"])
      let race = try Race(plan, in: path)
      #expect(throws: RunError.self) { try Race(plan, in: path) }
      withExtendedLifetime(race) {}
    }
  }

  @Test("what a race says of runs") func words() throws {
    try inFolder { path in
      var plan = try plan(["adamw", "adamw(lr=1e-5)", "adamw", "sgd(lr=1e38)"], ["steps=40"])
      (plan.target, plan.seeds) = (2.28, 3)
      var count = 0
      func run() throws -> RaceResult {
        try Race(plan, in: path).run(Crew()) { _ in count += 1 }
      }
      let result = try run()
      #expect(count == 12)
      let entries = result.recipes[0].entries
      #expect(entries.map(\.failures) == [0, 0, 0, 3])
      #expect(entries[0].stepsToTarget != nil && entries[1].stepsToTarget == nil)
      // The same weights and data: the same rule has the same bits.
      #expect(entries[0].finals == entries[2].finals)
      #expect(Set(entries[0].finals).count == 3)
      let verdict = result.comparisons[0]
      #expect(verdict.count == 6)
      #expect(verdict[0].isProven && verdict[0].better.label == "adamw")
      #expect(verdict[0].worse.label == "adamw(lr=1e-5)")
      #expect(!verdict[1].isProven && verdict[1].p == 1)
      #expect(verdict[1].sentence.contains("to the last bit"))
      for pair in verdict {
        guard let interval = pair.interval else { continue }
        #expect((interval.low > pair.test.margin) == pair.isProven)
      }
      #expect(verdict.count { $0.interval != nil } == 3)
      #expect(verdict[0].sentence.contains("both corrected for 6 pairs"))
      #expect(verdict[2].sentence.contains("sgd(lr=1e38) failed in 3 of 3 runs"))
      #expect(verdict[2].better.label == "adamw" && !verdict[2].isProven)
      #expect(result.scope.contains("these settings were compared, not the rules"))
      #expect(result.headline(0).contains("sgd(lr=1e38) finished no run"))

      // As the contract has it.
      let page = RacePage.about(result, command: "descent race")
      let json = try #require(
        JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
      #expect(json["recipe"] as? String == "digits-mlp")
      let rows = try #require(json["rows"] as? [[String: Any]])
      #expect(rows.map { $0["optimizer"] as? String } == entries.map(\.label))
      let final = try #require(rows[0]["final"] as? [String: Double])
      #expect(final.keys.sorted() == ["high", "low", "mean"])
      #expect(rows[3]["failures"] as? Int == 3 && rows[0]["state_bytes"] as? Int ?? 0 > 0)
      // The first step blows up, so nothing after the second was done.
      #expect(rows[0]["steps"] as? Int == 40 && rows[3]["steps"] as? Int ?? 40 < 5)
      #expect((rows[0]["settings"] as? [String: Any])?["lr"] as? Double == 0.001)
      #expect(rows[0]["steps_to_target"] is Double && rows[1]["steps_to_target"] is NSNull)
      let pairs = try #require(json["verdict"] as? [[String: Any]])
      #expect(pairs[0]["proven"] as? Bool == true && (pairs[0]["p"] as? Double ?? 1) < 0.05)

      // The same again does nothing again; more seeds and optimizers are welcome, fewer are not.
      #expect(try run().recipes[0].entries.map(\.finals) == entries.map(\.finals) && count == 12)
      plan.seeds = 4
      plan.optimizers.append("lion")
      #expect(try run().recipes[0].entries[0].finals.prefix(3) == entries[0].finals[...])
      #expect(count == 12 + 4 + 4)
      plan.seeds = 2
      #expect(throws: RecipeError.self) { try run() }
      plan.seeds = 4
      plan.optimizers.swapAt(0, 1)
      #expect(throws: RecipeError.self) { try run() }
    }
  }

  @Test("tuning takes the best trial, and its weights go") func tunes() throws {
    try inFolder { path in
      var plan = try plan(["adamw", "dadapt-adam"], ["steps=20"])
      plan.trials = 3
      let result = try Race(plan, in: path).run(Crew()) { _ in }
      let entry = result.recipes[0].entries[0]
      let losses = entry.tuning.compactMap { $0.outcome?.final }
      #expect(losses.count == 3 && entry.chosen?.outcome?.final == losses.min())
      #expect(entry.judged.allSatisfy { $0.settings == entry.chosen?.settings })
      let weights = try files(path).filter { $0.hasSuffix(".safetensors") }
      #expect(weights.count == 4 && weights.allSatisfy { $0.contains("seed-") })
      let text = RacePage.about(result, command: "").text()
      #expect(text.contains("dadapt-adam needs no tuning"))
      #expect(text.contains("but dadapt-adam, which had no setting left to tune, was given 3"))
      #expect(text.contains("sensitivity to the learning rate"))
    }
  }

  @Test("a budget of seconds becomes steps, and schedules follow") func budget() throws {
    try inFolder { path in
      var plan = try plan(["adamw"], ["epochs=30"])
      plan.changes.removeAll { $0 == "steps=6" }
      (plan.secondsPerRun, plan.seeds) = (0.1, 1)
      let race = try Race(plan, in: path)
      let result = try race.run(Crew()) { _ in }
      let entry = result.recipes[0].entries[0]
      #expect(entry.steps > 1)
      #expect(entry.judged[0].outcome?.steps == entry.steps)
      #expect(entry.judged[0].overrides.contains("steps=\(entry.steps)"))
    }
  }

  @Test("several recipes have profiles, and one correction for all pairs") func profiles() throws {
    try inFolder { path in
      var plan = try plan(["adamw", "adamw(lr=1e-5)"], ["batch=16"])
      plan.recipes.append(.init(name: "again", yaml: plan.recipes[0].yaml))
      let result = try Race(plan, in: path).run(Crew()) { _ in }
      #expect(result.comparisons.flatMap { $0 }.allSatisfy { $0.comparisons == 2 })
      let profile = try #require(result.profile)
      #expect(profile.share(0, within: 1) == 1 && profile.share(1, within: 1) == 0)
      let page = RacePage.about(result, command: "")
      #expect(page.text().contains("Performance profile"))
      #expect(page.html().contains("again"))
    }
  }

  @Test("a folder with something else in it is left alone") func occupied() throws {
    try inFolder { path in
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try "mine".write(toFile: path + "/notes.txt", atomically: true, encoding: .utf8)
      #expect(throws: RunError.occupied(path)) { try Race(plan(["adamw"]), in: path) }
      #expect(throws: RaceError.notARace(path)) { try Race(resuming: path) { _ in } }
      #expect(try files(path) == ["notes.txt"])
    }
  }
}
