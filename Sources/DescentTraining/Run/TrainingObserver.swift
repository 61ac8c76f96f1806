public import Descent
public import DescentNN

/// Someone who watches a run: a progress bar, a log, a test.
public protocol TrainingObserver: AnyObject {
  /// Called once before the first step.
  func started(_ facts: RunFacts)
  /// Called after each step.
  func stepped(_ step: TrainingStep)
  /// Called after a step that was skipped.
  func skipped(_ step: SkippedStep)
  /// Called after each evaluation.
  func evaluated(_ evaluation: Evaluation, after step: Int)
  /// Asked before each step; true ends the run after a checkpoint.
  var wantsToStop: Bool { get }
}

extension TrainingObserver {
  /// Nothing.
  public func skipped(_ step: SkippedStep) {}
}

/// A step that changed nothing.
public struct SkippedStep: Sendable {
  /// The number of the step that was to be.
  public let step: Int
  /// What was not finite.
  public let cause: String
  /// The loss scale from here on, for fp16.
  public let lossScale: Float?
}

/// What is known before the first step.
public struct RunFacts: Sendable {
  /// The number of weights.
  public let parameters: Int
  /// Optimizer steps to come.
  public let steps: Int
  /// What a batch is counted in.
  public let unit: String
  /// Bytes of optimizer state.
  public let stateBytes: Int
  /// Each parameter group's name, condition, hyperparameters and members.
  public let groups: [Group]

  /// A parameter group.
  public struct Group: Sendable {
    /// Its name.
    public let name: String
    /// Which parameters it asked for.
    public let match: String
    /// Its hyperparameters.
    public let settings: String
    /// The names of its parameters.
    public let parameters: [String]
    /// The number of weights.
    public let count: Int
  }
}

/// What one step did.
public struct TrainingStep: Sendable {
  /// The number of this step, from 1.
  public let step: Int
  /// The mean loss of its batch, before the update.
  public let loss: Double
  /// The effective learning rate.
  public let learningRate: Double
  /// The gradient's norm before clipping.
  public let gradientNorm: Double
  /// Whether the gradient was scaled down.
  public let clipped: Bool
  /// How long it took.
  public let seconds: Double
  /// Images, rows or tokens in it.
  public let items: Int
}

/// How a run ended.
public struct TrainingResult: Sendable {
  /// Steps done.
  public let steps: Int
  /// The last evaluation.
  public let evaluation: Evaluation?
  /// Whether it was interrupted.
  public let interrupted: Bool
  /// The newest checkpoint.
  public let checkpoint: String
  /// Seconds of training, evaluations excluded.
  public let trainingSeconds: Double
  /// The memory of activations at the peak of a step.
  public let activationBytes: Int
  /// Which layers were recomputed, for models that can.
  public var recomputation: RecomputationPlan?
  /// Steps that were skipped because something was not finite.
  public let skipped: Int
  /// What rounding took of the updates, for weights in 16 bits.
  public let lostUpdates: LostUpdates?

  package init(
    steps: Int, evaluation: Evaluation?, interrupted: Bool, checkpoint: String,
    trainingSeconds: Double, activationBytes: Int, skipped: Int, lostUpdates: LostUpdates?
  ) {
    (self.steps, self.evaluation, self.interrupted) = (steps, evaluation, interrupted)
    (self.checkpoint, self.trainingSeconds) = (checkpoint, trainingSeconds)
    (self.activationBytes, self.skipped) = (activationBytes, skipped)
    self.lostUpdates = lostUpdates
  }
}
