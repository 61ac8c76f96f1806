public import Descent
import Foundation

/// The loss falls, but much too slowly.
public struct RateTooLow: FindingKind {
  public static let name = "lr_too_low"
  public static let title = "The learning rate looks too low"
  public static let summary =
    "The loss still falls at the end as steadily as at the beginning, and has not come far."
  public static let weight = 0.7
  public static let explains: Set = ["plateau", "clip_idle", "loss_spikes", "lr_too_high"]

  /// The share of the fall that the second half of the run has, from which on it is steady: half
  /// for a
  /// straight line.
  public var late = 0.2
  /// The share of the run, in what lr adds up to, that the first half of the fall takes at least.
  public var half = 0.12
  /// The share of the fall that the first tenth of all that lr adds up to may have.
  public var early = 0.35
  /// How far the loss may have come: its fall over its start.
  public var progress = 0.55
  /// How far a loss that falls along a straight line may have come, over its start.
  public var crawl = 0.2
  /// The slope of such a line over its standard error.
  public var significance = 5.0
  /// The ratio of updates to weights below which steps are small.
  public var ratio = 1e-4

  public init() {}

  public static let settings: [Setting<RateTooLow>] = [
    .number(
      "late", \.late, .open(0, 1), "share of the fall in the second half of all that lr adds up to"),
    .number(
      "half", \.half, .open(0, 1), "share of all that lr adds up to that half of the fall takes"),
    .number(
      "early", \.early, .open(0, 1),
      "share of the fall in the first tenth of all that lr adds up to"),
    .number("progress", \.progress, .open(0, 1), "largest fall over the start"),
    .number("crawl", \.crawl, .open(0, 1), "largest fall over the start of a straight line"),
    .number("significance", \.significance, .above(0), "slope of that line over its error"),
    .number("ratio", \.ratio, .above(0), "ratio of updates to weights below which steps are small"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.isLong, loss.blocks.count > 3 else { return nil }
    if hasEarlyDrop(loss, OptimizerTime(run.rate)) { return nil }
    if let crawl = crawl(run) { return crawl }
    if loss.isBuried { return nil }
    let time = OptimizerTime(run.rate)
    let marks = [0, 0.25, 0.5, 0.75, 1].map { level(loss, time, $0) }
    let fall = marks[0] - marks[4]
    let size = max(abs(loss.start), 1e-300)
    let progress = fall / size
    let ratio = Signal(run.log["update_ratio"]).map { Robust.median($0.values) }
    if fall < 4 * loss.error || fall < 1e-4 * size { return standstill(run, loss, ratio) }
    let late = (marks[2] - marks[4]) / fall
    let last = (marks[3] - marks[4]) / fall
    let isSteady = marks[3] - marks[4] > 2 * loss.error && last > 0.15 * late
    let halfway = loss.blocks.first { $0.level <= loss.start - fall / 2 }?.step ?? loss.signal.last
    let half = time.share(halfway, loss.signal)
    // In steps, too: where the rate falls in stairs, the first is nearly all that it adds up to.
    guard late >= self.late, half >= self.half, run.share(halfway) >= 0.8 * self.half, isSteady,
      progress < self.progress
    else { return nil }
    // Every quarter brings something: no plateau, no jump.
    let quarters = zip(marks, marks.dropFirst()).map { ($0 - $1) / fall }
    guard quarters.allSatisfy({ $0 > 0.04 && $0 < 0.75 }) else { return nil }
    var doubt = 1.0
    doubt *= 1 - 0.6 * graded(late, from: self.late, to: 0.45, low: 0.3, high: 1)
    doubt *= 1 - 0.5 * graded(half, from: self.half, to: 0.4, low: 0.2, high: 1)
    doubt *= 1 - 0.5 * graded(-progress, from: -self.progress, to: -0.15, low: 0, high: 1)
    if let norm = run.norm {
      let (early, late) = (Robust.median(norm.part(0, 0.1)), Robust.median(norm.part(0.9, 1)))
      if early > 0 { doubt *= 1 - 0.2 * graded(late / early, from: 0.5, to: 0.9, low: 0, high: 1) }
    }
    if let ratio, ratio > 0 {
      doubt *=
        1 - 0.6
        * graded(-log(ratio), from: -log(self.ratio * 3), to: -log(self.ratio / 3), low: 0, high: 1)
    }
    var evidence =
      "the loss fell from \(run.number(loss.start)) to \(run.number(loss.end)), and "
      + "\(percent(late, 0)) of that in the second half"
      + (run.rate?.isConstant == false ? " of what lr adds up to" : " of the run")
      + " (a straight line has 50 %)"
    if let ratio, ratio < 3 * self.ratio {
      evidence += "; updates are \(short(ratio)) of the weights, where 0.001 is usual"
    }
    return finding(run, 1 - doubt, evidence)
  }

  /// Whether much of the fall came in the first tenth of all that lr adds up to, clearly: a rate
  /// that is too low has no such beginning.
  private func hasEarlyDrop(_ loss: LossCourse, _ time: OptimizerTime) -> Bool {
    let signal = loss.signal
    let rows = signal.steps.indices.filter {
      let share = time.share(signal.steps[$0], signal)
      return share >= 0.06 && share <= 0.14
    }
    guard rows.count > 2 else { return false }
    let first = Robust.median(signal.values.prefix(max(1, signal.values.count / 50)))
    let drop = first - Robust.median(rows.map { signal.values[$0] })
    let error = loss.noise * (1 + 1.6 / Double(rows.count)).squareRoot()
    return drop > early * (first - loss.end) && drop > 2 * error
  }

  /// A fall that is small but clear, and as steep at the end as at the beginning: of the training
  /// loss, where its noise lets it be seen, or of the validation loss, which has little.
  private func crawl(_ run: RunSignals) -> Finding? {
    let time = OptimizerTime(run.rate)
    for (signal, what) in [(run.loss?.signal, "the loss"), (run.validation, "the validation loss")]
    {
      guard let signal, signal.values.count > 4, signal.values[0] != 0,
        signal.span > 0.5 * run.span
      else { continue }
      let x = signal.steps.map { time.at($0) }
      let line = Line(x, signal.values)
      let half = signal.values.count / 2
      let early = Line(Array(x[...half]), Array(signal.values[...half]))
      let late = Line(Array(x[half...]), Array(signal.values[half...]))
      let fall = -line.slope * ((x.last ?? 0) - (x.first ?? 0))
      let share = fall / max(abs(signal.values[0]), 1e-300)
      guard -line.slope > significance * line.error, share > 0.002, share < crawl,
        -late.slope - late.error > 0.4 * -early.slope, -early.slope > early.error,
        -late.slope > 2 * late.error
      else { continue }
      // What other losses say against it: one that fell far, or moves up and down.
      if let loss = run.loss, loss.fall - 2 * loss.noise > 1.2 * crawl * abs(loss.start) {
        return nil
      }
      return finding(
        run, graded(-share, from: -crawl, to: -0.3 * crawl, low: 0.6, high: 0.9),
        "\(what) fell by \(percent(share, share < 0.1 ? 1 : 0)), from "
          + "\(run.number(signal.values[0])) "
          + "to \(run.number(signal.values[signal.values.count - 1])), as steeply at the end as "
          + "at the beginning")
    }
    return nil
  }

  /// A loss that does not move at all, with steps that are next to none.
  private func standstill(_ run: RunSignals, _ loss: LossCourse, _ ratio: Double?) -> Finding? {
    let isTiny = (run.rate?.peak ?? 1) <= 1e-4
    let isSmall = (ratio ?? 1) < ratio0
    guard isTiny || isSmall else { return nil }
    var evidence =
      "the loss stayed at \(run.number(loss.end)) (it began at \(run.number(loss.start)))"
    if let rate = run.rate { evidence += " with lr at most \(short(rate.peak))" }
    if let ratio {
      evidence += "; updates are \(short(ratio)) of the weights, where 0.001 is usual"
    }
    return finding(run, 0.85, evidence)
  }

  private var ratio0: Double { ratio / 10 }

  private func finding(_ run: RunSignals, _ confidence: Double, _ evidence: String) -> Finding {
    Finding(
      Self.self, confidence, run.steps.lowerBound, run.steps.upperBound, evidence: evidence,
      cause:
        "Steps are so small that the loss is still on its first slope: the model is not where it "
        + "could be after as many steps.",
      advice: run.raiseRate + run.rateSearch("looks for it"),
      shows: ["loss", "lr", "update_ratio"])
  }

  /// The level of the loss when a share of all that lr adds up to is behind.
  private func level(_ loss: LossCourse, _ time: OptimizerTime, _ share: Double) -> Double {
    if share == 0 { return loss.start }
    let nearest = loss.blocks.min {
      abs(time.share($0.step, loss.signal) - share) < abs(time.share($1.step, loss.signal) - share)
    }
    return share == 1 ? loss.end : nearest?.level ?? loss.end
  }
}
