import Descent

/// `target`: what a run is to reach. Training does not depend on it; the end of a run says whether it did.
public struct TargetSettings: Configurable, Equatable {
  /// The metric, by its key in `metrics.jsonl`.
  public var metric = "val_loss"
  /// The largest value that reaches it; nil where ``atLeast`` is given.
  public var atMost: Double?
  /// The smallest value that reaches it; nil where ``atMost`` is given.
  public var atLeast: Double?

  public init() {}

  public static let name = "target"
  public static let settings: [Setting<TargetSettings>] = [
    .custom(
      "metric", kind: "a key of metrics.jsonl", "what is to be reached",
      value: { .text($0.metric) }, assign: { $0.metric = $1 }),
    .optionalNumber("at_most", \.atMost, .any, "the largest value that reaches it"),
    .optionalNumber("at_least", \.atLeast, .any, "the smallest value that reaches it"),
  ]

  public func validate() throws(SettingError) {
    if metric.isEmpty || metric.contains(where: { $0.isWhitespace || "()[]{},".contains($0) }) {
      throw .contradiction(
        "metric is '\(metric)', and must be a key of metrics.jsonl, such as val_loss")
    }
    switch (atMost, atLeast) {
    case (nil, nil):
      throw .contradiction("the value to reach is missing: give at_most or at_least")
    case (.some, .some): throw .contradiction("give at_most or at_least, not both")
    default: break
    }
  }

  /// The value that reaches it.
  public var limit: Double { atMost ?? atLeast ?? .nan }

  /// Whether a value reaches it.
  public func isReached(by value: Double) -> Bool {
    if let atMost { return value <= atMost }
    return atLeast.map { value >= $0 } ?? false
  }

  /// The better of two values.
  func better(_ a: Double, _ b: Double) -> Double { atMost == nil ? max(a, b) : min(a, b) }
}

/// How near a run came to its target.
public struct TargetOutcome: Sendable, Equatable {
  /// The target.
  public let target: TargetSettings
  /// The steps done when it was first reached; nil where it was not.
  public internal(set) var step: Int?
  /// The seconds of training until then.
  public internal(set) var seconds: Double?
  /// The best value; nil where the run has not measured the metric.
  public internal(set) var best: Double?
  /// The last value.
  public internal(set) var last: Double?
  /// The metrics that the run has measured.
  public internal(set) var measured: Set<String> = []
}

extension RunDirectory {
  /// How near the run has come to a target, by its metrics.
  ///
  /// - Throws: ``DataError``, as ``entries()``.
  public func outcome(of target: TargetSettings) throws -> TargetOutcome {
    var (outcome, seconds) = (TargetOutcome(target: target), 0.0)
    for entry in try entries() {
      if case .step(let record) = entry, record.seconds.isFinite { seconds += record.seconds }
      if outcome.best == nil { outcome.measured.formUnion(entry.metrics) }
      // What stood before training is no merit of it.
      guard let (step, value) = entry.value(of: target.metric), step > 0 else { continue }
      outcome.last = value
      outcome.best = outcome.best.map { target.better($0, value) } ?? value
      if outcome.step == nil, target.isReached(by: value) {
        (outcome.step, outcome.seconds) = (step, seconds)
      }
    }
    return outcome
  }
}

extension JournalEntry {
  /// What the line has finite numbers for.
  fileprivate var metrics: [String] {
    record.line.filter { $0.key != "step" && Double($0.value)?.isFinite == true }.map(\.key)
  }

  /// The finite number that the line has for a key, and its step.
  fileprivate func value(of key: String) -> (step: Int, value: Double)? {
    func number(_ key: String) -> Double? {
      record.line.first { $0.key == key }.flatMap { Double($0.value) }
    }
    guard let step = number("step"), let value = number(key), value.isFinite else { return nil }
    return (Int(step), value)
  }
}
