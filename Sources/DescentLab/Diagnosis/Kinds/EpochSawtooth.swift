public import Descent
import Foundation

/// The loss has the period of the passes over the data.
public struct EpochSawtooth: FindingKind {
  public static let name = "epoch_sawtooth"
  public static let title = "The loss follows the passes over the data"
  public static let summary =
    "The loss falls in steps where a pass over the data begins, or goes through the same ups and "
    + "downs in each."
  public static let weight = 0.74
  public static let explains: Set = [
    "lr_too_high", "plateau", "loss_spikes", "lr_too_low", "clip_idle", "diverged",
    "resume_jump", "warmup_too_short",
  ]

  /// The share of what is left of the loss without its slow course that the place in the pass
  /// explains.
  public var share = 0.3
  /// The same where the log does not say how long a pass is.
  public var unknown = 0.45
  /// How far the places of a pass differ, over the deviations within one place, where the length of
  /// a pass is found, not logged.
  public var clearness = 1.7
  /// The share of the pass that lies above its middle, at least: less is a spike.
  public var width = 0.16
  /// The share of the fall that comes between passes.
  public var drop = 0.5
  /// The height of what repeats over how far the loss falls.
  public var height = 0.08

  public init() {}

  public static let settings: [Setting<EpochSawtooth>] = [
    .number(
      "share", \.share, .open(0, 1), "share of the deviations that the place in the pass explains"),
    .number(
      "unknown", \.unknown, .open(0, 1), "the same where the length of a pass is found, not logged"),
    .number("clearness", \.clearness, .above(0), "differences of places over deviations at one"),
    .number("width", \.width, .open(0, 1), "share of the pass that is high"),
    .number("height", \.height, .above(0), "height of what repeats over the fall of the loss"),
    .number("drop", \.drop, .open(0, 1), "share of the fall that comes between passes"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 30 else { return nil }
    if let stairs = stairs(loss, run) { return stairs }
    let known = passLength(run)
    let steps = loss.signal.steps
    let rowStep = loss.signal.span / Double(steps.count - 1)
    let shape: (shape: PassShape, isInLogs: Bool)?
    if let known {
      let rows = known / rowStep
      guard rows >= 4, Double(steps.count) >= 3 * rows else { return nil }
      shape = Self.clearest(loss) { PassShape($0, rows) }
    } else {
      // A rate that goes up and down takes the loss with it.
      if let rate = run.rate, rate.jumps(by: 1.3).count(where: { $0.to > $0.from }) > 2 {
        return nil
      }
      shape = Self.clearest(loss) { PassShape.likeliest($0) }
    }
    // What is high in a small part of the pass, or in a single row, are spikes of bad batches.
    guard let (found, isInLogs) = shape, found.share > (known == nil ? unknown : share),
      found.clearness > (known == nil && found.share < 0.6 ? 1 : 0.6) * clearness,
      found.width > width
        || found.share > 0.6 && found.width * found.rows * max(1, rowStep / 2) >= 2
          && (known != nil || !hasSpikes(loss)),
      // What explains nearly all that happens later counts, however far the loss fell before.
      found.height > (found.share > 0.7 ? 0.25 : 1) * height
        * (isInLogs ? log(loss.start / loss.best.level) : loss.scale)
    else { return nil }
    let length = known ?? found.rows * rowStep
    let isFalling = found.drop > 0
    func size(_ x: Double) -> String { isInLogs ? "a factor of \(short(exp(x), 2))" : short(x) }
    return Finding(
      Self.self, graded(found.share, from: known == nil ? unknown : share, to: 0.75, low: 0.65),
      steps[0],
      steps[steps.count - 1],
      evidence: "every \(run.step(length)) steps"
        + (known == nil ? "" : " (a pass over the data)")
        + " the loss goes through the same course, which explains \(percent(found.share, 0)) of "
        + "its deviations; where it begins again the loss "
        + "\(isFalling ? "falls" : "rises") by \(size(abs(found.drop)))"
        + (found.within > 0 ? ", and within it rises by \(size(found.within))" : ""),
      cause: isFalling && found.within <= 0
        ? "The model remembers examples: each is easier the next time it comes, so the loss "
          + "falls from pass to pass rather than from step to step."
        : "The examples come in the same order in every pass, so the loss follows their order, "
          + "not the training.",
      advice: "shuffle the examples anew for each pass, and watch a validation loss"
        + (isFalling ? "; fewer passes or more data, if it stands still while this falls" : ""),
      shows: ["loss", "val_loss"])
  }

  /// The shape of the losses, or that of their logarithms where they fall to a small part and these
  /// show it better.
  private static func clearest(
    _ loss: LossCourse, _ shape: (Signal) -> PassShape?
  ) -> (shape: PassShape, isInLogs: Bool)? {
    let plain = shape(loss.signal).map { ($0, false) }
    guard loss.isPositive, loss.best.level > 0, loss.start > 4 * loss.best.level else {
      return plain
    }
    let logs = Signal(steps: loss.signal.steps, values: loss.signal.values.map { log($0) })
    guard let other = shape(logs), other.share > (plain?.0.share ?? 0) + 0.1 else { return plain }
    return (other, true)
  }

  /// Whether single values lie many times above what is usual: bad batches do, an order of the data
  /// does not.
  private func hasSpikes(_ loss: LossCourse) -> Bool {
    guard loss.isPositive else { return false }
    let later = loss.signal.part(0.3, 1)
    return (later.max() ?? 0) > 12 * Robust.median(later)
  }

  // MARK: Periods

  /// How many steps a pass takes, as far as the log says.
  private func passLength(_ run: RunSignals) -> Double? {
    guard let track = run.log["epoch"], track.count > 5 else { return nil }
    let points = zip(track.steps, track.values).filter { $1.isFinite }
    guard let first = points.first, let last = points.last, last.1 > first.1 + 1.5 else {
      return nil
    }
    // Whole numbers change where a pass begins; the first and the last may be cut.
    if points.allSatisfy({ $0.1 == $0.1.rounded() }) {
      var starts: [Double] = []
      for (a, b) in zip(points, points.dropFirst()) where b.1 > a.1 { starts.append(Double(b.0)) }
      let lengths = zip(starts, starts.dropFirst()).map { $1 - $0 }
      return lengths.isEmpty ? nil : Robust.median(lengths)
    }
    return Double(last.0 - first.0) / (last.1 - first.1)
  }
}
