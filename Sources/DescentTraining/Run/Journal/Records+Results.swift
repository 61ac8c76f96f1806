import Descent

extension StepRecord {
  /// The record of a step that was not skipped.
  ///
  /// - Parameters:
  ///   - step: its number, from 1.
  ///   - loss: the mean loss before the update.
  ///   - report: what the optimizer says of it.
  ///   - optimizer: the optimizer after the step.
  init(step: Int, loss: Double, _ report: StepReport, of optimizer: Optimizer<Float>) {
    self.init(step: step, loss: loss)
    (learningRate, gradientNorm) = (report.effectiveLearningRate, report.gradientNorm)
    (clipped, applied) = (report.clipped, report.applied)
    if let rounding = report.lostUpdates {
      (lostUpdates, lostShare) = (rounding.lost, rounding.share)
    }
    if let preconditioner = report.preconditioner {
      preconditionerScale = preconditioner.coefficient
      preconditionerFailures = preconditioner.failures.count
    }
    curvatureFolded = report.curvature.map { $0 == .applied }
    if let closure = report.closure {
      (finalLoss, exit) = (closure.finalLoss, closure.exit)
      (iterations, evaluations) = (closure.iterations, closure.evaluations)
    }
    let rates = optimizer.effectiveLearningRates
    if Set(rates.map(\.value)).count > 1 {
      learningRates = Dictionary(rates.map { ($0.group, $0.value) }) { first, _ in first }
    }
    clipNorm = optimizer.plan.clip.norm
    diagnostics = Dictionary(optimizer.metrics.map { ($0.name, $0.value) }) { first, _ in first }
  }
}

extension EvaluationRecord {
  /// What was found after `step` steps, with the name of the average where there is one.
  init(step: Int, _ evaluation: Evaluation, average: String?) {
    self.init(step: step, loss: evaluation.loss)
    (accuracy, self.average) = (evaluation.accuracy, average)
    lossWithoutAverage = evaluation.lossWithoutAverage
    rootMeanSquareError = evaluation.errors?.rootMeanSquare
    meanAbsoluteError = evaluation.errors?.meanAbsolute
    determination = evaluation.errors?.determination
    measures = evaluation.others
  }
}

extension StepReport {
  /// Sentences for whoever watches.
  var notes: [String] {
    var notes: [String] = []
    if let preconditioner {
      let (failed, unseen) = (preconditioner.failures, preconditioner.unseen)
      if !failed.isEmpty {
        notes.append(
          "K-FAC: statistics or decompositions failed for \(failed.joined(separator: ", ")); their "
            + "last good ones stay in use")
      }
      if !unseen.isEmpty {
        notes.append("K-FAC: no statistics came from \(unseen.joined(separator: ", "))")
      }
    }
    if case .refused(let culprit) = curvature {
      notes.append("the curvature estimate was refused: \(culprit)")
    }
    return notes
  }
}
