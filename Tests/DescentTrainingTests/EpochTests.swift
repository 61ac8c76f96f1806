import Descent
import DescentTraining
import Foundation
import Testing

/// How much of the data the steps of a run take.
@Suite("Epochs", .serialized) struct EpochTests {
  /// Writes down what each step took.
  private final class Meter: TrainingObserver {
    var items: [Int] = []
    var losses: [Double] = []
    let limit: Int
    init(_ limit: Int = .max) { self.limit = limit }
    func started(_ facts: RunFacts) {}
    func stepped(_ step: TrainingStep) {
      items.append(step.items)
      losses.append(step.record.loss)
    }
    func evaluated(_ evaluation: Evaluation, after step: Int) {}
    var wantsToStop: Bool { items.count >= limit }
  }

  private func recipe(_ changes: [String]) throws -> Recipe {
    let yaml = """
      batch: 32
      model: {kind: mlp, hidden: 8}
      data: {kind: digits}
      optimizer: {name: sgd, lr: 0.01}
      """
    return try Recipe(yaml: yaml, overrides: changes)
  }

  /// The first of 1,438 digits in batches of 32: 44 whole ones and one of 30.
  private static let pass = [Int](repeating: 32, count: 44) + [30]

  @Test(
    "an epoch has each example once, whatever is accumulated",
    arguments: [
      (["epochs=1"], pass), (["epochs=1.5"], pass + pass.prefix(22)),
      (["epochs=1", "accumulate=40"], [1280, 158]),
      (["epochs=2", "accumulate=40"], [1280, 158, 1280, 158]),
      (["epochs=1.5", "accumulate=40"], [1280, 158]),
      (["epochs=1.9", "accumulate=40"], [1280, 158, 1280]),
      (["epochs=0.01", "accumulate=40"], [1280]),
      (["steps=3", "accumulate=40"], [1280, 158, 1280]),
      (["epochs=1", "accumulate=9"], [288, 288, 288, 288, 286]),
      (["epochs=0.5", "accumulate=9"], [288, 288]), (["epochs=2", "accumulate=45"], [1438, 1438]),
      (["epochs=2", "accumulate=1000"], [1438, 1438]),
      (["steps=2", "batch=5000", "accumulate=2"], [1438, 1438]),
    ])
  func items(_ changes: [String], _ expected: [Int]) throws {
    try withFolder { folder in
      let trainer = try Trainer(recipe(changes))
      let meter = Meter()
      _ = try trainer.run(in: RunDirectory(new: folder + "/run", name: "test"), observer: meter)
      #expect(trainer.steps == expected.count && meter.items == expected)
    }
  }

  @Test("accumulation over passes is what one large batch is") func largeBatch() throws {
    try withFolder { folder in
      func losses(_ name: String, _ changes: [String]) throws -> [Double] {
        let meter = Meter()
        let run = try RunDirectory(new: "\(folder)/\(name)", name: "test")
        _ = try Trainer(recipe(["epochs=3"] + changes)).run(in: run, observer: meter)
        return meter.losses
      }
      let (parts, whole) = (try losses("a", ["accumulate=40"]), try losses("b", ["batch=1280"]))
      #expect(parts.count == 6 && whole.count == 6)
      for (a, b) in zip(parts, whole) { #expect(abs(a - b) < 1e-5 * b) }
    }
  }

  @Test("a run that stops inside a pass continues with the same bits") func resumed() throws {
    try withFolder { folder in
      func run(_ name: String, stopAfter limit: Int = .max) throws -> (RunDirectory, Data) {
        let run = try RunDirectory(new: "\(folder)/\(name)", name: "test")
        let recipe = try recipe(["epochs=2", "accumulate=20"])
        let result = try Trainer(recipe).run(in: run, observer: Meter(limit))
        return (run, try Data(contentsOf: URL(filePath: result.checkpoint)))
      }
      let straight = try run("a").1
      let trainer = try Trainer(resuming: run("b", stopAfter: 2).0)
      let result = try trainer.run(
        in: RunDirectory(existing: folder + "/b"), observer: Meter())
      #expect(try Data(contentsOf: URL(filePath: result.checkpoint)) == straight)
    }
  }

  @Test("windows of a text are drawn at random, so that steps are never cut") func text() throws {
    try withFolder { folder in
      let yaml = """
        steps: 3
        batch: 2
        accumulate: 7
        model: {kind: gpt, layers: 1, heads: 1, width: 8, context: 8}
        data: {kind: text}
        optimizer: {name: sgd, lr: 0.01}
        evaluate: {batches: 1}
        """
      let meter = Meter()
      _ = try Trainer(Recipe(yaml: yaml)).run(
        in: RunDirectory(new: folder + "/run", name: "test"), observer: meter)
      #expect(meter.items == [112, 112, 112])
    }
  }

  @Test("epochs of more steps than a run can have are refused", arguments: [1e12, 1e18, 1e300])
  func endless(_ epochs: Double) throws {
    let error = #expect(throws: RecipeError.self) { try Trainer(recipe(["epochs=\(epochs)"])) }
    let text = try #require(error).description
    #expect(
      text.hasPrefix("epochs=") && text.hasSuffix("a run has at most 1,000,000,000,000 steps"))
    #expect(throws: RecipeError.self) { try recipe(["steps=1000000000001"]) }
    // Looking for the first step that an average takes is not a matter of the run's length.
    for average in ["ema", "swa", "lawa", "lookahead"] {
      _ = try Trainer(recipe(["steps=1e12", "average.name=\(average)"]))
    }
  }
}
