// A model of one's own from the first step to its use: trained, interrupted, resumed, loaded.
import Descent
import DescentNN
import DescentTraining
import Foundation

/// Two layers with an activation that the package does not have: sin x.
final class SineNetwork: Module {
  let first: Linear
  let second: Linear

  init(seed: UInt64) {
    var random = RandomStream(seed: seed)
    first = Linear(inputs: 1, outputs: 32, random: &random)
    second = Linear(inputs: 32, outputs: 1, role: .head, random: &random)
  }

  var members: [Member] { [.module("first", first), .module("second", second)] }

  func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    second((3 * first(x, context)).mapped({ sin($0) }, slope: { cos($0) }), context)
  }
}

/// |x| in −1 ... 1.
func points(_ count: Int) throws -> TensorDataset {
  let x = Tensor(shape: [count, 1], scalars: (0..<count).map { 2 * Float($0) / Float(count) - 1 })
  return try TensorDataset(x, x.magnitude())
}

/// The same whenever it is made, so that a run can go on in another process.
func makeTask() throws -> some TrainingTask {
  try LossTask(
    SineNetwork(seed: 1), training: points(512), validation: points(100), seed: 1, unit: "points"
  ) { model, batch, context in
    (model(batch.inputs, context) - batch.targets).squared().mean()
  }
}

/// Stands for Ctrl-C.
final class Interruption: TrainingObserver {
  private var steps = 0
  var wantsToStop: Bool { steps == 150 }
  func stepped(_ step: TrainingStep) { steps += 1 }
}

// A recipe says everything that a recipe in YAML can say, but for the model and the data.
var recipe = Recipe(
  OptimizerPlan(AdamW(learningRate: 0.01), schedules: [("lr", Cosine(warmup: 20))]), steps: 400)
recipe.checkpoint.every = 100
recipe.evaluate.every = 100

let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
defer { try? FileManager.default.removeItem(at: folder) }
let run = try RunDirectory(new: folder.path, name: "sine")
let first = try Trainer(recipe, task: makeTask()).run(in: run, observer: Interruption())
print("interrupted after \(first.steps) steps")

// Later, in another process: to the bit as if it had never stopped.
let existing = try RunDirectory(existing: folder.path)
let second = try Trainer(resuming: existing, with: recipe, task: makeTask()).run(in: existing)
print("mean squared error after \(second.steps) steps: \(second.evaluation!.loss)")

// The weights, in a model that anybody makes.
let network = SineNetwork(seed: 2)
try network.load(from: folder.path)
print(network(Tensor(shape: [3, 1], scalars: [-0.5, 0, 0.25]), .inference))
