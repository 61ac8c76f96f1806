public import Descent

/// The loss does not move while it should.
public struct Plateau: FindingKind {
  public static let name = "plateau"
  public static let title = "The loss stands still"
  public static let summary =
    "The loss is flat, within its noise, for a long stretch at a considerable learning rate, "
    + "above what it could be."
  public static let weight = 0.6
  public static let explains: Set = ["clip_idle"]

  /// The share of the run that is flat, at least.
  public var share = 0.45
  /// What counts as flat: a change of the level over how far the loss fell.
  public var flat = 0.02
  /// The learning rate over its peak from which on it is considerable.
  public var rate = 0.3
  /// The level over the start up to which a loss has come down and may well be flat.
  public var done = 0.1

  public init() {}

  public static let settings: [Setting<Plateau>] = [
    .number("share", \.share, .open(0, 1), "share of the run that is flat"),
    .number("flat", \.flat, .open(0, 1), "change of the level over the whole fall"),
    .number("rate", \.rate, .open(0, 1), "considerable learning rate over its peak"),
    .number("done", \.done, .halfOpen(0, 1), "level over the start that is low enough"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.isLong, loss.blocks.count > 3 else { return nil }
    // Losses that differ so much from row to row do so by their nature, as those of diffusion do.
    if loss.isBuried, loss.noise > 0.4 * abs(loss.end) { return nil }
    let blocks = loss.blocks.filter { (run.rate?.share(at: $0.step) ?? 1) >= rate }
    guard blocks.count > 3 else { return nil }
    let tolerance = max(3 * loss.error, 2 * flat * loss.fall)
    var longest: (from: Int, to: Int)?
    for i in blocks.indices {
      var (low, high) = (blocks[i].level, blocks[i].level)
      for j in i..<blocks.count {
        (low, high) = (min(low, blocks[j].level), max(high, blocks[j].level))
        guard high - low <= 2 * tolerance else { break }
        if longest == nil || j - i > (longest?.to ?? 0) - (longest?.from ?? 0) { longest = (i, j) }
      }
    }
    guard let longest, longest.to > longest.from else { return nil }
    let part = Array(blocks[longest.from...longest.to])
    let (from, to) = (
      loss.signal.steps[part[0].places.lowerBound],
      loss.signal.steps[part[part.count - 1].places.upperBound - 1]
    )
    let share = (to - from) / max(run.span, 1)
    guard share >= self.share else { return nil }
    // What begins with the weights of another run has learned before.
    let hasLearned = run.settings["from"].map { !["null", "none"].contains($0) } ?? false
    let isNeverLearned =
      !hasLearned && loss.fall < max(4 * loss.error, 0.02 * abs(loss.start))
    // A decay that is to come may well end it.
    if let rate = run.rate, rate.hasDecayed, !isNeverLearned { return nil }
    // Flat is what has no trend either.
    let half = part.count / 2
    let (early, late) = (
      Robust.median(part.prefix(half).map(\.level)), Robust.median(part.suffix(half).map(\.level))
    )
    guard
      abs(early - late)
        <= max(3.5 * loss.error / Double(max(half, 1)).squareRoot(), flat * loss.fall)
    else { return nil }
    let line = Line(part.map(\.step), part.map(\.level))
    if !isNeverLearned, -line.slope > 2.5 * line.error, part.count > 4,
      -line.slope * (to - from) > 2 * flat * loss.fall
    {
      return nil
    }
    let level = Robust.median(part.map(\.level))
    let height = loss.start > 0 && level > 0 ? level / loss.start : 0.5
    guard height > done else { return nil }
    var confidence = graded(share, from: self.share, to: 0.75, low: 0.5)
    // A rate that is not known may have decayed.
    if run.rate == nil { confidence = isNeverLearned ? 0.85 * confidence : min(confidence, 0.45) }
    if height < 0.3 { confidence *= 0.85 }
    // In noise as large as this, a slow fall would not be seen.
    if loss.error > 0.05 * loss.fall, !isNeverLearned { confidence *= 0.8 }
    var evidence =
      "from step \(run.step(from)) to step \(run.step(to)), \(percent(share, 0)) of the run, the "
      + "loss stayed at \(run.number(level)) within its noise (\(short(loss.noise)))"
    if let rate = run.rate {
      evidence += ", with lr at \(short(rate.signal.value(at: to))) or more"
    }
    if isNeverLearned { evidence += "; it began at \(run.number(loss.start)), so it never learned" }
    let advice: String
    if isNeverLearned {
      advice =
        "check that labels belong to inputs and that gradients reach the weights\(run.isOwn ? " (descent inspect)" : ""), "
        + (run.rateSource == .given
          ? "then try ten times and a tenth of the learning rate" : "then \(run.raiseRate)")
    } else if run.rateSource == .relative {
      advice =
        "try \(run.lowerRate(from: from)), and let it fall (a cosine), from step \(run.step(from)) on"
    } else if run.rate != nil {
      advice =
        "decay lr (\(run.isOwn ? "schedule.name=cosine" : "a cosine")), or try "
        + "\(run.lowerRate(from: from)), from step \(run.step(from)) on; if nothing falls, the "
        + "model is too small or the data has no more to give"
    } else {
      advice =
        "decay the learning rate from step \(run.step(from)) on; log it, so that more can be said"
    }
    return Finding(
      Self.self, confidence, from, to, evidence: evidence,
      cause: isNeverLearned
        ? "The gradient says nothing: dead units, a saturated output, an initialization without "
          + "a way out, or labels that do not belong to their inputs."
        : "Steps of this size jump to and fro across the valley, or the model or its data has no "
          + "more to give.",
      advice: advice, shows: ["loss", "lr", "grad_norm"])
  }
}
