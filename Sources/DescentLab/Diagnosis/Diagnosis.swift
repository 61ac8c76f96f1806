import DescentTraining
import Descent

/// What a run's log shows: findings with their evidence, the most important first, and what cannot
/// be known from it.
///
/// ```swift
/// for diagnosis in try Diagnosis.read("runs/gpt-1") {
///   print(diagnosis.findings[0].kind, diagnosis.findings[0].advice)
/// }
/// ```
public struct Diagnosis: Sendable {
  /// The run's name.
  public let name: String
  /// Where it was read.
  public let source: String
  /// What wrote it.
  public let format: RunLog.Format
  /// The last step of any metric.
  public let steps: Int
  /// The most important first; a run without a fault begins with `healthy`, unless the log has no
  /// loss: then nothing is said but what other metrics show.
  public let findings: [Finding]
  /// What the log does not tell, and why: sentences.
  public let unknown: [String]
  /// What was skipped or mended when it was read.
  public let notes: [String]
  /// How it differs from the run that it is compared with: sentences.
  public private(set) var comparison: [String] = []

  let log: RunLog

  /// Looks for every kind of finding.
  ///
  /// - Parameters:
  ///   - log: the run.
  ///   - kinds: what to look for, with thresholds.
  ///   - other: a run that makes clearer what the first suffers from.
  public init(_ log: RunLog, kinds: FindingKinds = FindingKinds(), against other: RunLog? = nil) {
    self.log = log
    let log = log.judged
    (name, source, format) = (log.name, log.path, log.format)
    (steps, notes) = (log.lastStep, log.notes)
    let run = RunSignals(log)
    var found = Self.found(in: run, kinds)
    if let other {
      let comparison = DiagnosisComparison(run: run, other: RunSignals(other.judged), kinds: kinds)
      comparison.sharpen(&found)
      self.comparison = comparison.sentences
    }
    findings = Self.ordered(found, run)
    unknown = Unknowns(run).sentences
  }

  /// The diagnoses of the runs at a path: one, or several where a file or a folder has several.
  ///
  /// - Throws: `DataError` where there is no log, or none with a number that a diagnosis can use.
  public static func read(
    _ path: String, kinds: FindingKinds = FindingKinds(), against other: String? = nil
  ) throws -> [Diagnosis] {
    let all = try RunLog.read([path])
    let logs = all.filter(RunSignals.canUse)
    if logs.isEmpty { throw unusable(all, path) }
    let others = try other.map { try RunLog.read([$0]) }
    return logs.map { Diagnosis($0, kinds: kinds, against: others?.first) }
  }

  /// Why there is nothing to diagnose.
  private static func unusable(_ logs: [RunLog], _ path: String) -> DataError {
    let names = Set(logs.flatMap { $0.tracks.keys }).sorted()
    if names.isEmpty {
      var why = logs.flatMap(\.notes).filter { $0 != LogBuilder.noNumbers }.prefix(3)
        .joined(separator: " ")
      if why.hasSuffix(".") { why.removeLast() }
      return .unsuitable(
        "\(path) has no number that could be read, so there is nothing to diagnose"
          + (why.isEmpty ? "" : ". \(why)"))
    }
    return .unsuitable(
      "\(path) has no loss, and nothing else that a diagnosis can use: it has "
        + "\(few(names.map { "“\($0.withVisibleControls)”" })); name the column of the loss “loss”, "
        + "that of a validation loss “val_loss”")
  }

  /// The confidence from which on something is a finding, and below which it is but a possibility.
  package static let sure = 0.5
  /// Possibilities below this are not worth a word.
  static let least = 0.3

  /// What is wrong, the most important first; empty where nothing is.
  public var faults: [Finding] {
    findings.filter { $0.confidence >= Self.sure && $0.kind != Healthy.name }
  }

  /// Whether nothing is wrong, as far as the log says.
  public var isHealthy: Bool { findings.first?.kind == Healthy.name }

  static func found(in run: RunSignals, _ kinds: FindingKinds) -> [Finding] {
    let customary = run.log.isOfAgent ? RunLog.customaryOfAgents : []
    return kinds.kinds.compactMap { $0.find(in: run) }.filter {
      $0.confidence >= least && !customary.contains($0.kind)
    }
  }

  private static func ordered(_ found: [Finding], _ run: RunSignals) -> [Finding] {
    let types = Dictionary(uniqueKeysWithValues: FindingKinds.all.map { ($0.name, $0) })
    func importance(_ finding: Finding) -> Double {
      finding.confidence * (types[finding.kind]?.weight ?? 0)
    }
    func explains(_ cause: Finding, _ symptom: Finding) -> Bool {
      cause.confidence >= Self.sure && types[cause.kind]?.explains.contains(symptom.kind) == true
    }
    // Of two that would explain each other, the weightier stays: what goes leaves its cause behind.
    var kept: [Finding] = []
    for finding in found.sorted(by: { importance($0) > importance($1) })
    where !kept.contains(where: { explains($0, finding) }) {
      kept.removeAll { explains(finding, $0) }
      kept.append(finding)
    }
    let faults = kept.filter { $0.confidence >= Self.sure }
    let possible = kept.filter { $0.confidence < Self.sure }
    // Health is said only of what was seen.
    let isSeen = run.loss != nil || run.validation != nil
    let healthy = isSeen ? [Healthy.finding(run, possible)] : []
    return (faults.isEmpty ? healthy : faults) + possible
  }
}
