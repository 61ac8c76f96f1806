import Descent
import DescentTraining
import Foundation

/// A number of a run: a key of its metrics, or a fact about all of it.
public struct StudyMetric: Sendable, Equatable, Hashable {
  /// As it is written.
  public let text: String
  /// What it is.
  let kind: Kind

  enum Kind: Sendable, Equatable, Hashable {
    /// A track of the log, by its name there.
    case track(String)
    /// The steps until a track was first at or below a limit.
    case stepsTo(String, Double)
    case fact(Fact)
  }

  /// What is known of a run as a whole.
  enum Fact: String, CaseIterable, Sendable {
    case steps
    case seconds
    case secondsPerStep = "seconds_per_step"
    case stateBytes = "state_bytes"

    var words: String {
      switch self {
      case .steps: "steps"
      case .seconds: "seconds of training"
      case .secondsPerStep: "seconds a step"
      case .stateBytes: "bytes of optimizer state"
      }
    }
  }

  /// Reads `d`, `lr.A`, `seconds` or `steps_to(val_loss, 1.5)`.
  ///
  /// - Throws: a sentence.
  init(_ text: String) throws(StudyMistake) {
    let text = text.trimmingCharacters(in: .whitespaces)
    self.text = text
    if let fact = Fact(rawValue: text) {
      kind = .fact(fact)
    } else if text.hasPrefix("steps_to("), text.hasSuffix(")") {
      let parts = text.dropFirst(9).dropLast().split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2, let limit = Double(parts[1]), limit.isFinite else {
        throw StudyMistake(
          "\(quotable(text)) must have the form steps_to(metric, value), such as "
            + "steps_to(val_loss, 1.5)"
        )
      }
      kind = .stepsTo(Self.track(parts[0]), limit)
    } else {
      guard !text.isEmpty, !text.contains(where: { "(){}[],".contains($0) }) else {
        throw StudyMistake(
          "'\(quotable(text))' is no metric: give a key of metrics.jsonl such as val_loss or d, "
            + "one of "
            + "\(Fact.allCases.map(\.rawValue).joined(separator: ", ")), or steps_to(val_loss, 1.5)"
        )
      }
      kind = .track(Self.track(text == "memory" ? "memory_bytes" : text))
    }
  }

  /// The name that a log gives to a key of the metrics.
  private static func track(_ key: String) -> String {
    let isDenominator = key == "d_denom" || key.hasPrefix("d_denom.")
    return MetricKey.slashed(isDenominator ? "d_denominator" + key.dropFirst(7) : key)
  }

  /// The track that it needs; nil for a fact.
  var track: String? {
    switch kind {
    case .track(let name), .stepsTo(let name, _): name
    case .fact: nil
    }
  }

  /// Whether a run without a number is beyond any number, since it did not come to it.
  var isUnbounded: Bool { if case .stepsTo = kind { true } else { false } }

  /// Whether it is a series over steps.
  var isSeries: Bool { if case .track = kind { true } else { false } }

  /// What people call it.
  var words: String {
    switch kind {
    case .track: text
    case .stepsTo(let name, let limit): "steps to \(name) \(short(limit))"
    case .fact(let fact): fact.words
    }
  }

  /// Whether its numbers are compared by their ratios, as those are whose sizes differ by decades.
  var isRatio: Bool {
    switch kind {
    case .fact, .stepsTo: true
    case .track(let name):
      [
        "d", "lr", "grad_norm", "d_coef", "distance", "memory_bytes", "group_grad_norm",
        "group_distance", "group_weight_norm",
      ].contains {
        name == $0 || name.hasPrefix($0 + "/")
      }
    }
  }
}

extension StudyMetric {
  /// The metric whose values a reduction gives; nil where it gives something else.
  func metric(_ reduction: StudyReduction) -> Metric? {
    guard case .track(let name) = kind, !reduction.isRatio else { return nil }
    return Metric.of(name)
  }
}

/// What is wrong with a part of a study.
package struct StudyMistake: Error {
  let sentence: String
  init(_ sentence: String) { self.sentence = sentence }
}

/// How a series of a run becomes one number.
public enum StudyReduction: Sendable, Equatable, Hashable {
  /// The last.
  case final
  /// The first.
  case first
  /// The largest.
  case max
  /// The smallest.
  case min
  /// The mean of all.
  case mean
  /// The median of all.
  case median
  /// The mean of the last tenth: the end of a number that differs from step to step.
  case tail
  /// The last by the first.
  case growth
  /// The first step at which it has come half the way from its first to its last value.
  case halfway
  /// The first step from which on it is within 10 % of its last value.
  case settled
  /// The value at a step, or the last before it.
  case at(Int)

  /// Those that are a single word.
  private static let named: [StudyReduction] = [
    .final, .first, .max, .min, .mean, .median, .tail, .growth, .halfway, .settled,
  ]

  /// Reads its name.
  package init(_ text: String) throws(StudyMistake) {
    if let named = Self.named.first(where: { "\($0)" == text }) {
      self = named
    } else if text.hasPrefix("at "), let step = Int(text.dropFirst(3)), step >= 0 {
      self = .at(step)
    } else {
      throw StudyMistake(
        "'\(quotable(text))' is not known; \(hint(for: text, among: Self.named.map { "\($0)" } + ["at N"]))"
      )
    }
  }

  /// What it says of a metric: `final d`.
  func words(_ metric: StudyMetric) -> String {
    guard metric.isSeries else { return metric.words }
    let name = metric.words
    return switch self {
    case .final: "final \(name)"
    case .first: "first \(name)"
    case .max: "largest \(name)"
    case .min: "smallest \(name)"
    case .mean: "mean \(name)"
    case .median: "median \(name)"
    case .tail: "\(name) of the last tenth"
    case .growth: "growth of \(name)"
    case .halfway: "steps until \(name) is halfway"
    case .settled: "steps until \(name) has settled"
    case .at(let step): "\(name) at step \(step)"
    }
  }

  /// Whether it is a number of steps or a factor, whatever the metric.
  var isRatio: Bool {
    switch self {
    case .growth, .halfway, .settled: true
    default: false
    }
  }

  /// The number of a series; nil where it has none.
  package func value(of track: Track) -> Double? {
    let kept = track.values.indices.filter { track.values[$0].isFinite }
    let values = kept.map { track.values[$0] }
    guard let first = values.first, let last = values.last else { return nil }
    // One value has no course.
    if isRatio, values.count < 2 { return nil }
    switch self {
    case .final: return track.values.last?.isFinite == true ? last : nil
    case .first: return first
    case .max: return values.max()
    case .min: return values.min()
    case .mean: return Sample(values).mean
    case .median: return Sample(values).median
    case .tail: return Sample(Array(values.suffix(Swift.max(1, values.count / 10)))).mean
    case .growth: return first != 0 ? last / first : nil
    case .halfway:
      let half = (first + last) / 2
      let index = values.firstIndex { last >= first ? $0 >= half : $0 <= half }
      return index.map { Double(track.steps[kept[$0]]) }
    case .settled:
      let index = values.lastIndex { abs($0 - last) > 0.1 * abs(last) }.map { $0 + 1 } ?? 0
      return Double(track.steps[kept[Swift.min(index, kept.count - 1)]])
    case .at(let step):
      return kept.last { track.steps[$0] <= step }.map { track.values[$0] }
    }
  }
}
