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
  /// Optimizer steps of the run.
  public let steps: Int
  /// Those done before, by a run that goes on.
  public let done: Int
  /// What a batch is counted in.
  public let unit: String
  /// Bytes of optimizer state.
  public let stateBytes: Int
  /// The formats of optimizer state in use, and why.
  public let state: [StateUse]
  /// Each parameter group's name, condition, hyperparameters and members.
  public let groups: [Group]
  /// Which parameters more than one group asked for, in words.
  public let overlaps: [String]

  /// A format of optimizer state and the slots that are kept in it for one reason.
  public struct StateUse: Sendable, Equatable {
    /// The format.
    public let format: StateStorage.Format
    /// Why it is not the one asked for; nil when it is.
    public let exemption: String?
    /// How many slots there are, over all parameters.
    public let slots: Int
    /// Their bytes.
    public let bytes: Int

    /// What `slots` use, in the order of their first mention.
    static func all(_ slots: [StateSlot]) -> [StateUse] {
      var uses: [StateUse] = []
      for slot in slots {
        let index = uses.firstIndex { ($0.format, $0.exemption) == (slot.format, slot.exemption) }
        let use = index.map { uses[$0] }
        let sum = StateUse(
          format: slot.format, exemption: slot.exemption, slots: (use?.slots ?? 0) + 1,
          bytes: (use?.bytes ?? 0) + slot.bytes)
        if let index { uses[index] = sum } else { uses.append(sum) }
      }
      return uses
    }
  }

  /// A parameter group.
  public struct Group: Sendable {
    /// Its name.
    public let name: String
    /// Which parameters it asked for.
    public let match: String
    /// The name of the rule that updates it.
    public let rule: String
    /// Whether it is left as it is.
    public let isFrozen: Bool
    /// Its hyperparameters.
    public let settings: String
    /// Its parameters.
    public let parameters: [Member]
    /// Bytes of optimizer state.
    public let stateBytes: Int
    /// The number of weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
  }

  /// A parameter of a group.
  public struct Member: Sendable {
    /// Its name.
    public let name: String
    /// Its shape.
    public let shape: [Int]
    /// What it is for.
    public let role: ParameterRole
    /// How the rule treats it, where it does not treat all alike.
    public let treatment: String?
    /// The number of weights.
    public var count: Int { shape.reduce(1, *) }

    init(_ parameter: ParameterInfo, treatment: String?) {
      (name, shape, role) = (parameter.name, parameter.shape, parameter.role)
      self.treatment = treatment
    }
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
  /// What else is worth a sentence: why L-BFGS ended, a decomposition that failed.
  public var notes: [String] = []
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
