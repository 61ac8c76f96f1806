import Descent
import DescentNN

/// Losses and gradients for a method that evaluates them itself, as often as it needs: it sees the
/// batches of the step again and again, with the same dropout.
struct EvaluatedGradients: GradientSource {
  let batches: BatchGradients
  let optimizer: Optimizer<Float>

  func compute(_ attempt: Int, scale: Float, whenFinite: () -> Void) throws -> BatchLoss {
    let loss = try batches.compute(attempt, scale: scale)
    if loss.isFinite { whenFinite() }
    return loss
  }

  func update(_ attempt: Int, loss: BatchLoss, unscale: Double) throws -> StepReport {
    let buffers = batches.task.model.buffers
    var known: Double? = loss.mean
    return try optimizer.step(batches.parameters) {
      if let loss = known.take() { return loss }
      // Running statistics follow each evaluation but those that are not finite.
      let before = buffers.values
      let loss = try batches.compute(attempt)
      if !loss.isFinite { buffers.restore(before) }
      return loss.mean
    }
  }
}
