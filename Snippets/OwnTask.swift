// A task whose data are made on the way: a network that removes noise.
import Descent
import DescentNN
import DescentTraining
import Foundation

final class Denoising: TrainingTask {
  let network: MLPClassifier
  private let seed: UInt64
  var model: any Module { network }

  init(seed: UInt64) throws {
    var random = RandomStream(seed: seed, stream: 1)
    network = try MLPClassifier(
      inputs: 8, hidden: [32], classes: 8, activation: .gelu, random: &random)
    self.seed = seed
  }

  /// Data that never repeat have no epochs.
  func batchesPerEpoch(_ batch: Int) -> Int? { nil }
  let drawsAtRandom = true

  /// What a resumed run is compared with.
  var fingerprint: String { "noisy waves, seed \(seed)" }

  /// A pure function of the seed and the number: so a run can be resumed to the bit.
  func batch(_ number: Int, size: Int) -> Batch {
    let (clean, noisy) = waves(RandomStream(seed: seed, stream: UInt64(2 + number)), size)
    return Batch(weight: size) { [network] context in
      (network(noisy, context) - clean).squared().mean()
    }
  }

  func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let (clean, noisy) = waves(RandomStream(seed: seed, stream: 0), 256)
    let loss = (network(noisy, .inference) - clean).squared().mean()
    return Evaluation(loss: Double(loss.scalar), accuracy: nil)
  }

  private func waves(_ stream: RandomStream, _ count: Int) -> (clean: Tensor, noisy: Tensor) {
    var random = stream
    let phases = Tensor.random([count, 1], uniform: 0..<6.28, &random)
    let places = Tensor(shape: [8], scalars: (0..<8).map { Float($0) * 0.8 })
    let clean = (phases + places).mapped({ sin($0) }, slope: { cos($0) })
    return (clean, clean + Tensor.random([count, 8], normal: 0.3, &random))
  }
}

let recipe = Recipe(OptimizerPlan(AdamW(learningRate: 3e-3)), steps: 300, batch: 32)
let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
defer { try? FileManager.default.removeItem(at: folder) }
let run = try RunDirectory(new: folder.path, name: "denoising")
let result = try Trainer(recipe, task: Denoising(seed: 1)).run(in: run)
print("mean squared error", result.evaluation!.loss)
