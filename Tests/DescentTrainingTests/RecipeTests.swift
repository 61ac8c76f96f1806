import Descent
import DescentTraining
import Foundation
import Testing

@Suite("Recipes") struct RecipeTests {
  private static let small = """
    steps: 3
    model: {kind: mlp, hidden: [8]}
    data: {kind: digits}
    optimizer: {name: sgd, lr: 0.1}
    """

  @Test("the sections of a plan are sections of recipes") func sections() {
    #expect(Set(OptimizerPlan.sections).isSubset(of: RecipeSection.all.map(\.name)))
  }

  @Test(
    "every built-in recipe is read, has a line, and reads back what it writes",
    arguments: BuiltInRecipes.list.map(\.name))
  func builtIn(_ name: String) throws {
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.whole(name)))
    #expect(BuiltInRecipes.list.contains { $0.name == name && $0.summary.count > 20 })
    #expect(try Recipe(yaml: recipe.yaml).yaml == recipe.yaml)
  }

  @Test("groups survive writing and reading") func groups() throws {
    let recipe = try Recipe(
      yaml: """
        \(Self.small.replacing("lr: 0.1}", with: "lr: 0.1, groups: [{match: '*.bias', lr: 0.5},"))
          {name: big, rank: 2+, role: matrix, momentum: 0.9}]}
        """)
    let again = try Recipe(yaml: recipe.yaml)
    let groups = try #require(again.plan.groups)
    #expect(groups.map(\.match.description) == ["name *.bias", "rank 2+, role matrix"])
    #expect(groups[1].settings.map(\.name) == ["momentum"] && groups[1].name == "big")
  }

  @Test("schedules of any hyperparameter and any group survive writing and reading")
  func schedules() throws {
    let recipe = try Recipe(
      yaml: """
        steps: 30
        model: {kind: mlp, hidden: [8]}
        data: {kind: digits}
        optimizer:
          name: adamw
          groups:
            - {match: '*.bias', schedule: {name: constant}, schedules: {betas: {name: LinearLR}}}
        schedule:
          name: sequence
          parts:
            - {name: warmup, warmup: 5}
            - {name: product, parts: [{name: cosine}, {name: multistep, milestones: [8, 9]}]}
          milestones: [5]
        schedules:
          weight_decay: {name: linear, floor_ratio: 0.1}
        """,
      overrides: ["schedules.eps.name=constant", "schedules.weight_decay.warmup=2"])
    for again in [recipe, try Recipe(yaml: recipe.yaml)] {
      var again = again
      try again.fit(steps: 30)
      #expect(again.plan.schedules.map(\.setting) == ["lr", "eps", "weight_decay"])
      #expect(again.plan.schedules[0].schedule.value(at: 4, base: 1) == 1)
      // The cosine is 25 steps long, and its first milestone has passed.
      let cosine = 0.5 * (1 + cos(.pi * 8 / 25))
      #expect(abs(again.plan.schedules[0].schedule.value(at: 13, base: 1) - 0.1 * cosine) < 1e-12)
      #expect(
        abs(again.plan.schedules[2].schedule.value(at: 29, base: 1) - (0.1 + 0.9 / 28)) < 1e-12)
      let group = try #require(again.plan.groups?.first)
      #expect(group.schedules.map(\.setting).sorted() == ["betas", "lr"] && group.settings.isEmpty)
    }
    #expect(try Recipe(yaml: recipe.yaml).yaml == recipe.yaml)
  }

  @Test("what does not go together with the run is said") func unfitting() throws {
    func problem(_ changes: [String]) -> String {
      let error = #expect(throws: RecipeError.self) {
        var recipe = try Recipe(yaml: Self.small, overrides: ["steps=30"] + changes)
        try recipe.fit(steps: 30)
      }
      return "\(error!)"
    }
    #expect(
      problem(["schedule.name=cosine", "schedule.warmup=31"]).contains(
        "schedule: warmup=31 is longer"))
    #expect(problem(["schedule.name=plateau"]).contains("set evaluate.every"))
    #expect(
      problem(["schedules.momentum.name=linear", "schedules.momentum.warmup=99"])
        .contains("schedules.momentum: warmup=99"))
    var recipe = try Recipe(
      yaml: Self.small, overrides: ["schedule.name=cosine", "schedule.total=10"])
    try recipe.fit(steps: 30)
    #expect(recipe.scheduleWarnings(steps: 30)[0].hasPrefix("lr: cosine ends at step 10"))
  }

  @Test("an average is written back, fitted to the run, and can be switched off") func average()
    throws
  {
    var recipe = try Recipe(yaml: Self.small, overrides: ["steps=30", "average.name=swa"])
    try recipe.fit(steps: 30)
    #expect((recipe.average as? StochasticWeightAverage)?.start == 22)
    let again = try Recipe(yaml: recipe.yaml)
    #expect(again.yaml == recipe.yaml && again.average is StochasticWeightAverage)
    #expect(try Recipe(yaml: recipe.yaml, overrides: ["average.name=none"]).average == nil)
    let other = try Recipe(yaml: recipe.yaml, overrides: ["average.name=ema"])
    #expect((other.average as? ExponentialAverage)?.decay == 0.999)
    var late = try Recipe(
      yaml: Self.small, overrides: ["steps=30", "average.name=lawa", "average.every=31"])
    let error = #expect(throws: RecipeError.self) { try late.fit(steps: 30) }
    #expect(error?.problems.first?.hasPrefix("average: lawa averages nothing in") == true)
  }

  @Test("--set changes any key; another kind drops the keys of the old one") func overrides() throws
  {
    let recipe = try Recipe(
      yaml: Self.small,
      overrides: ["optimizer.name=adamw", "optimizer.betas=0.9,0.95", "clip.norm=1", "steps=7"])
    #expect(recipe.plan.ruleName == "adamw")
    #expect(recipe.plan.rule.learningRate == 1e-3)
    #expect(recipe.plan.rule.resolved.contains { $0 == ("betas", .numbers([0.9, 0.95])) })
    #expect(recipe.plan.clip.norm == 1 && recipe.run.steps == 7)
  }

  @Test(
    "a mistake is one plain sentence that names the key",
    arguments: [
      (["optimizer.lr=-1"], "optimizer.lr=-1 is out of range: optimizer.lr must be at least 0"),
      (["optimizer.lrr=1"], "sgd has no setting 'optimizer.lrr'; did you mean 'optimizer.lr'?"),
      (["optimizer.name=adamx"], "optimizer.name=adamx does not exist; did you mean 'adam'?"),
      (["optimizr.lr=1"], "there is no section 'optimizr'; did you mean 'optimizer'?"),
      (["stepz=1"], "recipe has no setting 'stepz'; did you mean 'steps'?"),
      (["batch=many"], "batch=many cannot be read: batch takes a whole number, at least 1"),
      (["batch=0"], "batch=0 is out of range: batch must be at least 1"),
      (["steps=5", "epochs=2"], "give steps or epochs, not both"),
      (["model.kind=gpt"], "model.kind=gpt cannot learn data.kind=digits"),
      (["data.kind=csv"], "data: path is missing"),
      (
        ["schedule.name=cosine", "schedule.warmup=9", "schedule.total=3"],
        "schedule: warmup=9 is longer than total=3"
      ),
      (["schedule.warmup=1"], "schedule.name is missing: give one of constant, warmup"),
      (["schedule.name=cosin"], "schedule: there is no schedule 'cosin'; did you mean 'cosine'?"),
      (
        ["schedule.name=cosine", "schedule.wamup=1"],
        "cosine has no setting 'schedule.wamup'; did you mean 'schedule.warmup'?"
      ),
      (
        ["schedules.momentum.name=step", "schedules.momentum.gamma=0"],
        "schedules.momentum.gamma=0 is out of range"
      ),
      (["schedules.momentum.gamma=0.5"], "schedules.momentum.name is missing: give one of"),
      (
        ["optimizer.groups=[{rank: 1, schedule: {name: linear, warmup: -1}}]"],
        "parameter group 'group 1': schedule.warmup=-1 is out of range"
      ),
      (["average.name=emma"], "average.name=emma does not exist; did you mean 'ema'?"),
      (["average.decay=0.9"], "average.name is missing: give one of ema, swa, lawa, lookahead"),
      (["average.name=ema", "average.decay=1"], "average.decay=1 is out of range"),
      (
        ["average.name=lookahead", "optimizer.name=schedule-free-sgd"],
        "schedule-free-sgd cannot be combined with average.name=lookahead: training does not"
      ),
      (
        ["average.name=lookahead", "optimizer.name=lbfgs"],
        "lbfgs cannot be combined with average.name=lookahead: its history belongs to"
      ),
      (["clip.norm=0"], "clip.norm=0 is out of range: clip.norm must be above 0"),
      (["precision=fp8"], "precision=fp8 cannot be read: precision takes one of float32"),
      (["optimizer.state=int3"], "optimizer.state=int3 cannot be read: "),
      (["optimizer.nesterov=true"], "optimizer: nesterov=true needs momentum above 0"),
      (["lr"], "--set lr must have the form key=value"),
      (
        ["optimizer.groups=[{rank: 1-2-3}]"],
        "parameter group 'group 1': rank=1-2-3 cannot be read: rank takes a number of axes"
      ),
    ])
  func mistakes(_ assignments: [String], _ sentence: String) {
    let error = #expect(throws: RecipeError.self) {
      try Recipe(yaml: Self.small, overrides: assignments)
    }
    #expect(error?.problems.first?.hasPrefix(sentence) == true, "\(error?.description ?? "")")
  }

  @Test("all mistakes of a file are reported at once") func allAtOnce() {
    let error = #expect(throws: RecipeError.self) {
      try Recipe(
        yaml: """
          steps: -3
          btach: 2
          model: {kind: gptt}
          optimizer: {name: adamw, lr: fast, beta: 1}
          schedul: {name: cosine}
          """)
    }
    #expect(error?.problems.count == 7, "\(error?.description ?? "")")
  }

  @Test(
    "what is not YAML, or not a recipe, is said",
    arguments: [
      ("steps: [", "the recipe is not valid YAML"), ("- 1", "the recipe is a list"),
      ("steps: {a: {b: 1}}", "steps takes one value"), ("", "the recipe is empty"),
    ])
  func notARecipe(_ yaml: String, _ part: String) {
    let error = #expect(throws: RecipeError.self) { try Recipe(yaml: yaml) }
    #expect("\(error!)".contains(part), "\(error!)")
  }
}

extension BuiltInRecipes {
  /// The YAML of a recipe, with a path where the user is to give one.
  static func whole(_ name: String) -> String? {
    yaml(name)?.replacing("  kind: csv\n", with: "  kind: csv\n  path: table.csv\n")
      .replacing("  kind: idx\n", with: "  kind: idx\n  path: folder\n")
  }
}
