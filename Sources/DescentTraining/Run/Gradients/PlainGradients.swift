import Descent
import DescentNN

/// Gradients of all parameters at once, accumulated over micro-batches.
struct PlainGradients: GradientSource {
  let batches: BatchGradients
  let optimizer: Optimizer<Float>
  /// K-FAC's view of the layers, for rules that need it.
  let preconditioner: KFACPreconditioner?

  func compute(_ attempt: Int, scale: Float, whenFinite: () -> Void) throws -> BatchLoss {
    let loss = try batches.compute(attempt, scale: scale, observer: preconditioner)
    // The next attempt's statistics must not be added to these.
    if loss.isFinite { whenFinite() } else { preconditioner?.discard() }
    return loss
  }

  func update(_ attempt: Int, loss: BatchLoss, unscale: Double) throws -> StepReport {
    try optimizer.step(batches.parameters.memory, unscale: unscale)
  }
}
