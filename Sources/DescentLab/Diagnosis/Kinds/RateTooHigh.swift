public import Descent
import Foundation

/// The loss oscillates, or stays high, since steps are too large.
public struct RateTooHigh: FindingKind {
  public static let name = "lr_too_high"
  public static let title = "The learning rate looks too high"
  public static let summary =
    "The loss oscillates or stays high with large gradients, and falls as soon as the learning "
    + "rate does."
  public static let weight = 0.82
  public static let explains: Set = [
    "plateau", "loss_spikes", "warmup_too_short", "clip_idle", "lr_too_low",
  ]

  /// The rises of the level that noise does not explain, over how far the loss fell.
  public var rises = 0.25
  /// The noise over how far the loss fell.
  public var noise = 0.25
  /// The noise over the fall where it is more upwards than downwards and a large part of the loss.
  public var roughness = 0.065
  /// The correlation of the noise from one row to the next.
  public var memory = 0.4
  /// The share of the fall that comes only as the rate decays, after a stretch without any.
  public var decay = 0.3
  /// The largest gradient norms over the usual, while the loss is still high.
  public var bursts = 2.2
  /// How far the loss rises above its start at the beginning, over how far it falls.
  public var peak = 0.2
  /// How sure the signs must be together.
  public var least = 0.5

  public init() {}

  public static let settings: [Setting<RateTooHigh>] = [
    .number("rises", \.rises, .above(0), "rises of the level over the fall of the loss"),
    .number("noise", \.noise, .above(0), "noise over the fall of the loss"),
    .number("roughness", \.roughness, .above(0), "uneven noise over the fall of the loss"),
    .number("memory", \.memory, .open(0, 1), "correlation of the noise from row to row"),
    .number("decay", \.decay, .open(0, 1), "share of the fall that comes as the rate decays"),
    .number("bursts", \.bursts, .above(1), "95th percentile of the norms over their median"),
    .number("peak", \.peak, .above(0), "rise above the start over the fall of the loss"),
    .number("least", \.least, .open(0, 1), "confidence of all signs together"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.isLong, !loss.isBuried, loss.blocks.count > 3 else {
      return nil
    }
    let signs = signs(run, loss).filter { $0.weight > 0.05 }.sorted { $0.weight > $1.weight }
    var confidence = 1 - signs.reduce(1) { $0 * (1 - $1.weight) }
    // What comes at equal distances comes with the data.
    if confidence >= least, let pass = PassShape.likeliest(loss.signal), pass.share > 0.5,
      pass.clearness > 1 || pass.share > 0.65
    {
      confidence *= 0.6
    }
    guard confidence >= 0.7 * least, !signs.isEmpty else { return nil }
    let rate = run.rate
    let advice =
      run.lowered(rate?.peak).map { lower in
        "try lr=\(lower.text), "
          + (lower.isThird
            ? "a third, then \(short((rate?.peak ?? 0) / 10, 2)), a tenth"
            : "which is usual for \(run.optimizer ?? "the optimizer")")
          + (rate?.hasWarmup == true ? "" : "; \(run.warmup(of: 0.05 * run.span))")
      } ?? "try \(run.lowerRate(from: run.steps.upperBound))"
    return Finding(
      Self.self, min(confidence, 0.95), run.steps.lowerBound,
      rate.map { $0.hasDecayed ? $0.lastStep(atLeast: 0.5) : run.steps.upperBound }
        ?? run.steps.upperBound,
      evidence: signs.map(\.text).joined(separator: "; "),
      cause:
        "Steps are longer than the valley is wide: the loss is thrown from side to side, and "
        + "only what is coarse can be learned.",
      advice: advice + run.rateSearch("looks for the rate"),
      shows: ["loss", "grad_norm", "lr"])
  }

  /// What speaks for it, each with its weight, with or without what happens in the first steps.
  func signs(
    _ run: RunSignals, _ loss: LossCourse, after beginning: Double? = nil
  ) -> [(weight: Double, text: String)] {
    var signs: [(weight: Double, text: String)] = []
    let scale = max(loss.start - loss.best.level, 0.02 * abs(loss.start), 1e-300)
    // The part at considerable rates, after the first steps.
    let blocks = blocks(run, loss, after: beginning ?? 0.08)
    guard blocks.count > 1 else { return [] }
    func weight(_ x: Double, _ from: Double, _ to: Double, _ most: Double) -> Double {
      x > from ? graded(x, from: from, to: to, low: 0.1, high: most) : 0
    }
    let risen = LossCourse.rises(blocks)
    signs.append(
      (
        weight(risen / scale, rises, 4 * rises, 0.55),
        "the level of the loss rose again and again, by \(percent(risen / scale, 0)) of its fall "
          + "in all"
      ))
    signs.append(lost(run, loss))
    signs += swings(run, loss, after: max(0.3, beginning ?? 0))
    signs.append(decaySign(run, loss, scale))
    signs.append(bursts(run, loss, blocks))
    signs.append(spikes(run, loss, scale, after: beginning ?? 0.05))
    if beginning != nil { return signs }
    signs.append(priorSign(run))
    signs.append(raise(run, loss))
    signs.append(climb(run, loss, scale))
    signs.append(stall(run, loss))
    if let bump = EarlyBump(loss, rows: 3 * loss.signal.values.count / 10), bump.significance > 3 {
      // What recovers soon is a matter of the warmup.
      signs.append(
        (
          lasts(loss, run) ? weight(bump.height / scale, peak, 3, 0.45) : 0,
          "at first it rose from \(run.number(bump.base)) to "
            + run.number(loss.signal.values[bump.top])
        ))
    }
    return signs
  }

  /// What was won and is lost again: the training loss of a sound run does not rise for good.
  private func lost(_ run: RunSignals, _ loss: LossCourse) -> (weight: Double, text: String) {
    let best = loss.blocks.min { $0.level < $1.level }
    guard let best, loss.fall > 3 * loss.noise else { return (0, "") }
    let after = loss.blocks.filter { $0.step > best.step }
    guard Double(after.count) > 0.3 * Double(loss.blocks.count) else { return (0, "") }
    let later = after.suffix(max(3, after.count / 2)).map(\.level)
    let level = Robust.median(later)
    let (rise, error) = (level - best.level, max(best.error, loss.error))
    guard rise > 5 * error, rise > 0.2 * loss.fall,
      Robust.quantile(later, 0.1) > best.level + 0.15 * loss.fall
    else { return (0, "") }
    return (
      graded(rise / loss.fall, from: 0.2, to: 0.5, low: 0.4, high: 0.65),
      "it was at \(run.number(best.level)) around step \(run.step(best.step)), and then at "
        + "\(run.number(level)) to the end"
    )
  }

  /// The stretches at considerable rates, without the first steps.
  func blocks(
    _ run: RunSignals, _ loss: LossCourse, after share: Double = 0.08
  ) -> [Signal.Block] {
    loss.blocks.filter {
      run.share($0.step) > share && (run.rate?.share(at: $0.step) ?? 1) > 0.4
    }
  }

  /// Whether it took the loss more than a third of the run to come below its start.
  private func lasts(_ loss: LossCourse, _ run: RunSignals) -> Bool {
    guard
      let block = loss.blocks.first(where: {
        run.share($0.step) > 0.03 && $0.level < loss.start - 0.2 * loss.fall
      })
    else { return true }
    return run.share(block.step) > 0.3
  }

  /// Gradients that now and then are much larger than usual, while there is still much to learn.
  private func bursts(
    _ run: RunSignals, _ loss: LossCourse, _ blocks: [Signal.Block]
  ) -> (weight: Double, text: String) {
    guard let norm = run.norm else { return (0, "") }
    // Near a loss of 0 single examples make all of the gradient.
    let high = blocks.filter {
      $0.level > loss.best.level + 0.08 * loss.fall || !loss.isPositive
    }
    let part = high.flatMap {
      norm.between(
        loss.signal.steps[$0.places.lowerBound], loss.signal.steps[$0.places.upperBound - 1])
    }
    let usual = Robust.median(part)
    guard part.count > 19, usual > 0 else { return (0, "") }
    let large = Robust.quantile(part, 0.95) / usual
    guard large > self.bursts else { return (0, "") }
    return (
      graded(log(large), from: log(self.bursts), to: log(2 * self.bursts), low: 0.3, high: 0.55),
      "one gradient norm in twenty is \(short(large, 2)) times the median or more"
    )
  }

  /// Spikes for as long as the rate is high, and none once it is low.
  private func spikes(
    _ run: RunSignals, _ loss: LossCourse, _ scale: Double, after beginning: Double
  ) -> (weight: Double, text: String) {
    guard let rate = run.rate, rate.hasDecayed, loss.signal.values.count > 59 else {
      return (0, "")
    }
    let base = loss.signal.smoothed(max(9, loss.signal.values.count / 15))
    var (high, low, highRows, lowRows) = (0, 0, 0, 0)
    // Losses near 0 are skewed: their logarithms are not.
    let skewed = loss.isPositive ? 4 * Robust.noise(loss.signal.values.map { log($0) }[...]) : 0
    for (i, step) in loss.signal.steps.enumerated() where run.share(step) > beginning {
      let above = loss.signal.highs[i] - base[i]
      let isSpike =
        above > 0.15 * scale && above > 5 * loss.noise
        && (skewed == 0 || log(loss.signal.highs[i] / base[i]) > skewed)
      if rate.share(at: step) > 0.5 {
        (high, highRows) = (high + (isSpike ? 1 : 0), highRows + 1)
      } else {
        (low, lowRows) = (low + (isSpike ? 1 : 0), lowRows + 1)
      }
    }
    guard high > 2, low == 0, lowRows * 3 > highRows else { return (0, "") }
    return (
      graded(Double(high), from: 3, to: 10, low: 0.25, high: 0.4),
      "\(counted(high, "row")) of losses stand far out while lr is above half its peak, none below"
    )
  }

  /// A loss that falls at once and then hardly: half of all in the first fiftieth of what lr adds
  /// up to,
  /// nine tenths only after half of that.
  private func stall(_ run: RunSignals, _ loss: LossCourse) -> (weight: Double, text: String) {
    let (time, fall) = (OptimizerTime(run.rate), loss.start - loss.end)
    func share(_ part: Double) -> Double {
      let place = loss.signal.smoothed(5).firstIndex { $0 <= loss.start - part * fall }
      return place.map { time.share(loss.signal.steps[$0], loss.signal) } ?? 1
    }
    guard fall > 6 * loss.noise, share(0.5) < 0.02, share(0.9) > 0.5 else { return (0, "") }
    return (
      0.25,
      "half of its fall came with the first steps, and then it stood nearly still for half of "
        + "the run"
    )
  }

  /// A rate beyond what is usual for an optimizer that the log names.
  private func priorSign(_ run: RunSignals) -> (weight: Double, text: String) {
    guard let optimizer = run.optimizer, let rate = run.rate else { return (0, "") }
    let usual: Double
    switch optimizer {
    case "adam", "adamw", "nadam", "adamax", "radam": usual = 0.02
    case "lion": usual = 3e-3
    case "sgd": usual = 0.5
    default: return (0, "")
    }
    guard rate.peak > usual else { return (0, "") }
    return (
      graded(log(rate.peak / usual), from: 0, to: log(10), low: 0.2, high: 0.4)
        + graded(rate.peak / usual, from: 10, to: 30, low: 0, high: 0.25),
      "lr=\(short(rate.peak)) is more than is usual for \(optimizer)"
    )
  }
}
