import Descent
import DescentTraining
import Foundation
import Testing

/// The short forms of the built-in recipes: each reaches its target.
@Suite("Scenarios in short") struct ScenarioTests {
  private let files = try! TemporaryFiles()

  private func outcome(_ name: String, _ changes: [String] = []) throws -> TargetOutcome {
    let yaml = try #require(BuiltInRecipes.yaml(name))
    var recipe = try Recipe(yaml: yaml, overrides: changes, quick: true)
    if let base = recipe.run.from {
      #expect(try outcome(base).step != nil)
      recipe.run.from = files.path(base)
    }
    let run = try RunDirectory(new: files.path(name), name: name)
    try Trainer(recipe).run(in: run)
    return try run.outcome(of: #require(recipe.target))
  }

  private static let ownData = ["csv", "mnist"]

  @Test(
    "with the package's data",
    arguments: BuiltInRecipes.list.filter {
      $0.yaml.contains("\nquick:") && !ownData.contains($0.name)
    }.map(\.name))
  func builtIn(_ name: String) throws {
    let outcome = try outcome(name)
    #expect(outcome.step != nil, "best \(outcome.best ?? .nan)")
  }

  @Test("with a table, whose classes and features are said") func table() throws {
    let rows = (0..<240).map { i -> String in
      let (x, y) = (sin(Double(i)), cos(Double(7 * i)))
      return "\(x),\(y),\(i),\(x > 0.2 ? "high" : y > 0 ? "left" : "low")"
    }
    let path = try files.write("x,y,noise,class\n" + rows.joined(separator: "\n"), to: "table.csv")
    let changes = [
      "data.path=\(path)", "epochs=30", "target.metric=val_accuracy", "target.at_least=0.8",
    ]
    #expect(try outcome("csv", changes).step != nil)
    let recipe = try Recipe(
      yaml: try #require(BuiltInRecipes.yaml("csv")), overrides: ["data.path=\(path)"])
    let summary = try #require(try recipe.makeTask().summary)
    for part in [
      "216 rows to train on, 24", "3 features: x, y, noise", "3 classes: high, left, low",
    ] {
      #expect(summary.contains(part), "\(summary)")
    }
  }

  @Test("with MNIST's files, made of the digits") func images() throws {
    let digits = try DigitsData.images()
    func write(_ name: String, _ range: Range<Int>) throws {
      let count = UInt8(range.count / 256)
      let (low, size) = (UInt8(range.count % 256), digits.exampleSize)
      let pixels = digits.features[range.lowerBound * size..<range.upperBound * size]
      let images = [0, 0, 8, 3, 0, 0, count, low, 0, 0, 0, 8, 0, 0, 0, 8]
      _ = try files.write(
        images + pixels.map { UInt8(255 * $0) }, to: name + "-images-idx3-ubyte")
      _ = try files.write(
        [0, 0, 8, 1, 0, 0, count, low] + digits.labels[range].map { UInt8($0) },
        to: name + "-labels-idx1-ubyte")
    }
    try write("train", 0..<1500)
    try write("t10k", 1500..<1797)
    #expect(try outcome("mnist", ["data.path=\(files.folder)"]).step != nil)
  }

  @Test(
    "recipes for data of one's own say what to give",
    arguments: [("csv", "--set data.path=FILE"), ("mnist", "--set data.path=FOLDER")])
  func missing(_ name: String, _ advice: String) throws {
    let yaml = try #require(BuiltInRecipes.yaml(name))
    let error = try #require(#expect(throws: RecipeError.self) { try Recipe(yaml: yaml) })
    #expect(error.problems.count == 1 && error.problems[0].contains(advice), "\(error)")
  }

  @Test("how much of a batch is right stands beside the loss, and training has the same bits")
  func trainAccuracy() throws {
    let yaml = "{steps: 30, model: {kind: mlp}, data: {kind: digits}, optimizer: {name: adamw}}"
    let run = try RunDirectory(new: files.path("accuracy"), name: "")
    try Trainer(Recipe(yaml: yaml)).run(in: run)
    let shares = try run.metrics().steps.map { try #require($0.diagnostics["train_accuracy"]) }
    #expect(shares.allSatisfy { (0...1).contains($0) } && shares.count == 30)
    #expect(shares.suffix(3).reduce(0, +) > shares.prefix(3).reduce(0, +))
  }
}
