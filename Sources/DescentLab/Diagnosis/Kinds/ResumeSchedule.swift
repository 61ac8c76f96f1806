import Descent

/// A resumed run whose schedule shows it.
extension ResumeJump {
  /// A schedule that was in the middle of its decay and stands at its peak again, once: warm restarts
  /// begin when the rate is next to nothing, and are several.
  func scheduleBeganAgain(_ run: RunSignals) -> Finding? {
    guard let rate = run.rate, rate.signal.values.count > 9 else { return nil }
    let climbs = rate.climbs
    guard climbs.count == 1, let rise = climbs.first, rise.from > 0.05 * rate.peak else {
      return nil
    }
    var evidence =
      "at step \(run.step(rise.step)) lr went from \(short(rise.from)) back to its peak of "
      + short(rise.to) + ", in the middle of its decay"
    if let loss = run.loss {
      let width = 0.1 * run.span
      let before = Robust.median(loss.signal.between(rise.step - width, rise.step - 1))
      let after = Robust.median(loss.signal.between(rise.step, rise.step + width))
      evidence += "; the loss was \(run.number(before)) before and \(run.number(after)) after"
    }
    return Finding(
      Self.self, 0.75, rise.step, run.steps.upperBound, evidence: evidence,
      cause:
        "The run went on with a scheduler that began from its first step: its state was not "
        + "restored, and the decay that had been made was undone.",
      advice:
        "restore the scheduler's and the optimizer's state with the weights (their state_dict in "
        + "PyTorch; Descent's checkpoints hold all), and resume from before step "
        + "\(run.step(rise.step))",
      shows: ["lr", "loss"])
  }
}
