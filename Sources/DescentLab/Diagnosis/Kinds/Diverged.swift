public import Descent

/// The loss rose for good.
public struct Diverged: FindingKind {
  public static let name = "diverged"
  public static let title = "The loss diverged"
  public static let summary =
    "The loss rises far above where it began, or above the best it had, and stays there."
  public static let weight = 0.95
  public static let explains: Set = [
    "lr_too_high", "plateau", "lr_too_low", "warmup_too_short", "loss_spikes", "overfitting",
    "epoch_sawtooth", "clip_idle", "schedule_cut_off",
  ]

  /// How far above the start the end must lie, as a share of the size of the start.
  public var above = 0.4
  /// How much of what was won must be lost.
  public var lost = 0.5

  public init() {}

  public static let settings: [Setting<Diverged>] = [
    .number("above", \.above, .above(0), "how far above the start the end lies, over the start"),
    .number("lost", \.lost, .above(0), "share of the fall that is lost again for good"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 5 else { return nil }
    if let flight = flight(run, loss) { return flight }
    if loss.isBuried { return nil }
    let tail = loss.signal.part(0.85, 1)
    // For good: even the better ones of the last losses are bad.
    let end = Robust.quantile(tail, loss.noise > 0.2 * abs(loss.end) ? 0.05 : 0.25)
    let margin = 4 * max(loss.error, 0)
    let size = max(abs(loss.start), loss.noise)
    let overStart = (end - loss.start) / size
    let lostShare = loss.fall > 0 ? (end - loss.best.level) / loss.fall : 0
    let hasFallen = loss.fall > max(6 * loss.noise / 2, 0.1 * abs(loss.start))
    let isAbove = overStart > above && end - loss.start > margin
    let isLost =
      hasFallen && lostShare > lost && end - loss.best.level > margin
      && run.share(loss.best.step) < 0.85
    // Thrown far up, and no better than at the beginning since.
    let top = loss.signal.highs.max() ?? loss.start
    let isThrown =
      (top - loss.start) / size > above && top - loss.start > 2 * margin
      && end > loss.start - max(0.03 * size, min(0.1 * size, 0.05 * (top - loss.start)))
      && Robust.median(tail) > loss.start
        - max(0.02 * size, min(0.1 * size, 0.05 * (top - loss.start)))
    guard isAbove || isLost || isThrown else { return nil }
    // Still coming back from what threw it up.
    if !isAbove, !isThrown, isComingBack(loss) { return nil }
    let onset =
      isThrown && !isLost
      ? loss.signal.steps[
        loss.signal.highs.firstIndex { $0 - loss.start > 0.3 * (top - loss.start) } ?? 0]
      : onset(loss, below: loss.best.level + 0.3 * (end - loss.best.level))
    var evidence = "the loss ended at \(run.number(loss.end))"
    if isLost {
      evidence +=
        " after it had been at \(run.number(loss.best.level)) around step "
        + "\(run.step(loss.best.step))"
    }
    evidence +=
      isLost
      ? "; it began at \(run.number(loss.start)) and has not come back since step "
        + "\(run.step(onset))"
      : ", having begun at \(run.number(loss.start)); it was thrown up to \(run.number(top)), "
        + "from step \(run.step(onset)) on"
    if let norm = run.norm {
      let (early, late) = (
        Robust.median(norm.between(norm.first, onset)),
        Robust.median(norm.between(onset, norm.last))
      )
      if early > 0, late > 2 * early {
        evidence += "; the gradient norm went from \(short(early)) to \(short(late))"
      }
    }
    return finding(
      run, loss,
      max(
        isAbove ? graded(overStart, from: above, to: 1, low: 0.75) : 0,
        isThrown ? graded((top - loss.start) / size, from: above, to: 2, low: 0.6, high: 0.9) : 0,
        isLost ? graded(lostShare, from: lost, to: 0.9, low: 0.65) : 0),
      onset, evidence)
  }

  /// The last rows are far above all others, and rise: the run ended while the loss flew away.
  private func flight(_ run: RunSignals, _ loss: LossCourse) -> Finding? {
    guard loss.isFlying else { return nil }
    let values = loss.signal.values
    let level = max(loss.start, loss.best.level) + loss.size
    let onset = loss.signal.steps[
      min((values.lastIndex { $0 <= level } ?? 0) + 1, values.count - 1)]
    return finding(
      run, loss, 0.95, onset,
      "the loss flew away at the end: it was at most \(run.number(level)) until step "
        + "\(run.step(onset)), and reached \(run.number(values[values.count - 1])) at the last step"
    )
  }

  private func finding(
    _ run: RunSignals, _ loss: LossCourse, _ confidence: Double, _ onset: Double, _ evidence: String
  ) -> Finding {
    Finding(
      Self.self, confidence, onset, loss.signal.last, evidence: evidence,
      cause:
        "Steps too large for the curvature: each one overshoots further, and the weights leave the "
        + "region in which the model had learned.",
      advice: (["\(run.resuming(before: onset))", "take \(run.lowerRate(from: onset))"]
        + [run.clipping(at: run.firstSign(before: onset).clip)].compactMap(\.self))
        .joined(separator: "; "),
      shows: ["loss", "grad_norm", "lr"])
  }

  /// The last step at which the loss was that low.
  private func onset(_ loss: LossCourse, below level: Double) -> Double {
    let smooth = loss.signal.smoothed(max(1, loss.signal.values.count / 100))
    let last = smooth.lastIndex { $0 <= level } ?? 0
    return loss.signal.steps[min(last + 1, loss.signal.steps.count - 1)]
  }

  private func isComingBack(_ loss: LossCourse) -> Bool {
    let after = loss.blocks.filter { $0.step > loss.best.step }
    guard let highest = after.max(by: { $0.level < $1.level }), let last = after.last,
      after.count > 3, last.step > highest.step
    else { return false }
    return highest.level - last.level > 0.3 * (highest.level - loss.best.level)
      && highest.level - last.level > 6 * loss.error
  }
}
