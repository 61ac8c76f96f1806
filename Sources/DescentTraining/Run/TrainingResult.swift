public import Descent
public import DescentNN

/// How a run ended.
public struct TrainingResult: Sendable {
  /// Steps done.
  public internal(set) var steps = 0
  /// The last evaluation.
  public internal(set) var evaluation: Evaluation?
  /// Whether it was interrupted.
  public internal(set) var interrupted = false
  /// The newest checkpoint.
  public internal(set) var checkpoint = ""
  /// Seconds of training, evaluations excluded.
  public internal(set) var trainingSeconds = 0.0
  /// The memory of activations at the peak of a step, in bytes.
  public internal(set) var activationBytes = 0
  /// Which layers were recomputed, for models that can.
  public internal(set) var recomputation: RecomputationPlan?
  /// Steps that were skipped because something was not finite.
  public internal(set) var skipped = 0
  /// What rounding took of the updates, for weights in 16 bits.
  public internal(set) var lostUpdates: LostUpdates?

  /// The layers whose adapters still add nothing.
  public internal(set) var unlearned: [String] = []

  init() {}

  package init(
    steps: Int, evaluation: Evaluation?, interrupted: Bool, checkpoint: String,
    trainingSeconds: Double, activationBytes: Int, skipped: Int, lostUpdates: LostUpdates?
  ) {
    (self.steps, self.evaluation, self.interrupted) = (steps, evaluation, interrupted)
    (self.checkpoint, self.trainingSeconds) = (checkpoint, trainingSeconds)
    (self.activationBytes, self.skipped) = (activationBytes, skipped)
    self.lostUpdates = lostUpdates
  }

  /// Counts a step that was not skipped.
  mutating func add(_ record: StepRecord, _ rounding: LostUpdates?) {
    trainingSeconds += record.seconds
    activationBytes = max(activationBytes, record.activationBytes ?? 0)
    if let rounding {
      lostUpdates = LostUpdates(
        lost: rounding.lost + (lostUpdates?.lost ?? 0),
        updates: rounding.updates + (lostUpdates?.updates ?? 0))
    }
  }
}
