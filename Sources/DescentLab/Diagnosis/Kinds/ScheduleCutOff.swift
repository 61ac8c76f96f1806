public import Descent
import Foundation

/// The run ended in the middle of its schedule.
public struct ScheduleCutOff: FindingKind {
  public static let name = "schedule_cut_off"
  public static let title = "The run ended in the middle of its schedule"
  public static let summary =
    "The run ends while the learning rate is still far from the end of its schedule: the gain of "
    + "the decay is missing."
  public static let weight = 0.84
  public static let explains: Set = ["plateau", "lr_too_low", "clip_idle"]

  /// The rate at the end over its peak from which on it is a fault.
  public var rest = 0.2
  /// How much longer than the run the schedule is at least.
  public var longer = 1.15

  public init() {}

  public static let settings: [Setting<ScheduleCutOff>] = [
    .number("rest", \.rest, .open(0, 1), "rate at the end over its peak"),
    .number("longer", \.longer, .above(1), "length of the schedule over that of the run"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard run.log.state != .running, let rate = run.rate, rate.signal.values.count > 9,
      rate.peak > 0, !rate.isConstant
    else { return nil }
    let share = rate.end / rate.peak
    let last = run.steps.upperBound
    if let total = plannedEnd(run), total > longer * last, share > rest,
      share < 0.985
        || ["cosine", "linear", "polynomial"].contains(run.settings["schedule.name"] ?? "")
    {
      return finding(
        run, graded(total / last, from: longer, to: 1.6, low: 0.7), rate,
        "the schedule ends at step \(run.step(total)), the run at step \(run.step(last)), with "
          + "lr still \(percent(share, 0)) of its peak", total)
    }
    // Still rising: a warmup longer than the run.
    if rate.peakStep >= rate.signal.first + 0.97 * rate.signal.span,
      rate.signal.values[0] < 0.5 * rate.peak,
      rising(rate)
    {
      return finding(
        run, 0.8, rate,
        "lr still rises when the run ends, from \(short(rate.signal.values[0])) to "
          + "\(short(rate.end)): the warmup is as long as the run, or longer",
        nil)
    }
    guard share > rest, share < 0.985, let end = extrapolated(rate), end > longer * last else {
      return nil
    }
    return finding(
      run, graded(end / last, from: longer, to: 1.6, low: 0.6, high: 0.92), rate,
      "lr fell from \(short(rate.peak)) only to \(short(rate.end)), \(percent(share, 0)) of its "
        + "peak; the "
        + "curve would end near step \(grouped(Int(step: rounded(end)))), the run did at step "
        + run.step(last), rounded(end))
  }

  /// The end of the schedule, or of the run it was made for, as the log says it.
  private func plannedEnd(_ run: RunSignals) -> Double? {
    run.number("schedule.total") ?? run.number("steps")
  }

  private func rising(_ rate: RateCourse) -> Bool {
    let part = rate.signal.part(0.7, 1)
    return zip(part, part.dropFirst()).count { $1 > $0 } * 2 > part.count
  }

  /// Where a cosine or a line through the decay would reach 0; nil where it is neither, as decays
  /// that
  /// slow down for ever.
  private func extrapolated(_ rate: RateCourse) -> Double? {
    let from = rate.signal.index(at: rate.decayStep)
    let (steps, values) = (Array(rate.signal.steps[from...]), Array(rate.signal.values[from...]))
    guard steps.count > 7, let first = steps.first, let last = steps.last, last > first else {
      return nil
    }
    // Gradual, without stairs.
    guard zip(values, values.dropFirst()).count(where: { $1 < $0 }) * 10 > 7 * (values.count - 1)
    else {
      return nil
    }
    var best: (end: Double, error: Double)?
    for shape in Shape.allCases {
      let places = values.map { shape.place($0 / rate.peak) }
      // The place in the schedule is a line over the steps: 0 at the peak, 1 at the end.
      let (mx, my) = (
        steps.reduce(0, +) / Double(steps.count), places.reduce(0, +) / Double(places.count)
      )
      var (sxx, sxy) = (0.0, 0.0)
      for (x, y) in zip(steps, places) {
        sxx += (x - mx) * (x - mx)
        sxy += (x - mx) * (y - my)
      }
      guard sxy > 0 else { continue }
      let slope = sxy / sxx
      let errors = zip(steps, places).map { abs($1 - my - slope * ($0 - mx)) }
      let reached = places[places.count - 1]
      let error = (errors.max() ?? 0) / max(reached, 1e-9)
      if best == nil || error < best?.error ?? 0 { best = (mx + (1 - my) / slope, error) }
    }
    guard let best, best.error < 0.03 else { return nil }
    return best.end
  }

  private enum Shape: CaseIterable {
    case line, cosine

    /// How far along a schedule is at a rate over its peak.
    func place(_ share: Double) -> Double {
      switch self {
      case .line: 1 - share
      case .cosine: acos(min(max(2 * share - 1, -1), 1)) / Double.pi
      }
    }
  }

  private func rounded(_ step: Double) -> Double {
    let unit = pow(10, max(0, (log10(max(step, 1)) - 1).rounded(.down)))
    return (step / unit).rounded() * unit
  }

  private func finding(
    _ run: RunSignals, _ confidence: Double, _ rate: RateCourse, _ evidence: String,
    _ total: Double?
  ) -> Finding {
    let last = run.steps.upperBound
    var evidence = evidence
    if let loss = run.loss {
      let (before, end) = (Robust.median(loss.signal.part(0.8, 0.9)), loss.end)
      if before - end > 3 * loss.error {
        evidence +=
          "; the loss still fell, from \(run.number(before)) to \(run.number(end)) at the end"
      }
    }
    return Finding(
      Self.self, confidence, rate.decayStep, last, evidence: evidence,
      cause: total == nil
        ? "The warmup is as long as the run or longer, so that the full rate was never used."
        : "The schedule was made for more steps than were done (the run was stopped, or the "
          + "length was counted otherwise), and most of what a decay gains comes with its last "
          + "part.",
      advice: total.map {
        "go on to step \(grouped(Int(step: $0))), or \(run.schedule(endingAt: last))"
      } ?? "make the warmup shorter than the run: \(run.warmup(of: 0.05 * run.span))",
      shows: ["lr", "loss"])
  }
}
