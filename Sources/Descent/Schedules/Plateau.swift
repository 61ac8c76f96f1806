import Foundation

/// A schedule that follows a metric of the run instead of the step count: the only kind that has a
/// memory. ``Optimizer/observe(metric:)`` feeds it; ``state`` is what a checkpoint keeps.
public protocol MetricSchedule: Schedule {
  /// Whether small or large metrics are good.
  var mode: MetricMode { get }
  /// All that it remembers.
  var state: MetricState { get set }
  /// Takes the next metric; NaN counts as bad.
  mutating func observe(_ metric: Double)
}

/// Whether small or large metrics are good.
public enum MetricMode: String, CaseIterable, Sendable {
  /// A loss.
  case min
  /// An accuracy.
  case max
}

/// What a ``MetricSchedule`` remembers.
public struct MetricState: Codable, Sendable, Equatable {
  /// The best metric so far; nil before the first.
  public var best: Double?
  /// Bad metrics in a row.
  public var bad = 0
  /// Good metrics in a row.
  public var good = 0
  /// Metrics still to be ignored.
  public var waiting = 0
  /// The changes of the value, in order: −3 is three reductions, 2 two raises.
  public var changes: [Int] = []

  /// Nothing seen yet.
  public init() {}

  mutating func record(_ change: Int) {
    if let last = changes.last, last.signum() == change {
      changes[changes.count - 1] += change
    } else {
      changes.append(change)
    }
  }
}

/// How much better than the best a metric must be.
public enum ThresholdMode: String, CaseIterable, Sendable {
  /// By a share of the best.
  case relative = "rel"
  /// By an amount.
  case absolute = "abs"
}

/// Whether `metric` is better than `best`; the first always is, unless it is NaN.
private func isBetter(
  _ metric: Double, than best: Double?, _ mode: MetricMode, _ threshold: Double,
  _ thresholdMode: ThresholdMode
) -> Bool {
  switch (mode, thresholdMode) {
  case (.min, let kind):
    guard let best else { return metric < .infinity }
    return metric < (kind == .relative ? best * (1 - threshold) : best - threshold)
  case (.max, let kind):
    guard let best else { return metric > -.infinity }
    return metric > (kind == .relative ? best * (1 + threshold) : best + threshold)
  }
}

/// Reduces the value when a metric has stopped improving.
///
/// ```
/// better:  m < best·(1 − θ), or m < best − θ;  mode=max:  m > best·(1 + θ), or m > best + θ
/// after more than patience bad metrics in a row:  η ← max(f·η, min_lr)
/// ```
public struct ReduceOnPlateau: MetricSchedule {
  public var mode = MetricMode.min
  /// f
  public var factor = 0.1
  /// Bad metrics in a row that change nothing.
  public var patience = 10
  /// θ
  public var threshold = 1e-4
  public var thresholdMode = ThresholdMode.relative
  /// Metrics to ignore after a reduction.
  public var cooldown = 0
  /// The smallest value.
  public var minimum = 0.0
  /// Smaller reductions are not made.
  public var epsilon = 1e-8
  public var state = MetricState()

  public static let name = "plateau"
  public static let settings: [Setting<ReduceOnPlateau>] = [
    .choice("mode", \.mode, "small metrics are good (min), or large ones (max)", source: "torch"),
    .number("factor", \.factor, .open(0, 1), "f: the factor of a reduction", source: "torch"),
    .integer(
      "patience", \.patience, .atLeast(0), "bad metrics in a row that change nothing",
      source: "torch"),
    .number("threshold", \.threshold, .atLeast(0), "θ: what counts as better", source: "torch"),
    .choice("threshold_mode", \.thresholdMode, "θ is a share or an amount", source: "torch"),
    .integer(
      "cooldown", \.cooldown, .atLeast(0), "metrics ignored after a reduction", source: "torch"),
    .number("min_lr", \.minimum, .atLeast(0), "the smallest value", source: "torch"),
    .number("eps", \.epsilon, .atLeast(0), "smaller reductions are not made", source: "torch"),
  ]
  public static let about = About(
    summary: "falls when a metric has stopped improving; needs evaluations",
    formula: """
      better:  m < best·(1 − θ), or m < best − θ;  mode=max:  m > best·(1 + θ), or m > best + θ
      after more than patience bad metrics in a row:  η ← max(f·η, min_lr)
      """,
    guidance: """
      mode=min follows the validation loss, mode=max the validation accuracy. For negative metrics \
      a relative threshold means nothing: set threshold_mode=abs.
      """,
    reference: "torch: ReduceLROnPlateau")

  public init() {}

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("min_lr", minimum, above: base)
  }

  public mutating func observe(_ metric: Double) {
    if isBetter(metric, than: state.best, mode, threshold, thresholdMode) {
      (state.best, state.bad) = (metric, 0)
    } else {
      state.bad += 1
    }
    if state.waiting > 0 { (state.waiting, state.bad) = (state.waiting - 1, 0) }
    if state.bad > patience {
      state.record(-1)
      (state.waiting, state.bad) = (cooldown, 0)
    }
  }

  public func value(at step: Int, base: Double) -> Double {
    var η = base
    for _ in 0..<(-state.changes.reduce(0, +)) {
      let reduced = max(η * factor, minimum)
      guard η - reduced > epsilon else { break }
      η = reduced
    }
    return η
  }
}

/// Raises the value while a metric improves, and reduces it when it has stopped.
///
/// ```
/// better:  as in plateau
/// after more than patience good metrics in a row:  η ← min(η/f, max_lr)
/// after more than patience bad metrics in a row:   η ← max(f·η, min_lr)
/// ```
public struct GreedySchedule: MetricSchedule {
  public var mode = MetricMode.min
  /// f
  public var factor = 0.95
  /// Good or bad metrics in a row that change nothing.
  public var patience = 10
  /// θ
  public var threshold = 1e-6
  public var thresholdMode = ThresholdMode.absolute
  /// Metrics to ignore after a reduction.
  public var cooldown = 0
  /// Metrics to ignore after a raise.
  public var warmup = 0
  /// The smallest value.
  public var minimum = 1e-3
  /// The largest value.
  public var maximum = 1.0
  /// Smaller changes are not made.
  public var epsilon = 1e-8
  public var state = MetricState()

  public static let name = "greedy"
  public static let settings: [Setting<GreedySchedule>] = [
    .choice(
      "mode", \.mode, "small metrics are good (min), or large ones (max)", source: "transformers"),
    .number(
      "factor", \.factor, .open(0, 1), "f: the factor of a reduction", source: "transformers"),
    .integer(
      "patience", \.patience, .atLeast(0), "metrics in a row that change nothing",
      source: "transformers"),
    .number(
      "threshold", \.threshold, .atLeast(0), "θ: what counts as better", source: "transformers"),
    .choice("threshold_mode", \.thresholdMode, "θ is a share or an amount", source: "transformers"),
    .integer("cooldown", \.cooldown, .atLeast(0), "metrics ignored after a reduction"),
    .integer("warmup", \.warmup, .atLeast(0), "metrics ignored after a raise"),
    .number("min_lr", \.minimum, .atLeast(0), "the smallest value", source: "transformers"),
    .number("max_lr", \.maximum, .above(0), "the largest value", source: "transformers"),
    .number("eps", \.epsilon, .atLeast(0), "smaller changes are not made", source: "transformers"),
  ]
  public static let about = About(
    summary: "rises while a metric improves, falls when it has stopped; needs evaluations",
    formula: """
      better:  as in plateau
      after more than patience good metrics in a row:  η ← min(η/f, max_lr)
      after more than patience bad metrics in a row:   η ← max(f·η, min_lr)
      """,
    differences: "Without Hugging Face's smoothing and without its restart at min_lr.",
    reference: "arXiv:2512.14527; Hugging Face: greedy")

  public init() {}

  public func validate() throws(SettingError) {
    if minimum > maximum {
      let (low, high) = (SettingValue.text(of: minimum), SettingValue.text(of: maximum))
      throw .contradiction("min_lr=\(low) is above max_lr=\(high)")
    }
  }

  public func objection(base: Double) -> ScheduleObjection? {
    floorObjection("min_lr", minimum, above: base)
      ?? (base > maximum
        ? ScheduleObjection(setting: "max_lr", value: maximum, isFloor: false, advice: "") : nil)
  }

  public mutating func observe(_ metric: Double) {
    if state.waiting > 0 {
      (state.waiting, state.bad, state.good) = (state.waiting - 1, 0, 0)
      return
    }
    if isBetter(metric, than: state.best, mode, threshold, thresholdMode) {
      (state.best, state.bad, state.good) = (metric, 0, state.good + 1)
    } else {
      (state.bad, state.good) = (state.bad + 1, 0)
    }
    if state.good > patience {
      state.record(1)
      (state.waiting, state.good) = (warmup, 0)
    } else if state.bad > patience {
      state.record(-1)
      (state.waiting, state.bad) = (cooldown, 0)
    }
  }

  public func value(at step: Int, base: Double) -> Double {
    var η = base
    for change in state.changes {
      for _ in 0..<abs(change) {
        let next = change < 0 ? max(η * factor, minimum) : min(η / factor, maximum)
        guard (change < 0 ? η - next : next - η) > epsilon else { break }
        η = next
      }
    }
    return η
  }
}
