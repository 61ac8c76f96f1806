// An observer that prints, and ends a run that is good enough, or when Ctrl-C is pressed.
import Descent
import DescentNN
import DescentTraining
import Foundation

final class EarlyStop: TrainingObserver {
  private let target: Double
  private var isGoodEnough = false
  init(below target: Double) { self.target = target }

  /// Asked before each step; a run that ends has a checkpoint, and can be resumed.
  var wantsToStop: Bool { isGoodEnough || Interrupt.requested }

  func started(_ facts: RunFacts) { print("\(facts.parameters) weights, \(facts.steps) steps") }

  func evaluated(_ evaluation: Evaluation, after step: Int) {
    print("step \(step): \(evaluation.loss)")
    isGoodEnough = evaluation.loss < target
  }
}

Interrupt.watch()

// y = 2x₀ − x₁, in a linear layer.
var random = RandomStream(seed: 1)
let x = Tensor.random([256, 2], normal: 1, &random)
let y = x.matmul(Tensor(shape: [2, 1], scalars: [2, -1]))
let task = try LossTask(
  Linear(inputs: 2, outputs: 1, random: &random), training: TensorDataset(x, y),
  validation: TensorDataset(x[..<64], y[..<64]), seed: 1
) { model, batch, context in
  (model(batch.inputs, context) - batch.targets).squared().mean()
}
var recipe = Recipe(OptimizerPlan(SGD(learningRate: 0.05)), epochs: 20)
recipe.evaluate.every = 8
let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
defer { try? FileManager.default.removeItem(at: folder) }
let run = try RunDirectory(new: folder.path, name: "line")
let result = try Trainer(recipe, task: task).run(in: run, observer: EarlyStop(below: 1e-3))
print("ended after \(result.steps) steps; weights are in \(result.checkpoint)")
print(task.network.weight.value)
