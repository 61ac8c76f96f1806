import Descent
import Foundation

/// Few passes over the data, each a stair of the loss.
extension EpochSawtooth {
  /// Few passes: the loss falls at equal distances, and hardly between.
  func stairs(_ loss: LossCourse, _ run: RunSignals) -> Finding? {
    let values = loss.signal.values
    var best: (drops: [Int], share: Double)?
    for isLogarithmic in [false, true] {
      if isLogarithmic, !loss.isPositive || loss.end <= 0 { continue }
      let scaled = isLogarithmic ? values.map { log($0) } : values
      guard let found = stairs(scaled), found.share > best?.share ?? drop else { continue }
      best = found
    }
    guard let best else { return nil }
    let steps = best.drops.map { loss.signal.steps[$0] }
    // A rate that falls in stairs takes the loss with it.
    if let rate = run.rate {
      let falls = rate.jumps(by: 1.5)
      let near = 0.02 * loss.signal.span
      if steps.contains(where: { step in falls.contains { abs($0.step - step) <= near } }) {
        return nil
      }
    }
    let period = (steps[steps.count - 1] - loss.signal.first) / Double(steps.count)
    let levels = [0] + best.drops + [values.count]
    let means = zip(levels, levels.dropFirst()).prefix(5).map {
      run.number(Robust.median(values[$0..<$1]))
    }
    return Finding(
      Self.self, graded(best.share, from: drop, to: 0.85, low: 0.7), loss.signal.first,
      loss.signal.last,
      evidence: "the loss falls in stairs, at steps \(few(steps.map { run.step($0) })), about "
        + "\(run.step(period)) steps apart: from \(means.joined(separator: " to ")), which is "
        + "\(percent(min(best.share, 1), 0)) of its fall",
      cause:
        "The model remembers examples: each is easier the next time it comes, so the loss falls "
        + "from pass to pass over the data rather than from step to step.",
      advice:
        "watch a validation loss, which this fall need not reach; train for one or two passes, "
        + "with more data or a lower lr, and shuffle anew for each",
      shows: ["loss", "val_loss"])
  }

  /// A single stair, where the second pass begins, that leaves nothing to fall: at once, as high as
  /// most of the fall, and after a whole fraction of the run, as passes are counted.
  private func cliff(_ values: [Double], _ near: Int, _ fall: Double) -> (
    drops: [Int], share: Double
  )? {
    let (n, window) = (values.count, max(3, values.count / 40))
    func step(_ i: Int) -> Double {
      Robust.median(values[max(0, i - 5)..<i]) - Robust.median(values[i..<min(n, i + 5)])
    }
    let places = max(6, near - window)..<min(n - 5, near + window)
    guard !places.isEmpty, let place = places.max(by: { step($0) < step($1) }) else { return nil }
    let passes = Double(n) / Double(place)
    // At once, not over the rows beside it.
    let edge = (values[place - 2] + values[place - 1] - values[place] - values[place + 1]) / 2
    guard edge > 0.6 * step(place), step(place) > 0.6 * fall, passes < 12, passes.rounded() > 1,
      abs(passes - passes.rounded()) < 0.04 * passes, isDone(values, [place], fall)
    else { return nil }
    return (drops: [place], share: step(place) / fall)
  }

  /// Whether the last stair left next to nothing to fall.
  private func isDone(_ values: [Double], _ drops: [Int], _ fall: Double) -> Bool {
    guard let last = drops.last, last < values.count else { return false }
    let few = max(3, values.count / 20)
    guard last + few < values.count else { return false }
    let after = values[(last + few)..<min(values.count, last + 2 * few)]
    return Robust.median(after) - Robust.median(values.suffix(after.count)) < 0.12 * fall
  }

  /// Drops at equal distances, and their share of the whole fall.
  private func stairs(_ values: [Double]) -> (drops: [Int], share: Double)? {
    let n = values.count
    let window = max(3, n / 40)
    guard n > 8 * window else { return nil }
    let falls = (0...n).map { i -> Double in
      guard i >= window, i <= n - window else { return 0 }
      return Robust.median(values[(i - window)..<i]) - Robust.median(values[i..<(i + window)])
    }
    let noise = Robust.noise(values[...])
    let fall = Robust.median(values[..<window]) - Robust.median(values[(n - window)...])
    let limit = max(5 * noise * (2 / Double(window)).squareRoot(), 0.08 * fall)
    guard fall > 0, limit > 0 else { return nil }
    var (drops, open) = ([Int](), falls.map { $0 > limit })
    // The fall of the first steps is no stair.
    for i in 0..<(n / 16) { open[i] = false }
    while drops.count < 30,
      let place = falls.indices.filter({ open[$0] }).max(by: { falls[$0] < falls[$1] })
    {
      drops.append(place)
      for i in max(0, place - 2 * window)...min(n, place + 2 * window) { open[i] = false }
    }
    // Stairs are of a size; what falls between them is none.
    let highest = drops.first.map { falls[$0] } ?? 0
    drops.removeAll { falls[$0] < 0.3 * highest }
    drops.sort()
    guard drops.count > 1 else { return drops.first.flatMap { cliff(values, $0, fall) } }
    let gaps = zip(drops, drops.dropFirst()).map { Double($1 - $0) }
    let period = gaps.reduce(0, +) / Double(gaps.count)
    let slack = max(0.1 * period, Double(window))
    guard gaps.allSatisfy({ abs($0 - period) <= slack }),
      abs(Double(drops[0]) - period) <= 1.5 * slack,
      Double(n - drops[drops.count - 1]) <= period + 1.5 * slack || isDone(values, drops, fall),
      period > 4.5 * Double(window)
    else { return nil }
    // Stairs lead down, and are flat between; the last may be missing where nothing is left to fall.
    let ends = [0] + drops + [n]
    let levels = zip(ends, ends.dropFirst()).map { Robust.median(values[$0..<$1]) }
    let share = drops.reduce(0) { $0 + falls[$1] } / fall
    let isWhole = Double(n - drops[drops.count - 1]) <= period + 1.5 * slack
    guard zip(levels, levels.dropFirst()).allSatisfy({ $0 > $1 }), isWhole || share > 0.72 else {
      return nil
    }
    return (drops, share)
  }
}
