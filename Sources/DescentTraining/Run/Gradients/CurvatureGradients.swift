import Descent
import DescentCompute
import DescentNN

/// Estimates of the curvature for rules that fold them in after some steps, made with the batches
/// of the attempt to come.
struct CurvatureGradients {
  private let batches: BatchGradients
  private let optimizer: Optimizer<Float>
  private let estimator: CurvatureEstimator

  /// - Returns: nil for a rule that takes no estimates.
  init?(_ batches: BatchGradients, _ optimizer: Optimizer<Float>, for rule: any Rule) {
    guard let rule = rule as? any CurvatureRule else { return nil }
    (self.batches, self.optimizer) = (batches, optimizer)
    estimator = type(of: rule).estimator
  }

  /// Folds an estimate in when one is due after an attempt.
  ///
  /// - Returns: whether it was taken in; nil when none was due.
  func fold(after attempt: Int) -> StepReport.Outcome? {
    guard optimizer.curvatureIsDue else { return nil }
    let model = batches.task.model
    switch estimator {
    case .gaussNewtonBartlett:
      _ = model.keepingBuffers { batches.compute(attempt + 1, loss: sampledLoss) }
    case .hutchinson:
      model.hutchinsonDiagonal(seed: UInt64(batches.run.seed), step: attempt) {
        _ = batches.compute(attempt + 1)
      }
    }
    return try? optimizer.foldCurvature(batches.parameters)
  }

  /// The mean loss against labels drawn from the model's own predictions.
  private func sampledLoss(_ batch: Batch, _ context: Context, _ seed: UInt64) -> Tensor {
    let logits = batches.task.logits(batch, context)
    return logits.crossEntropy(
      logits.sampledClasses(RandomStream(seed: seed, stream: RandomPurpose.labels)))
  }
}
