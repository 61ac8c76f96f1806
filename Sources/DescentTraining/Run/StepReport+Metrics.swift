import Descent
import DescentCompute

extension Optimizer<Float> {
  /// The learning rates that act on the groups, where they differ.
  var differingRates: [(name: String, value: MetricsLog.Value)] {
    let rates = effectiveLearningRates
    guard Set(rates.map(\.value)).count > 1 else { return [] }
    return rates.map { ("lr.\($0.group)", .number($0.value)) }
  }
}

/// What methods that need more than the gradient add to a step's metrics.
extension StepReport {
  /// Fields of a line of `metrics.jsonl`.
  var details: [(name: String, value: MetricsLog.Value)] {
    var fields: [(name: String, value: MetricsLog.Value)] = []
    if let preconditioner {
      fields.append(("kl_scale", .number(preconditioner.coefficient)))
      fields.append(("kfac_failures", .integer(preconditioner.failures.count)))
    }
    if let curvature { fields.append(("curvature_folded", .flag(curvature == .applied))) }
    if let closure {
      fields += [
        ("final_loss", .number(closure.finalLoss)), ("iterations", .integer(closure.iterations)),
        ("evaluations", .integer(closure.evaluations)), ("exit", .text(closure.exit.rawValue)),
      ]
    }
    return fields
  }

  /// Sentences for whoever watches.
  var notes: [String] {
    var notes: [String] = []
    if let preconditioner {
      let (failed, unseen) = (preconditioner.failures, preconditioner.unseen)
      if !failed.isEmpty {
        notes.append(
          "K-FAC: statistics or decompositions failed; the last good ones stay in use for "
            + failed.joined(separator: ", "))
      }
      if !unseen.isEmpty {
        notes.append("K-FAC: no statistics came from \(unseen.joined(separator: ", "))")
      }
    }
    if case .refused(let culprit) = curvature {
      notes.append("the curvature estimate was refused: \(culprit)")
    }
    if let closure {
      notes.append(
        "\(closure.iterations) iterations, \(closure.evaluations) evaluations, loss "
          + "\(closure.entryLoss) → \(closure.finalLoss): \(closure.exit)")
    }
    return notes
  }
}
