public import Descent

/// Something that a run's numbers show: what it is, how sure that is, and what to try next.
public struct Finding: Sendable {
  /// The name of its kind: `lr_too_high`.
  public let kind: String
  /// How sure it is: 0 to 1. From 0.5 on it is a finding, below that a possibility.
  public var confidence: Double
  /// The first and the last step that show it.
  public let steps: ClosedRange<Int>
  /// What the numbers are, with their steps.
  public var evidence: String
  /// Why that happens, in a sentence.
  public let cause: String
  /// What to do, with numbers: a key of a recipe, a command.
  public var advice: String
  /// What it is and what to do, in two sentences.
  public var sentence: String {
    "\(kind) (\(percent(confidence, 0))): \(evidence). Next: \(advice)."
  }
  /// The metrics that show it.
  let shows: [String]

  init(
    _ kind: any FindingKind.Type, _ confidence: Double, _ from: Double, _ to: Double,
    evidence: String, cause: String, advice: String, shows: [String]
  ) {
    (self.kind, self.confidence) = (kind.name, min(max(confidence, 0), 1))
    let low = Int(step: min(from, to))
    steps = low...max(low, Int(step: max(from, to)))
    (self.evidence, self.cause, self.advice, self.shows) = (evidence, cause, advice, shows)
  }
}

/// A kind of finding: a name, thresholds, and how it is seen. One file each; ``FindingKinds/all``
/// lists them.
///
/// Its settings are its thresholds: `descent diagnose --set lr_too_high.share=0.5`.
public protocol FindingKind: Configurable {
  /// What it is, as the title of a page: `The loss diverged`.
  static var title: String { get }
  /// What it means, in a sentence.
  static var summary: String { get }
  /// How much it matters where several are found, 0 to 1: a cause more than what follows from it.
  /// Findings are ordered by confidence × weight.
  static var weight: Double { get }
  /// The kinds that are but what follows from it: they are left out where it is found.
  static var explains: Set<String> { get }
  /// Looks for it.
  func find(in run: RunSignals) -> Finding?
}

extension FindingKind {
  /// Nothing.
  public static var explains: Set<String> { [] }
}
