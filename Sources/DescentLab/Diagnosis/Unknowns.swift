import Descent

/// What a log does not tell, and why.
struct Unknowns {
  let run: RunSignals

  init(_ run: RunSignals) { self.run = run }

  var sentences: [String] {
    var all: [String] = []
    let why = run.log.whyLossesNeedNotFall
    let rows = run.loss?.signal.count ?? 0
    if let why {
      all.append("How training went, by its losses: \(why).")
    } else if run.loss == nil {
      all.append(
        run.losses > 0
          ? "How training went: no training loss is finite."
          : "How training went: the log has no training loss.")
    } else if rows < 20 {
      all.append(
        "Whether the loss oscillates, falls too slowly or stands still: \(counted(rows, "row")) of losses "
          + "cannot be told from noise (20 are needed).")
    }
    if run.validation == nil, why == nil {
      all.append("Whether it overfits: there is no validation loss.")
    } else if (run.validation?.count ?? 0) < 3, why == nil {
      all.append(
        "Whether it overfits: \(counted(run.validation?.count ?? 0, "validation loss", "validation losses")) "
          + "\(run.validation?.count == 1 ? "is" : "are") too few (3 are needed)"
          + (run.turn.map { "; it was lowest at step \(run.step($0)): keep those weights" } ?? "")
          + ".")
    }
    if run.rate == nil {
      all.append("Whether the learning rate and its schedule suit the run: lr is not logged.")
    }
    if run.norm == nil {
      all.append(
        "Whether clipping suits the gradients, and what precedes spikes: no gradient norm is "
          + "logged."
      )
    } else if run.clip == nil, why == nil {
      all.append("Whether clipping suits the gradients: the log gives no threshold (clip_norm).")
    }
    if run.log.notes.contains(where: { $0.contains("not in the order") }) {
      all.append("Whether all rows are of one run: their steps are in no order.")
    }
    if run.log.family("update_ratio").isEmpty, run.log.family("distance").isEmpty {
      all.append(
        "Whether every tensor moves: no ratio of updates to weights is logged for each "
          + "(Descent: instruments.every).")
    }
    return all
  }
}

extension RunSignals {
  /// The step of the lowest validation loss where the last is higher.
  fileprivate var turn: Double? {
    guard let validation,
      let place = validation.values.indices.min(by: {
        validation.values[$0] < validation.values[$1]
      }), place < validation.values.count - 1,
      validation.values[place] < validation.values[place + 1]
    else { return nil }
    return validation.steps[place]
  }
}
