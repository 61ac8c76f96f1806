import Descent

/// Someone who watches a run: a progress bar, a log, a test.
public protocol TrainingObserver: AnyObject {
  /// Called once before the first step.
  func started(_ facts: RunFacts)
  /// Called after each step.
  func stepped(_ step: TrainingStep)
  /// Called after each evaluation.
  func evaluated(_ evaluation: Evaluation, after step: Int)
  /// Asked before each step; true ends the run after a checkpoint.
  var wantsToStop: Bool { get }
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
}
