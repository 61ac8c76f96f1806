import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

// A kind of data, a model and a task that the package does not have: a line through points.

private struct Points: Sendable {
  let x: [Float]
  let y: [Float]
}

extension DataForm<Points> {
  fileprivate static var points: Self { Self("points") }
}

private struct LineData: DataKind {
  var slope = 2.0

  static let name = "line"
  static let settings: [Setting<LineData>] = [.number("slope", \.slope, .any, "slope of the line")]
  static let form = DataForm.points

  func load(seed: UInt64) throws -> Points {
    var random = RandomStream(seed: seed, stream: 0)
    let x = (0..<64).map { _ in 2 * random.uniform() - 1 }
    return Points(x: x, y: x.map { Float(slope) * $0 + 1 })
  }
}

private struct LineModel: ModelKind {
  static let name = "linear"
  static let settings: [Setting<LineModel>] = []
  static let learns = [DataForm.points]
  static let reportsAccuracy = false

  func makeTask(_ data: Points, seed: UInt64) throws -> any TrainingTask {
    var random = RandomStream(seed: seed, stream: 1)
    let layer = Linear(inputs: 1, outputs: 1, random: &random)
    layer.assignNames()
    return Regression(layer, data)
  }
}

private final class Regression: TrainingTask {
  let layer: Linear
  let data: Points
  var model: any Module { layer }
  let unit = "points"

  init(_ layer: Linear, _ data: Points) { (self.layer, self.data) = (layer, data) }

  func batchesPerEpoch(_ batch: Int) -> Int? { (data.x.count + batch - 1) / batch }

  var fingerprint: String {
    var hash = Fingerprint()
    for x in data.x + data.y { hash.add(x.bitPattern) }
    return hash.text
  }

  func batch(_ number: Int, size: Int) -> Batch {
    let indices = (0..<size).map { (number * size + $0) % data.x.count }
    let x = Tensor(shape: [size, 1], scalars: indices.map { data.x[$0] })
    let y = Tensor(shape: [size, 1], scalars: indices.map { data.y[$0] })
    return Batch(weight: size) { [layer] in
      (layer(x, $0) - y).squared().mean()
    } sampledLoss: { [layer] context, random in
      // The model believes in its own prediction with a deviation of 1.
      var random = random
      let noise = Tensor(shape: [size, 1], scalars: (0..<size).map { _ in random.normal() })
      let prediction = layer(x, context)
      return (prediction - (Tensor(shape: [size, 1], scalars: prediction.scalars) + noise))
        .squared().mean()
    }
  }

  func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    Evaluation(loss: Double(batch(0, size: 64).loss(.inference).scalar), accuracy: nil)
  }

  func save(to run: RunDirectory) throws {
    try run.write("y = w·x + b\n", to: run.url.appending(path: "formula.txt"))
  }
}

@Suite("Kinds of models and data from outside the package") struct OwnKindTests {
  /// A recipe whose model and data are exchanged for others.
  private func recipe(
    _ model: any ModelKind, _ data: any DataKind, _ changes: [String] = []
  ) throws -> Recipe {
    var recipe = try Recipe(
      yaml: """
        steps: 150
        batch: 16
        model: {kind: mlp}
        data: {kind: digits}
        optimizer: {name: adamw, lr: 0.1}
        schedule: {name: cosine}
        checkpoint: {every: 50}
        """, overrides: changes)
    (recipe.model, recipe.data) = (model, data)
    return recipe
  }

  @Test(
    "they train with all that a run has, by optimizers that draw labels too",
    arguments: [[], ["optimizer.name=sophia-g", "optimizer.lr=0.03", "steps=600"]])
  func trains(_ changes: [String]) throws {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "line")
      var data = LineData()
      data.slope = -3
      let watcher = Watcher()
      let result = try Trainer(recipe(LineModel(), data, changes)).run(in: run, observer: watcher)
      let before = watcher.losses[0]
      let after = try #require(result.evaluation).loss
      #expect(after < 0.2 * before, "\(before) → \(after) \(watcher.losses.suffix(5))")
      #expect(watcher.facts?.unit == "points" && run.checkpointFiles.count == 3)
      #expect(try String(contentsOf: run.url.appending(path: "formula.txt"), encoding: .utf8) != "")
      let yaml = try String(contentsOf: run.recipe, encoding: .utf8)
      #expect(yaml.contains("kind: linear") && yaml.contains("kind: line\n  slope: -3"))
    }
  }

  @Test("they are refused by name where they do not fit") func refused() throws {
    let digits = try #require(
      #expect(throws: RecipeError.self) { _ = try recipe(LineModel(), DigitsData()).makeTask() })
    #expect(
      digits.problems == [
        "model.kind=linear cannot learn data.kind=digits, which holds images; "
          + "set model.kind=mlp or cnn or vit or gan or diffusion"
      ])
    let gpt = try #require(
      #expect(throws: RecipeError.self) { _ = try recipe(GPTModel(), LineData()).makeTask() })
    #expect(
      gpt.problems == [
        "model.kind=gpt cannot learn data.kind=line, which holds points; set data.kind=text"
      ])
    var plateau = try recipe(
      LineModel(), LineData(),
      ["schedule.name=plateau", "schedule.mode=max", "evaluate.every=10"])
    let mode = #expect(throws: RecipeError.self) { try plateau.fit(steps: 150) }
    #expect(mode?.description.contains("not measured for model.kind=linear") == true)
  }
}
