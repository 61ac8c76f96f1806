import Descent
import DescentTraining
import Foundation
import Testing

@Suite("Targets and short forms") struct TargetTests {
  private static let yaml = """
    steps: 40
    batch: 8
    model: {kind: mlp, hidden: [4]}
    data: {kind: digits}
    optimizer: {name: adamw, lr: 0.01}
    evaluate: {every: 10, batches: 4}
    target: {metric: val_accuracy, at_least: 0.9}
    quick:
      steps: 10
      evaluate: {every: 5}
      target.at_least: 0.01
    """

  @Test(
    "a target that is none says what is missing",
    arguments: [
      ("target: {at_most: 1, at_least: 1}", "give at_most or at_least, not both"),
      ("target: {metric: val_loss}", "the value to reach is missing"),
      ("target: {at_most: much}", "target.at_most"),
      ("target: 3", "target is a section"),
      ("target: {at_mots: 3}", "did you mean 'target.at_most'"),
      ("quick: {stesp: 3}", "with quick, recipe has no setting 'stesp'"),
      ("quick: {optimizer.lr: -1}", "with quick, optimizer.lr"),
      ("quick: {steps: [1, 2]}", "steps"),
      ("quick: 3", "quick is a section: give it keys of its own, such as 'steps: 100'"),
      ("quick: {quick: {steps: 1}}", "quick.steps cannot be set"),
      ("target: {metric: '', at_most: 1}", "metric is '', and must be a key of metrics.jsonl"),
      ("target: {metric: [a], at_most: 1}", "metric is '[a]', and must be a key of metrics.jsonl"),
    ])
  func mistakes(_ section: String, _ sentence: String) throws {
    let base = Self.yaml.split(separator: "target:")[0]
    let error = try #require(throws: RecipeError.self) {
      try Recipe(yaml: base + section)
    }
    #expect("\(error)".contains(sentence), "\(error)")
  }

  @Test("the short form changes the recipe before --set does") func quick() throws {
    let long = try Recipe(yaml: Self.yaml)
    #expect(long.run.steps == 40 && long.target?.atLeast == 0.9)
    let short = try Recipe(yaml: Self.yaml, overrides: ["evaluate.every=2"], quick: true)
    #expect(short.run.steps == 10 && short.evaluate.every == 2 && short.target?.atLeast == 0.01)
    // What is written is the run, not how a short one would differ.
    #expect(try Recipe(yaml: short.yaml).yaml == short.yaml && !short.yaml.contains("quick"))
    let without = Self.yaml.split(separator: "quick:")[0]
    #expect(throws: RecipeError.self) { try Recipe(yaml: String(without), quick: true) }
    #expect(try Recipe(yaml: without + "quick: none").run.steps == 40)
    let other = try Recipe(yaml: Self.yaml, overrides: ["target.at_most=1", "target.metric=loss"])
    #expect(other.target?.atMost == 1 && other.target?.atLeast == nil)
    let epochs = try Recipe(yaml: Self.yaml, overrides: ["epochs=1"], quick: true)
    #expect(epochs.run.steps == nil && epochs.run.epochs == 1)
  }

  @Test("a run says when it has reached its target") func outcome() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let recipe = try Recipe(yaml: Self.yaml, quick: true)
    let run = try RunDirectory(new: folder.path, name: "")
    try Trainer(recipe).run(in: run)
    let reached = try run.outcome(of: #require(recipe.target))
    #expect(reached.step == 5 && reached.best != nil && (reached.seconds ?? 0) > 0)
    var target = TargetSettings()
    (target.metric, target.atMost) = ("loss", 0)
    let missed = try run.outcome(of: target)
    #expect(missed.step == nil && (missed.best ?? 0) > 0 && missed.last != nil)
    target.metric = "val_nothing"
    let unknown = try run.outcome(of: target)
    #expect(unknown.best == nil && unknown.measured.isSuperset(of: ["loss", "val_loss", "lr"]))
  }

  @Test("weights to begin with are found by the name of a recipe's run, or said to be missing")
  func from() throws {
    var recipe = try Recipe(yaml: Self.yaml, overrides: ["from=digits-mlp"], quick: true)
    #expect(recipe.run.from == "digits-mlp")
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let error = try #require(throws: DataError.self) {
      try Trainer(recipe).run(in: RunDirectory(new: folder.path, name: ""))
    }
    #expect("\(error)".contains("descent train digits-mlp"), "\(error)")
    recipe.run.from = nil
    let base = try RunDirectory(new: folder.path + "/base", name: "")
    try Trainer(recipe).run(in: base)
    recipe.run.from = base.path
    recipe.plan.schedules = []
    let trainer = try Trainer(recipe)
    #expect(try trainer.begin()?.report.isComplete == true)
    #expect(try trainer.begin() == nil, "it begins once")
  }
}
