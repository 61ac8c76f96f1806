import Descent
import DescentNN

/// Where the gradients of a step come from, and how they move the weights.
///
/// Each attempt at a step, successful or skipped, has a number from 1, which with the seed decides
/// its batches and what dropout drops.
protocol GradientSource {
  /// Computes the loss of an attempt's batches, and its gradients.
  ///
  /// - Parameters:
  ///   - scale: what the loss is multiplied by for the backward pass: the loss scale.
  ///   - whenFinite: called once the loss is known to be finite, before any weight moves.
  /// - Throws: what the task throws where it cannot make a batch.
  func compute(_ attempt: Int, scale: Float, whenFinite: () -> Void) throws -> BatchLoss
  /// Moves the weights by what was computed, and ends the step.
  ///
  /// - Parameters:
  ///   - loss: the loss that was computed.
  ///   - unscale: what gradients are multiplied by first, to undo the loss scale.
  func update(_ attempt: Int, loss: BatchLoss, unscale: Double) throws -> StepReport
}

extension Recipe {
  /// What the recipe asks for: gradients that are released in the backward pass, those of a method
  /// that evaluates the loss itself, or plain ones.
  func makeGradientSource(
    _ batches: BatchGradients, _ optimizer: Optimizer<Float>, _ preconditioner: KFACPreconditioner?
  ) throws(RecipeError) -> any GradientSource {
    if run.releasesGradients {
      do throws(OptimizerError) {
        return ReleasedGradients(batches, try GradientRelease(optimizer))
      } catch { throw RecipeError(problems: error.sentences) }
    }
    return plan.rule.needs.contains(.evaluations)
      ? EvaluatedGradients(batches: batches, optimizer: optimizer)
      : PlainGradients(batches: batches, optimizer: optimizer, preconditioner: preconditioner)
  }
}
