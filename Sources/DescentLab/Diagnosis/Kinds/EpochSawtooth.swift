public import Descent
import Foundation

/// The loss has the period of the passes over the data.
public struct EpochSawtooth: FindingKind {
  public static let name = "epoch_sawtooth"
  public static let summary =
    "The loss falls in steps where a pass over the data begins, or goes through the same ups and downs in each."
  public static let weight = 0.74
  public static let explains: Set = [
    "lr_too_high", "plateau", "loss_spikes", "lr_too_low", "clip_idle",
  ]

  /// The share of what is left of the loss without its slow course that the place in the pass
  /// explains.
  public var share = 0.3
  /// The same where the log does not say how long a pass is.
  public var unknown = 0.45
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
    .number("height", \.height, .above(0), "height of what repeats over the fall of the loss"),
    .number("drop", \.drop, .open(0, 1), "share of the fall that comes between passes"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 30 else { return nil }
    if let stairs = stairs(loss, run) { return stairs }
    let known = passLength(run)
    let steps = loss.signal.steps
    let rowStep = loss.signal.span / Double(steps.count - 1)
    var best: (rows: Int, share: Double)?
    if let known {
      let rows = Int((known / rowStep).rounded())
      guard rows >= 4, steps.count >= 3 * rows else { return nil }
      best = (rows, explained(loss.signal, rows))
      guard let best, best.share > share else { return nil }
    } else {
      // A rate that goes up and down takes the loss with it.
      if let rate = run.rate, rate.jumps(by: 1.3).count(where: { $0.to > $0.from }) > 2 {
        return nil
      }
      let (coarse, group) = loss.signal.coarser(600)
      let longest = coarse.values.count / 3
      guard longest > 8 else { return nil }
      for rows in 8...longest {
        let share = explained(coarse, rows)
        if share > (best?.share ?? 0) + 0.01 { best = (rows * group, share) }
      }
      guard let best, best.share > unknown else { return nil }
    }
    guard let best else { return nil }
    let shape = shape(loss.signal, best.rows)
    guard shape.height > height * loss.scale else { return nil }
    let length = known ?? Double(best.rows) * rowStep
    let isFalling = shape.drop > 0
    return Finding(
      Self.self, graded(best.share, from: known == nil ? unknown : share, to: 0.75, low: 0.6),
      steps[0],
      steps[steps.count - 1],
      evidence: "every \(run.step(length)) steps"
        + (known == nil ? "" : " (a pass over the data)")
        + " the loss goes through the same course, which explains \(percent(best.share, 0)) of its "
        + "deviations; where it begins again the loss "
        + "\(isFalling ? "falls" : "rises") by \(short(abs(shape.drop)))"
        + (shape.within > 0 ? ", and within it rises by \(short(shape.within))" : ""),
      cause: isFalling && shape.within <= 0
        ? "The model remembers examples: each is easier the next time it comes, so the loss falls from pass "
          + "to pass rather than from step to step."
        : "The examples come in the same order in every pass, so the loss follows their order, not the "
          + "training.",
      advice: "shuffle the examples anew for each pass, and watch a validation loss"
        + (isFalling ? "; fewer passes or more data, if it stands still while this falls" : ""),
      shows: ["loss", "val_loss"])
  }

  // MARK: Stairs

  /// Few passes: the loss falls at equal distances, and hardly between.
  private func stairs(_ loss: LossCourse, _ run: RunSignals) -> Finding? {
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
    drops.sort()
    guard drops.count > 1 else { return nil }
    let gaps = zip(drops, drops.dropFirst()).map { Double($1 - $0) }
    let period = gaps.reduce(0, +) / Double(gaps.count)
    let slack = max(0.1 * period, Double(window))
    guard gaps.allSatisfy({ abs($0 - period) <= slack }),
      abs(Double(drops[0]) - period) <= 1.5 * slack,
      Double(n - drops[drops.count - 1]) <= period + 1.5 * slack, period > 3 * Double(window)
    else { return nil }
    return (drops, drops.reduce(0) { $0 + falls[$1] } / fall)
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

  /// What is left without the slow course: the mean over one pass around each row is taken away.
  private func rest(_ signal: Signal, _ rows: Int) -> [Double] {
    let values = signal.values
    var sums = [0.0]
    for x in values { sums.append(sums[sums.count - 1] + x) }
    let half = rows / 2
    return values.indices.dropFirst(half).dropLast(rows - half).map { i in
      values[i] - (sums[i - half + rows] - sums[i - half]) / Double(rows)
    }
  }

  /// The share of the variance that the place in a period of so many rows explains, beyond chance.
  private func explained(_ signal: Signal, _ rows: Int) -> Double {
    let rest = rest(signal, rows)
    let bins = min(rows, 12)
    guard rest.count > 2 * rows, rest.count > 2 * bins else { return 0 }
    // A few wild values are no period.
    let limit = 4 * Robust.deviation(rest)
    var (sums, counts) = ([Double](repeating: 0, count: bins), [Double](repeating: 0, count: bins))
    var total = 0.0
    for (i, x) in rest.enumerated() {
      let x = limit > 0 ? min(max(x, -limit), limit) : x
      let bin = (i % rows) * bins / rows
      sums[bin] += x
      counts[bin] += 1
      total += x * x
    }
    guard total > 0 else { return 0 }
    var between = 0.0
    for (sum, count) in zip(sums, counts) where count > 0 { between += sum * sum / count }
    let n = Double(rest.count)
    let r2 = between / total
    return 1 - (1 - r2) * (n - 1) / max(n - Double(bins), 1)
  }

  /// The largest change between neighbouring places of the mean pass, and the change within the
  /// rest of it.
  private func shape(_ signal: Signal, _ rows: Int) -> (
    drop: Double, within: Double, height: Double
  ) {
    let rest = rest(signal, rows)
    let bins = min(rows, 12)
    var parts = [[Double]](repeating: [], count: bins)
    for (i, x) in rest.enumerated() { parts[(i % rows) * bins / rows].append(x) }
    let means = parts.map { Robust.median($0) }
    let changes = means.indices.map { means[($0 + 1) % bins] - means[$0] }
    guard let place = changes.indices.max(by: { abs(changes[$0]) < abs(changes[$1]) }) else {
      return (0, 0, 0)
    }
    let trend = (signal.values.last ?? 0) - (signal.values.first ?? 0)
    let slow = trend * Double(rows) / Double(signal.values.count)
    return (
      -changes[place], slow - changes[place], (means.max() ?? 0) - (means.min() ?? 0)
    )
  }
}
