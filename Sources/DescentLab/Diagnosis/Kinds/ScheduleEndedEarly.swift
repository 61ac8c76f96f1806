public import Descent

/// The learning rate was at its floor long before the end.
public struct ScheduleEndedEarly: FindingKind {
  public static let name = "schedule_ended_early"
  public static let title = "The learning rate reached its floor too early"
  public static let summary =
    "The learning rate reaches 0 or its floor well before the run ends: the steps after that are "
    + "wasted."
  public static let weight = 0.86
  public static let explains: Set = [
    "plateau", "lr_too_low", "schedule_cut_off", "updates_lost", "clip_idle",
  ]

  /// The share of the run that comes after the floor from which on it is a fault.
  public var share = 0.15
  /// The rate over its peak up to which it is a floor.
  public var floor = 0.2

  public init() {}

  public static let settings: [Setting<ScheduleEndedEarly>] = [
    .number("share", \.share, .open(0, 1), "share of the run after the floor is reached"),
    .number("floor", \.floor, .open(0, 1), "largest floor over the peak"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let rate = run.rate, rate.signal.values.count > 9, rate.peak > 0, !rate.isConstant else {
      return nil
    }
    let isZero = rate.end <= 1e-3 * rate.peak
    // The step from which on it is as good as at the end.
    let tolerance = isZero ? 2e-3 * rate.peak : 1e-6 * rate.peak
    let last = rate.signal.values.lastIndex { abs($0 - rate.end) > tolerance } ?? 0
    let settled = rate.signal.steps[min(last + 1, rate.signal.steps.count - 1)]
    let rest = (run.steps.upperBound - settled) / max(run.span, 1)
    guard rest >= share, rate.end <= floor * rate.peak, settled > rate.decayStep else { return nil }
    // The last stair of several is no floor.
    guard isZero || rate.changes > 0.5 else { return nil }
    var evidence =
      "lr fell from \(short(rate.peak)) to \(short(rate.end)) by step \(run.step(settled)) of "
      + "\(run.step(run.steps.upperBound)); \(percent(rest, 0)) of the steps were done at that rate"
    if let loss = run.loss {
      let (at, end) = (
        Robust.median(loss.signal.between(settled, settled + 0.1 * run.span)), loss.end
      )
      if at.isFinite {
        evidence += ", in which the loss went from \(run.number(at)) to \(run.number(end))"
      }
    }
    return Finding(
      Self.self, graded(rest, from: share, to: 0.35, low: 0.7), settled, run.steps.upperBound,
      evidence: evidence,
      cause:
        "The schedule's length is less than the run's: it counts other steps (epochs, batches "
        + "before accumulation, one process of several), or the run was made longer afterwards.",
      advice:
        run.schedule(endingAt: run.steps.upperBound)
        + (run.isOwn ? ", or leave it out: it is the run's length then" : ""),
      shows: ["lr", "loss"])
  }
}
