import Descent
import Foundation

/// What swings and decays show of a rate that is too high.
extension RateTooHigh {
  /// A rate that is raised at once above all before, with a loss that rises there.
  func raise(_ run: RunSignals, _ loss: LossCourse) -> (weight: Double, text: String) {
    guard let raised = run.rate?.raise else { return (0, "") }
    let window = 0.05 * run.span
    let before = loss.signal.between(raised.step - window, raised.step.nextDown)
    let after = loss.signal.between(raised.step, raised.step + 2 * window)
    guard before.count > 2, after.count > 2 else { return (0, "") }
    let (low, high) = (Robust.median(before), Robust.quantile(after, 0.75))
    let error = loss.noise * (1 + 1.6 / Double(before.count)).squareRoot()
    guard high - low > max(2 * error, 0.02 * loss.scale) else { return (0, "") }
    return (
      0.8,
      "at step \(run.step(raised.step)) lr was raised from \(short(raised.from)) to "
        + "\(short(raised.to)), and the loss rose from \(run.number(low)) to \(run.number(high))"
    )
  }

  /// Swings once the fall is over: that of a batch is even and has no memory; steps too large throw
  /// the loss up now and then, and it takes several to come back.
  func swings(
    _ run: RunSignals, _ loss: LossCourse, after share: Double
  ) -> [(weight: Double, text: String)] {
    let values = loss.signal.values
    let places = values.indices.filter {
      Double($0) >= share * Double(values.count)
        && (run.rate?.share(at: loss.signal.steps[$0]) ?? 1) > 0.4
    }
    guard places.count > 19, let low = places.first, let high = places.last else { return [] }
    let part = values[low...high]
    let (level, noise) = (Robust.median(part), Robust.noise(part))
    let early = max(values[0], Robust.median(values.prefix(3)))
    let end = min(loss.end, Robust.median(part.suffix(max(3, part.count / 3))))
    let fall = early - end
    let late = Robust.median(part.prefix(part.count / 3)) - end
    // Without a fall to compare with, or while it goes on, swings are the batches'.
    guard noise > 0, fall > 3 * noise, late < 0.4 * fall else { return [] }
    let smooth = Signal(steps: Array(loss.signal.steps[low...high]), values: Array(part))
      .smoothed(21)
    let rest = zip(part, smooth).map { $0 - $1 }
    let (down, up) = (-Robust.quantile(rest, 0.05), Robust.quantile(rest, 0.95))
    var signs: [(weight: Double, text: String)] = []
    // A single jump is no memory.
    let limit = 3 * Robust.deviation(rest)
    let tame = rest.map { min(max($0, -limit), limit) }
    let square = tame.reduce(0) { $0 + $1 * $1 }
    let product = zip(tame, tame.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
    let height = noise / fall
    let isRough = noise > 0.3 * abs(level)
    if isRough, up > 1.4 * down, height > roughness, level < 0.35 * abs(early) {
      signs.append(
        (
          graded(height, from: roughness, to: 0.1, low: 0.4, high: 0.48),
          "the loss is thrown up again and again: it swings by \(short(noise)) around "
            + "\(short(level)), more upwards than downwards"
        ))
    } else if height > 0.6 * self.noise, isFlat(part, noise), run.rate?.isConstant == true,
      noise > 0.15 * abs(level)
    {
      signs.append(
        (
          graded(height, from: 0.6 * self.noise, to: 2 * self.noise, low: 0.5, high: 0.65),
          "it falls no more at a constant lr, and swings by \(short(noise)) around "
            + "\(short(level)), \(percent(height, 0)) of what it fell"
        ))
    } else if height > self.noise {
      signs.append(
        (
          graded(height, from: self.noise, to: 3 * self.noise, low: 0.1, high: 0.45),
          "the loss swings by \(short(noise)), \(percent(height, 0)) of its fall"
        ))
    }
    if rest.count > 49, noise > 0.2 * abs(level), late < 0.1 * fall, product > memory * square {
      signs.append(
        (
          0.5,
          "its swings last for several rows (correlation \(short(product / square, 2)) from one "
            + "row to the next), which those of batches do not"
        ))
    }
    return signs
  }

  /// A slow climb of the level, too slow to be seen from one stretch to the next: the training loss
  /// of a sound run does not rise for long.
  func climb(
    _ run: RunSignals, _ loss: LossCourse, _ scale: Double
  ) -> (weight: Double, text: String) {
    let blocks = loss.signal.blocks(most: 12, least: 8)
    guard blocks.count > 5 else { return (0, "") }
    var best: (from: Signal.Block, to: Signal.Block, rise: Double)?
    var lowest = blocks[0]
    for block in blocks.dropFirst() {
      let rise = block.level - lowest.level
      if rise > best?.rise ?? 0 { best = (lowest, block, rise) }
      if block.level < lowest.level { lowest = block }
    }
    guard let (from, to, rise) = best else { return (0, "") }
    let error = (from.error * from.error + to.error * to.error).squareRoot()
    guard rise > 4 * error, rise > 0.25 * scale, run.share(to.step) > 0.12 else { return (0, "") }
    // Where a schedule begins again, the loss rises with the rate.
    if let rate = run.rate, rate.peakStep < from.step,
      rate.share(at: to.step) > 1.2 * rate.share(at: from.step)
    {
      return (0, "")
    }
    return (
      graded(rise / scale, from: 0.25, to: 1, low: 0.5, high: 0.65),
      "its level climbed from \(run.number(from.level)) around step \(run.step(from.step)) to "
        + "\(run.number(to.level)) around step \(run.step(to.step))"
    )
  }

  /// Whether the course of values has no trend that stands out of their noise.
  private func isFlat(_ values: ArraySlice<Double>, _ noise: Double) -> Bool {
    let line = Line(values.indices.map(Double.init), Array(values))
    let change = abs(line.slope) * Double(values.count)
    return change < max(0.5 * noise, 3 * line.error * Double(values.count))
  }

  /// A loss that stands still at high rates and falls as they do: itself, or its logarithm.
  func decaySign(
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
    // Nearly still: neither falls much between.
    var gained = (before - at) / scale < 0.06 ? (at - loss.end) / scale : 0
    if loss.isPositive, loss.end > 0, loss.start > 4 * loss.end {
      let all = log(loss.start / loss.end)
      if log(before / at) < 0.25 { gained = max(gained, log(at / loss.end) / all) }
    }
    guard gained > decay, before - at < 0.3 * (at - loss.end) else { return (0, "") }
    // It stood still only where a steady fall would have shown above the noise.
    let time = OptimizerTime(rate)
    let (passed, rest) = (
      time.at(until) - time.at(from), time.at(loss.signal.last) - time.at(until)
    )
    let count = Double(
      min(
        loss.signal.between(from - width, from + width).count,
        loss.signal.between(until - width, until + width).count))
    let error = 1.8 * Robust.median(blocks(run, loss).map(\.noise)) / count.squareRoot()
    let expected = 0.7 * passed / max(rest, 1e-300)
    if loss.isPositive, loss.end > 0 {
      let part = log(before / at) + 2 * error / at
      if part > expected * log(at / loss.end) { return (0, "") }
    } else if before - at + 2 * error > expected * (at - loss.end) {
      return (0, "")
    }
    return (
      graded(gained, from: decay, to: 0.7, low: 0.35, high: 0.65),
      "it was at \(run.number(before)) at step \(run.step(from)) and still at \(run.number(at)) "
        + "at step \(run.step(until)); as lr fell below 70 % of its peak, it fell to "
        + "\(run.number(loss.end))"
    )
  }
}
