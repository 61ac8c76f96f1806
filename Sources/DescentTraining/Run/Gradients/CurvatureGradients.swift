import Descent
import DescentNN

/// Estimates of the curvature for rules that fold them in after some steps, made with the batches
/// of the attempt to come.
struct CurvatureGradients {
  private let batches: BatchGradients
  private let optimizer: Optimizer<Float>

  /// - Returns: nil for a rule that takes no estimates.
  init?(_ batches: BatchGradients, _ optimizer: Optimizer<Float>) {
    guard optimizer.takesCurvature else { return nil }
    (self.batches, self.optimizer) = (batches, optimizer)
  }

  /// Folds an estimate in when one is due after an attempt.
  ///
  /// - Returns: whether it was taken in; nil when none was due.
  func fold(after attempt: Int) throws -> StepReport.Outcome? {
    guard optimizer.curvatureIsDue else { return nil }
    let model = batches.task.model
    if optimizer.plan.rule.needs.contains(.hessianDiagonal) {
      try model.hutchinsonDiagonal(seed: UInt64(batches.run.seed), step: attempt) {
        _ = try batches.compute(attempt + 1)
      }
    } else {
      _ = try model.keepingBuffers { try batches.compute(attempt + 1, sampled: true) }
    }
    return try? optimizer.foldCurvature(batches.parameters)
  }
}
