/// Someone who watches a run: a progress bar, a log, a test. What is not implemented is not seen.
public protocol TrainingObserver: AnyObject {
  /// Called once before the first step.
  func started(_ facts: RunFacts)
  /// Called after each step.
  func stepped(_ step: TrainingStep)
  /// Called after a step that was skipped.
  func skipped(_ step: SkippedStep)
  /// Called after each evaluation.
  func evaluated(_ evaluation: Evaluation, after step: Int)
  /// Called when the run goes back to a checkpoint after a spike.
  func wentBack(_ spike: SpikeRecord)
  /// Called with what a person should know: damage to the run's files.
  func warned(_ sentence: String)
  /// Asked before each step; true ends the run after a checkpoint.
  var wantsToStop: Bool { get }
}

extension TrainingObserver {
  /// Nothing.
  public func started(_ facts: RunFacts) {}
  /// Nothing.
  public func stepped(_ step: TrainingStep) {}
  /// Nothing.
  public func evaluated(_ evaluation: Evaluation, after step: Int) {}
  /// Never.
  public var wantsToStop: Bool { false }
  /// Nothing.
  public func skipped(_ step: SkippedStep) {}
  /// Nothing.
  public func wentBack(_ spike: SpikeRecord) {}
  /// Nothing.
  public func warned(_ sentence: String) {}
}

/// Nobody.
final class NoObserver: TrainingObserver {}

/// What one step did.
public struct TrainingStep: Sendable {
  /// What the metrics say of it.
  public let record: StepRecord
  /// Images, rows or tokens in its batches.
  public let items: Int
  /// What else is worth a sentence: why L-BFGS ended, a decomposition that failed.
  public let notes: [String]
}

/// A step that changed nothing.
public struct SkippedStep: Sendable {
  /// What the metrics say of it.
  public let record: SkippedRecord
  /// The loss scale from here on, for fp16.
  public let nextLossScale: Double?
}
