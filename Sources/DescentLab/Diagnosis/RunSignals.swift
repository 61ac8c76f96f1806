import Descent
import Foundation

/// A run as the kinds of findings see it: its metrics without what is not finite, and what was
/// summed up of them once.
public struct RunSignals: Sendable {
  let log: RunLog
  /// The training loss.
  let loss: LossCourse?
  /// The validation loss.
  let validation: Signal?
  /// The effective learning rate.
  let rate: RateCourse?
  /// The norm of the gradients, before they are clipped where the log has that.
  let norm: Signal?
  /// Prodigy's d, the largest of several.
  let d: Signal?
  /// Where the training loss is not finite: the first such step, and from which step on none is
  /// finite.
  let broken: (first: Double, forGood: Double?, count: Int)?
  /// How many losses there are, finite or not.
  let losses: Int
  /// The recipe's keys.
  let settings: [String: String]
  /// The first and the last step of all that is logged.
  let steps: ClosedRange<Double>
  /// What the log says of clipping; nil where it says nothing.
  private(set) var clip: ClipFacts?

  package init(_ log: RunLog) {
    self.log = log
    let track = log["loss"] ?? log["smoothed_loss"]
    loss = Signal(track).map(LossCourse.init)
    losses = track?.count ?? 0
    broken = Self.broken(track)
    validation = Signal(log["val_loss"])
    rate = Signal(
      log["lr"]
        ?? log.family("lr").max {
          ($0.track.values.filter(\.isFinite).max() ?? 0)
            < ($1.track.values.filter(\.isFinite).max() ?? 0)
        }?.track
    ).map(RateCourse.init)
    norm = Signal(log["grad_norm"])
    d = Signal(
      log["d"]
        ?? log.family("d").max { ($0.track.last ?? 0) < ($1.track.last ?? 0) }?.track
        ?? Self.estimate(log))
    settings = Dictionary(log.settings.map { ($0.key, $0.value) }) { _, last in last }
    let first = log.tracks.values.compactMap(\.steps.first).min() ?? 0
    steps = Double(first)...Double(max(first, log.lastStep))
    clip = ClipFacts(self)
  }

  /// Whether a log has a number that some kind of finding looks at.
  static func canUse(_ log: RunLog) -> Bool {
    !log.events.isEmpty
      || log.tracks.keys.contains { name in
        used.contains(String(name.prefix { $0 != "/" }))
      }
  }

  private static let used: Set = [
    "loss", "smoothed_loss", "val_loss", "lr", "d", "grad_norm", "loss_scale", "skipped", "applied",
    "lost_share", "update_ratio", "step_size", "distance", "weight_norm",
  ]

  /// d, where a log has d × lr beside an lr that is d's factor: as large as no rate of that
  /// optimizer's steps.
  private static func estimate(_ log: RunLog) -> Track? {
    func first(_ name: String) -> Track? { log[name] ?? log.family(name).first?.track }
    guard let product = first("lr"), let factor = first("base_lr"),
      product.steps == factor.steps, (factor.values.max() ?? 0) >= 0.1
    else { return nil }
    let values = zip(product.values, factor.values).map { $1 > 0 ? $0 / $1 : .nan }
    // A schedule's rate over its base is d only where it is small.
    guard let highest = values.filter(\.isFinite).max(), highest < 0.1 else { return nil }
    return Track(steps: product.steps, values: values)
  }

  private static func broken(_ track: Track?) -> (first: Double, forGood: Double?, count: Int)? {
    guard let track, let first = track.values.firstIndex(where: { !$0.isFinite }) else {
      return nil
    }
    let end = (track.values.lastIndex(where: \.isFinite) ?? -1) + 1
    return (
      Double(track.steps[first]), end < track.count ? Double(track.steps[end]) : nil,
      track.values.count { !$0.isFinite }
    )
  }

  /// A number of the recipe.
  func number(_ key: String) -> Double? { settings[key].flatMap(Double.init) }

  /// How many steps there are from the first to the last.
  var span: Double { steps.upperBound - steps.lowerBound }

  /// The share of the run at a step.
  func share(_ step: Double) -> Double {
    span > 0 ? (step - steps.lowerBound) / span : 0
  }

  /// Whether steps of this run were logged twice, as where it was resumed.
  var restarts: [RunLog.Event] { log.events.filter { $0.kind == .restarted } }

  /// The name of the optimizer, where the log says it.
  var optimizer: String? { settings["optimizer.name"] ?? settings["optim"] }

  /// Steps that changed nothing since something was not finite, as far as the log says; of several in
  /// one row the last. And how many there were in all.
  var skipped: (steps: [Double], count: Double) {
    var more = 0.0
    var steps = Set(log.events.filter { $0.kind == .skipped }.map { Double($0.step) })
    if let track = log["skipped"] {
      // Some tools count them up, some say how many there were since the last row.
      let values = track.values.filter(\.isFinite)
      let isCount = (values.max() ?? 0) > 1
      let gaps = zip(track.steps, track.steps.dropFirst()).map { Double($1 - $0) }
      let isOfRow =
        zip(values, values.dropFirst()).contains { $1 < $0 }
        || gaps.count > 3 && zip(gaps, track.values.dropFirst()).allSatisfy { $0 == $1 }
      var (before, last) = (0.0, (track.steps.first ?? 0) - 1)
      for (step, value) in zip(track.steps, track.values) where value.isFinite {
        if isCount, isOfRow {
          let number = min(value, Double(step - last)).rounded()
          if number >= 1 {
            steps.insert(Double(step))
            more += number - 1
          }
        } else if isCount ? value > before : value == 1 {
          steps.insert(Double(step))
        }
        (before, last) = (value, step)
      }
    }
    if let applied = log["applied"] {
      for (step, value) in zip(applied.steps, applied.values) where value == 0 {
        steps.insert(Double(step))
      }
    }
    return (steps.sorted(), Double(steps.count) + more)
  }

  // MARK: Words

  func number(_ x: Double) -> String { short(x, 4) }

  func step(_ x: Double) -> String { grouped(Int(step: x)) }
}

/// The training loss with the levels that the kinds of findings compare.
struct LossCourse: Sendable {
  let signal: Signal
  /// Up to 40 stretches.
  let blocks: [Signal.Block]
  /// Where it began: the first value.
  let start: Double
  /// Where it ended: the median of the last tenth.
  let end: Double
  /// The lowest level of a stretch, and its step.
  let best: (level: Double, step: Double)
  /// The standard deviation of the values around their course.
  let noise: Double
  /// The standard error of the level of a stretch.
  let error: Double

  init(_ signal: Signal) {
    self.signal = signal
    blocks = signal.blocks()
    // The first alone: the second may have fallen, or exploded.
    start = signal.values[0]
    let tail = signal.values.suffix(
      max(1, min(signal.values.count, max(3, signal.values.count / 10))))
    end = Robust.median(tail)
    let lowest = blocks.min { $0.level < $1.level }
    best = (min(lowest?.level ?? start, end), lowest?.step ?? signal.first)
    noise = signal.noise.isNaN ? 0 : signal.noise
    error = Robust.median(blocks.map(\.error))
    // What is slow stands out in long stretches alone.
    isBuried = Self.isBuried(signal, blocks) && Self.isBuried(signal, signal.blocks(most: 12))
  }

  /// How far the level rose from stretch to stretch in all, beyond what noise explains.
  static func rises(_ blocks: [Signal.Block]) -> Double {
    zip(blocks, blocks.dropFirst()).reduce(0) { sum, pair in
      let (a, b) = pair
      let error = (a.error * a.error + b.error * b.error).squareRoot()
      return sum + max(0, b.level - a.level - 3 * error)
    }
  }

  /// Whether there are enough values to tell a course from noise.
  var isLong: Bool { signal.values.count >= 20 }

  /// How far it fell: from the start to its best level.
  var fall: Double { max(0, start - best.level) }

  /// The size of its changes: that of its start, or how far it fell.
  var size: Double { max(abs(start), fall, noise) }

  /// Whether it ends very far above its start, or far above where it ever was and rising.
  var isFlying: Bool {
    let values = signal.values
    guard values.count > 4, let last = values.last, let highest = values.max() else { return false }
    let (above, before) = (last - start, values[values.count - 2] - start)
    return above > 1000 * size || last >= highest && above > 10 * size && before > 3 * size
  }

  /// What counts as much: how far it fell, or a tenth of its size where it never did.
  var scale: Double { max(fall, 0.1 * abs(start), 5 * error) }

  /// Whether noise, a considerable part of the loss, is larger than any change of its level: what
  /// seems a fall, a rise or a flat stretch then says nothing (losses of diffusion at random times).
  let isBuried: Bool

  private static func isBuried(_ signal: Signal, _ blocks: [Signal.Block]) -> Bool {
    let (values, noise) = (signal.values, signal.noise)
    let levels = blocks.map(\.level)
    guard values.count > 19, noise > 0.12 * abs(Robust.median(levels)), let low = levels.min(),
      let high = levels.max()
    else { return false }
    // Levels move no more than their errors let them, or than half of what a single row does.
    let error = Robust.median(blocks.map(\.error))
    guard high - low < max(7 * error, 0.5 * noise) else { return false }
    // The first rows are like all others, and their course has no trend.
    let usual = Robust.quantile(values, 0.97)
    let line = Line(blocks.map(\.step), levels)
    return Robust.median(values.prefix(3)) <= usual && values[0] <= Robust.quantile(values, 0.99)
      && values[0] >= Robust.quantile(values, 0.03)
      && abs(line.slope) * signal.span < max(4.5 * line.error * signal.span, 0.5 * noise)
  }

  /// Whether all values are positive, so that ratios mean something.
  var isPositive: Bool { signal.lows.allSatisfy { $0 > 0 } }
}

/// The learning rate: its parts, whatever schedule made it.
struct RateCourse: Sendable {
  let signal: Signal
  /// The highest rate.
  let peak: Double
  /// The first step at which it is (almost) there.
  let peakStep: Double
  /// The last step at which it is (almost) there.
  let decayStep: Double
  /// The rate at the end.
  let end: Double
  /// Whether it never changes.
  let isConstant: Bool
  /// From which step on it stays as it is at the end.
  let settledStep: Double

  init(_ signal: Signal) {
    self.signal = signal
    let values = signal.values
    let peak = values.max() ?? 0
    self.peak = peak
    end = values[values.count - 1]
    let isAtPeak = { (x: Double) in x >= peak - 0.02 * abs(peak) }
    peakStep = signal.steps[values.firstIndex(where: isAtPeak) ?? 0]
    decayStep = signal.steps[values.lastIndex(where: isAtPeak) ?? 0]
    let (low, end) = (values.min() ?? 0, end)
    isConstant = peak - low <= 1e-6 * abs(peak)
    let tolerance = 1e-6 * abs(peak)
    let changed = values.lastIndex { abs($0 - end) > tolerance } ?? -1
    settledStep = signal.steps[min(changed + 1, values.count - 1)]
  }

  /// Whether it begins lower than its peak.
  var hasWarmup: Bool { signal.values[0] < 0.7 * peak && peakStep > signal.first }

  /// Whether it ends much lower than its peak.
  var hasDecayed: Bool { end < 0.5 * peak }

  /// The rate at a step as a share of the peak.
  func share(at step: Double) -> Double { peak > 0 ? signal.value(at: step) / peak : 1 }

  /// The last step at which it is at least a share of the peak.
  func lastStep(atLeast share: Double) -> Double {
    signal.steps[signal.values.lastIndex { $0 >= share * peak } ?? 0]
  }

  /// The steps at which it is changed at once by a factor of at least `factor`, with the rates
  /// before and after, beside a gradual course.
  func jumps(by factor: Double) -> [(step: Double, from: Double, to: Double)] {
    let values = signal.values
    return values.indices.dropFirst().compactMap { i in
      let (a, b) = (values[i - 1], values[i])
      guard a > 0, b >= 0, a > b * factor || b > a * factor else { return nil }
      return (signal.steps[i], a, b)
    }
  }

  /// Where it is raised at once above all before, by hand as it seems: the last such jump.
  var raise: (step: Double, from: Double, to: Double)? {
    jumps(by: 1.5).last {
      $0.to > 1.2 * (signal.between(-.infinity, $0.step.nextDown).max() ?? .infinity)
        && $0.step > signal.first + 0.1 * signal.span
    }
  }

  /// Where, after its peak, it climbs to nine tenths of the peak again from less than two thirds:
  /// when the climb begins, and the rate before.
  var climbs: [(step: Double, from: Double, to: Double)] {
    let values = signal.values
    var (found, isLow) = ([(step: Double, from: Double, to: Double)](), false)
    for j in values.indices where signal.steps[j] > peakStep {
      if values[j] < 0.65 * peak { isLow = true }
      guard isLow, values[j] >= 0.9 * peak else { continue }
      isLow = false
      var i = j
      while i > 0, values[i - 1] < values[i] { i -= 1 }
      // What came before the climb, and before the warmup that it may begin with.
      found.append((signal.steps[min(i + 1, j)], max(values[i], values[max(0, i - 1)]), values[j]))
    }
    return found
  }

  /// In how many of the rows before its end it changes: nearly all for a curve, few for stairs.
  var changes: Double {
    let settled = signal.index(at: settledStep)
    let start = signal.index(at: decayStep)
    guard settled - start > 1 else { return 0 }
    let moved = (start + 1...settled).count { i in
      abs(signal.values[i] - signal.values[i - 1]) > 1e-9 * abs(peak)
    }
    return Double(moved) / Double(settled - start)
  }
}
