import Descent
import DescentNN

/// Gradients that are used in the backward pass, one parameter after another, and freed at once;
/// two passes where the norm must be known first.
struct ReleasedGradients: GradientSource {
  private let batches: BatchGradients
  private let release: GradientRelease<Float>
  private let indices: [ObjectIdentifier: Int]

  init(_ batches: BatchGradients, _ release: GradientRelease<Float>) {
    (self.batches, self.release) = (batches, release)
    indices = Dictionary(
      uniqueKeysWithValues: batches.parameters.enumerated().map { (ObjectIdentifier($1), $0) })
  }

  func compute(_ attempt: Int, scale: Float, whenFinite: () -> Void) throws -> BatchLoss {
    release.start()
    guard release.needsMeasuring else { return try update(attempt, whenFinite) }
    let measured = try measure(attempt)
    guard measured.isFinite else { return measured }
    whenFinite()
    return try batches.task.model.keepingBuffers { try update(attempt) {} }
  }

  func update(_ attempt: Int, loss: BatchLoss, unscale: Double) -> StepReport { release.end() }

  /// A backward pass that takes the norm.
  private func measure(_ attempt: Int) throws -> BatchLoss {
    try batches.compute(attempt, permits: \.isFinite) { parameter in
      let index = indices[ObjectIdentifier(parameter)]!
      release.take(index, parameter.memory)
      parameter.clearGradient()
    }
  }

  /// A backward pass that moves the weights, where the loss is finite.
  private func update(_ attempt: Int, _ whenFinite: () -> Void) throws -> BatchLoss {
    release.prepare(batches.parameters.memory)
    func permits(_ loss: Double) -> Bool {
      if loss.isFinite { whenFinite() }
      return loss.isFinite
    }
    return try batches.compute(attempt, permits: permits) { parameter in
      // Only this one is asked where its weights are: asking may copy what the tape still holds.
      let index = indices[ObjectIdentifier(parameter)]!
      release.update(index, parameter.memory)
      parameter.clearGradient()
    }
  }
}
