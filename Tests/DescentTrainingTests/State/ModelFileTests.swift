import Descent
import DescentNN
import DescentTraining
import Foundation
import Safetensors
import Testing

@Suite("Files of models") struct ModelFileTests {
  private func model(_ seed: UInt64, outputs: Int = 2) throws -> MLPClassifier {
    var random = RandomStream(seed: seed)
    return try MLPClassifier(
      inputs: 3, hidden: [4], classes: outputs, activation: .tanh, random: &random)
  }

  private func step(_ model: MLPClassifier, _ optimizer: Optimizer<Float>, _ times: Int) throws {
    for time in 0..<times {
      var random = RandomStream(seed: UInt64(time + optimizer.appliedSteps))
      let x = Tensor.random([5, 3], normal: 1, &random)
      let tape = Tape()
      let loss = model(x, tape.context()).crossEntropy(IndexTensor([0, 1, 0, 1, 1]))
      tape.gradients(of: loss)
      _ = try optimizer.step(model.parameters)
    }
  }

  @Test("a model is written and read") func model() throws {
    try withFolder { folder in
      let (one, other) = (try model(1), try model(2))
      try one.save(to: folder + "/m.safetensors")
      let report = try other.load(from: folder + "/m.safetensors")
      #expect(report.isComplete && report.matched.count == 4)
      for (a, b) in zip(one.parameters, other.parameters) { #expect(a.value == b.value) }
      let wide = try model(3, outputs: 5)
      let before = wide.parameters.map(\.value)
      #expect(throws: RunError.self) { try wide.load(from: folder + "/m.safetensors") }
      #expect(wide.parameters.map(\.value) == before)
      #expect(try wide.load(from: folder + "/m.safetensors", partially: true).matched.count == 2)
      #expect(wide.parameters[0].value == one.parameters[0].value)
      #expect(throws: SafetensorsError.self) { try one.load(from: folder + "/none.safetensors") }
      #expect(throws: RunError.self) {
        try one.load(
          with: Optimizer(AdamW(), model: one), from: folder + "/m.safetensors")
      }
    }
  }

  @Test(
    "training goes on from a file with the same bits",
    arguments: ["adamw", "schedule-free-adamw", "muon"], ["float32", "int8"])
  func optimizer(_ rule: String, _ format: String) throws {
    try withFolder { folder in
      let (plan, problems) = OptimizerPlan.read(
        .init(
          ["optimizer": [("name", rule), ("state", format), ("state_minimum", "1")]], groups: nil))
      #expect(problems.isEmpty)
      let path = folder + "/both.safetensors"
      let one = try model(1)
      let first = try Optimizer<Float>(plan, model: one)
      try step(one, first, 4)
      try one.save(with: first, to: path)
      let other = try model(2)
      let second = try Optimizer<Float>(plan, model: other)
      try other.load(with: second, from: path)
      #expect(second.appliedSteps == 4)
      try step(one, first, 3)
      try step(other, second, 3)
      for (a, b) in zip(one.parameters, other.parameters) { #expect(a.value == b.value) }
      #expect(SavedState(of: first) == SavedState(of: second))

      let checkpoint = try Checkpoint(URL(fileURLWithPath: path))
      #expect(checkpoint.hasState && checkpoint.step == 4)
      #expect(
        checkpoint.tensors.contains { $0.name == "layers.0.weight" || $0.name.hasSuffix("weight") })
      try checkpoint.verify()
      // The weights alone are those to use.
      let used = try model(3)
      try used.load(from: path)
      try checkpoint.loadWeights(into: try model(4))
      let wrong = try Optimizer<Float>(SGD(), model: other)
      #expect(throws: RunError.self) { try other.load(with: wrong, from: path) }
    }
  }

  @Test("a checkpoint of a run gives an optimizer its state, and leaves the average") func run()
    throws
  {
    try withFolder { folder in
      let recipe = try Recipe(
        yaml: """
          {steps: 4, batch: 8, model: {kind: mlp, hidden: [4]}, data: {kind: digits},
           optimizer: {name: adamw}, average: {name: ema}}
          """)
      let run = try RunDirectory(new: folder + "/run", name: "")
      let trainer = try Trainer(recipe)
      try trainer.run(in: run)
      let model = try recipe.makeTask().model
      let optimizer = try Optimizer<Float>(recipe.plan, model: model)
      try model.load(with: optimizer, from: run.path)
      #expect(optimizer.appliedSteps == 4)
      let weights = zip(model.parameters, trainer.task.model.parameters)
      #expect(weights.allSatisfy { $0.value == $1.value })
      try model.load(from: run.path)
      #expect(!weights.allSatisfy { $0.value == $1.value })
      let name = try #require(model.namedParameters.first?.name)
      let moment = try Checkpoint(newestOf: run).floats(of: "state/exp_avg/\(name)")
      #expect(
        optimizer.state.first { $0.slot == "exp_avg" && $0.parameter == name }?.values == moment)
    }
  }
}
