import Descent

/// The keys outside any section: how long and how to train.
public struct RunSettings: Configurable {
  /// Seeds the weights, the data order and dropout.
  public var seed = 1337
  /// Optimizer steps; nil when `epochs` says how long.
  public var steps: Int?
  /// Passes over the training examples.
  public var epochs: Double?
  /// Examples (or sequences) a micro-batch.
  public var batch = 32
  /// Micro-batches whose gradients make one step.
  public var accumulate = 1
  /// Threads; nil is one for each processor.
  public var threads: Int?
  /// Arithmetic of the model.
  public var precision = Precision.float32

  /// The weights that the run begins with: a run, a checkpoint, a safetensors file, or the name of a
  /// built-in recipe, for the newest run of it; nil draws them.
  public var from: String?
  /// Whether each parameter is updated in the backward pass, and its gradient freed at once.
  public var releasesGradients = false
  /// What happens to a step that is not finite.
  public var nonFinite = NonFinitePolicy.stop
  /// Steps in a row that may be skipped.
  public var skipLimit = 20

  /// No run takes more steps: at a thousand a second, this is thirty years.
  static let mostSteps = 1_000_000_000_000

  public init() {}

  public static let name = "recipe"
  public static let settings: [Setting<RunSettings>] = [
    .integer("seed", \.seed, .atLeast(0), "seeds the weights, the data order and dropout"),
    .optionalInteger("steps", \.steps, .atLeast(1), "optimizer steps"),
    .optionalNumber("epochs", \.epochs, .above(0), "passes over the training examples"),
    .integer("batch", \.batch, .atLeast(1), "examples in a micro-batch"),
    .integer("accumulate", \.accumulate, .atLeast(1), "micro-batches in a step"),
    .optionalInteger("threads", \.threads, .closed(1, 256), "threads; none: one a processor"),
    .choice("precision", \.precision, "arithmetic of the model"),
    .optionalText(
      "from", \.from,
      "weights to begin with: a run, a safetensors file, or a built-in recipe for its newest run"),
    .flag(
      "release_gradients", \.releasesGradients,
      "update parameters in the backward pass, and free their gradients", source: "ours"),
    .choice("nonfinite", \.nonFinite, "what happens to a step that is not finite"),
    .integer("skip_limit", \.skipLimit, .atLeast(1), "steps in a row that may be skipped"),
  ]

  public func validate() throws(SettingError) {
    if let steps, steps > Self.mostSteps {
      throw .outOfRange(name: "steps", given: "\(steps)", allowed: "at most \(Self.mostSteps)")
    }
    switch (steps, epochs) {
    case (nil, nil): throw .contradiction("the length of the run is missing: give steps or epochs")
    case (.some, .some): throw .contradiction("give steps or epochs, not both")
    default: break
    }
  }
}

/// `evaluate`: when and on how much to validate.
public struct EvaluateSettings: Configurable {
  /// Steps between evaluations; 0 only evaluates at the end.
  public var every = 0
  /// Batches an evaluation takes; nil is all of the validation part.
  public var batches: Int?
  /// Whether there is one before the first step, with what the run begins with; nil: where it begins
  /// with weights that have learned something. Neither schedules nor the best checkpoint follow it.
  public var start: Bool?

  public init() {}

  public static let name = "evaluate"
  public static let settings: [Setting<EvaluateSettings>] = [
    .integer("every", \.every, .atLeast(0), "steps between evaluations; 0: only at the end"),
    .optionalInteger("batches", \.batches, .atLeast(1), "batches an evaluation; none: all"),
    .optionalFlag(
      "start", \.start,
      "evaluate before the first step; none: where the run begins with trained weights"),
  ]
}

extension RunSettings {
  /// The seed of another run of the recipe, of several that differ by their seeds: behind the largest
  /// number comes 0.
  package func seed(ofRun number: Int) -> Int { (seed &+ number) & .max }
}

/// `checkpoint`: when to write the weights, and how many files to keep.
public struct CheckpointSettings: Configurable {
  /// Steps between checkpoints; 0 only writes at the end.
  public var every = 0
  /// Minutes between checkpoints, beside those by steps; nil sets no limit.
  public var minutes: Double?
  /// The newest checkpoints to keep.
  public var keep = 3
  /// Whether the checkpoint with the best validation loss is kept too.
  public var keepsBest = true

  public init() {}

  public static let name = "checkpoint"
  public static let settings: [Setting<CheckpointSettings>] = [
    .integer("every", \.every, .atLeast(0), "steps between checkpoints; 0: only at the end"),
    .optionalNumber(
      "minutes", \.minutes, .above(0),
      "minutes between checkpoints, beside those by steps; none: no limit"),
    .integer("keep", \.keep, .atLeast(1), "the newest checkpoints to keep"),
    .flag("best", \.keepsBest, "keep the checkpoint with the best validation loss too"),
  ]
}
