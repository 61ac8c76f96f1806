public import Descent
import Foundation

/// The loss oscillates, or stays high, since steps are too large.
public struct RateTooHigh: FindingKind {
  public static let name = "lr_too_high"
  public static let summary =
    "The loss oscillates or stays high with large gradients, and falls as soon as the learning rate does."
  public static let weight = 0.82
  public static let explains: Set = ["plateau", "loss_spikes", "warmup_too_short", "clip_idle"]

  /// The rises of the level that noise does not explain, over how far the loss fell.
  public var rises = 0.25
  /// The noise over how far the loss fell.
  public var noise = 0.25
  /// The share of the fall that comes only as the rate decays, after a stretch without any.
  public var decay = 0.3
  /// The gradient norm over what it was at the beginning.
  public var norm = 3.0
  /// How far the loss rises above its start at the beginning, over how far it falls.
  public var peak = 0.2
  /// How sure the signs must be together.
  public var least = 0.5

  public init() {}

  public static let settings: [Setting<RateTooHigh>] = [
    .number("rises", \.rises, .above(0), "rises of the level over the fall of the loss"),
    .number("noise", \.noise, .above(0), "noise over the fall of the loss"),
    .number("decay", \.decay, .open(0, 1), "share of the fall that comes as the rate decays"),
    .number("norm", \.norm, .above(1), "gradient norm over that of the beginning"),
    .number("peak", \.peak, .above(0), "rise above the start over the fall of the loss"),
    .number("least", \.least, .open(0, 1), "confidence of all signs together"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.isLong, loss.blocks.count > 3 else { return nil }
    let signs = signs(run, loss).filter { $0.weight > 0.05 }.sorted { $0.weight > $1.weight }
    let confidence = 1 - signs.reduce(1) { $0 * (1 - $1.weight) }
    guard confidence >= 0.7 * least, !signs.isEmpty else { return nil }
    let rate = run.rate
    let advice =
      rate.map {
        "try lr=\(short($0.peak / 3, 2)), a third, then \(short($0.peak / 10, 2)), a tenth"
          + ($0.hasWarmup ? "" : ", and a warmup (schedule.warmup)")
      } ?? "try a third of the learning rate, then a tenth"
    return Finding(
      Self.self, min(confidence, 0.95), run.steps.lowerBound,
      rate.map { $0.hasDecayed ? $0.lastStep(atLeast: 0.5) : run.steps.upperBound }
        ?? run.steps.upperBound,
      evidence: signs.map(\.text).joined(separator: "; "),
      cause:
        "Steps are longer than the valley is wide: the loss is thrown from side to side, and only what "
        + "is coarse can be learned.",
      advice: advice + "; descent lr-find looks for the rate", shows: ["loss", "grad_norm", "lr"])
  }

  func signs(_ run: RunSignals, _ loss: LossCourse) -> [(weight: Double, text: String)] {
    var signs: [(weight: Double, text: String)] = []
    let scale = max(loss.start - loss.best.level, 0.02 * abs(loss.start), 1e-300)
    // The part at considerable rates, after the first steps.
    let blocks = loss.blocks.filter {
      run.share($0.step) > 0.08 && (run.rate?.share(at: $0.step) ?? 1) > 0.4
    }
    guard blocks.count > 1 else { return [] }
    func weight(_ x: Double, _ from: Double, _ to: Double, _ most: Double) -> Double {
      x > from ? graded(x, from: from, to: to, low: 0.1, high: most) : 0
    }
    var risen = 0.0
    for (a, b) in zip(blocks, blocks.dropFirst()) {
      risen += max(0, b.level - a.level - 3 * (a.error * a.error + b.error * b.error).squareRoot())
    }
    signs.append(
      (
        weight(risen / scale, rises, 4 * rises, 0.55),
        "the level of the loss rose again and again, by \(percent(risen / scale, 0)) of its fall in all"
      ))
    let noise = Robust.median(blocks.map(\.noise))
    signs.append(
      (
        weight(noise / scale, self.noise, 3 * self.noise, 0.45),
        "the loss swings by \(short(noise)), \(percent(noise / scale, 0)) of its fall"
      ))
    signs.append(decaySign(run, loss, scale))
    if let norm = run.norm {
      let early = Robust.median(norm.values.prefix(max(1, min(10, norm.values.count / 20))))
      let usual = Robust.median(
        blocks.flatMap {
          norm.between(
            loss.signal.steps[$0.places.lowerBound], loss.signal.steps[$0.places.upperBound - 1])
        })
      if early > 0, usual.isFinite {
        signs.append(
          (
            weight(log(usual / early), log(self.norm), log(self.norm * self.norm * 2), 0.45),
            "the gradient norm went from \(short(early)) at the beginning to \(short(usual))"
          ))
      }
    }
    let early = loss.signal.part(0, 0.3)
    let spread = early.count > 12 ? 3 : 1
    let top =
      Signal(steps: Array(loss.signal.steps[early.indices]), values: Array(early))
      .smoothed(spread).max() ?? loss.start
    // What recovers soon is a matter of the warmup.
    let isLasting = lasts(loss, run)
    signs.append(
      (
        weight((top - loss.start) / scale, peak, 3, isLasting ? 0.45 : 0.2),
        "at first it rose from \(run.number(loss.start)) to \(run.number(top))"
      ))
    return signs
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

  /// A loss that stands still at high rates and falls as they do.
  private func decaySign(
    _ run: RunSignals, _ loss: LossCourse, _ scale: Double
  ) -> (weight: Double, text: String) {
    guard let rate = run.rate, rate.hasDecayed else { return (0, "") }
    let until = rate.lastStep(atLeast: 0.7)
    let from = rate.signal.first + (until - rate.signal.first) / 3
    guard until > from, until < run.steps.upperBound else { return (0, "") }
    let width = 0.05 * run.span
    func level(_ step: Double) -> Double {
      Robust.median(loss.signal.between(step - width, step + width))
    }
    let (before, at) = (level(from), level(until))
    guard before.isFinite, at.isFinite else { return (0, "") }
    let (gained, then) = ((at - loss.end) / scale, (before - at) / scale)
    guard gained > decay, then < 0.35 * gained else { return (0, "") }
    return (
      graded(gained, from: decay, to: 0.7, low: 0.3, high: 0.65),
      "it was at \(run.number(before)) at step \(run.step(from)) and still at \(run.number(at)) at step "
        + "\(run.step(until)); as lr fell below 70 % of its peak, it fell to \(run.number(loss.end))"
    )
  }
}
