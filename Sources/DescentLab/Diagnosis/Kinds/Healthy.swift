import Descent

/// What is left where nothing is found.
enum Healthy {
  static let name = "healthy"
  static let title = "No fault seen"
  static let summary =
    "Nothing is wrong, as far as the log says; the confidence says how much of a run it shows."

  /// What a log of so many rows without a fault is worth.
  static func finding(_ run: RunSignals, _ possible: [Finding]) -> Finding {
    let rows = max(run.loss?.signal.count ?? 0, run.validation?.count ?? 0)
    var confidence = rows < 5 ? 0.05 : rows < 20 ? 0.2 : rows < 50 ? 0.5 : 0.7
    if rows >= 20 {
      if run.rate != nil { confidence += 0.1 }
      if run.norm != nil { confidence += 0.05 }
      if run.validation != nil { confidence += 0.1 }
    }
    if run.loss == nil { confidence = min(confidence, 0.3) }
    if run.loss?.isBuried == true { confidence = min(confidence, 0.5) }
    if let worst = possible.map(\.confidence).max() { confidence = min(confidence, 1 - worst) }
    return Finding(
      kind: name, confidence, run.steps.lowerBound, run.steps.upperBound,
      evidence: evidence(run, rows),
      cause: rows < 20
        ? "So few rows cannot tell a course from noise, so nothing is said against the run."
        : "None of the signs of a fault stands out of the noise.",
      advice: advice(run, rows), shows: ["loss", "val_loss", "lr"])
  }

  private static func evidence(_ run: RunSignals, _ rows: Int) -> String {
    guard let loss = run.loss else {
      guard let validation = run.validation else { return "the log has no loss" }
      return "the validation loss went from \(run.number(validation.values[0])) to "
        + "\(run.number(validation.values[validation.values.count - 1])); there is no training loss"
    }
    let change = loss.start - loss.end
    let count = counted(loss.signal.count, "row")
    if loss.isBuried {
      return
        "the loss is about \(run.number(loss.end)), and its noise, \(short(loss.noise)) from row to "
        + "row, is larger than any change of its level (\(count)); for diffusion that is normal"
    }
    if abs(change) <= 3 * loss.error || change == 0 {
      return
        "the loss is \(run.number(loss.end)), and was \(run.number(loss.start)) at the beginning "
        + "(\(count), noise \(short(loss.noise)))"
    }
    return "the loss \(change > 0 ? "fell" : "rose") from \(run.number(loss.start)) to "
      + "\(run.number(loss.end)) in \(run.step(run.span)) steps (\(count), noise "
      + "\(short(loss.noise)))"
  }

  private static func advice(_ run: RunSignals, _ rows: Int) -> String {
    if rows < 20 { return "log more often, or look again when there are 50 rows" }
    if run.loss?.isBuried == true {
      return
        "judge by samples, or by a validation loss on fixed data (for diffusion, at fixed timesteps "
        + "and noise): this loss cannot tell"
    }
    if run.validation == nil {
      return "nothing to change; log a validation loss to see overfitting"
    }
    return
      "nothing to change"
      + (run.isOwn
        ? "; to do better, descent \(run.hasRateToFind ? "lr-find and descent race try" : "race tries") "
          + "what a log cannot show" : "")
  }
}

extension Finding {
  init(
    kind: String, _ confidence: Double, _ from: Double, _ to: Double, evidence: String,
    cause: String,
    advice: String, shows: [String]
  ) {
    (self.kind, self.confidence) = (kind, min(max(confidence, 0), 1))
    steps = Int(step: from)...max(Int(step: from), Int(step: to))
    (self.evidence, self.cause, self.advice, self.shows) = (evidence, cause, advice, shows)
  }
}
