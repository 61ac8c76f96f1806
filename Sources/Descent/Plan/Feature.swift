/// Something that a training run uses and that cannot be combined with everything else.
public enum Feature: String, Sendable, CaseIterable {
  // What a rule needs or does.

  /// The rule evaluates the loss itself.
  case evaluations = "rules that evaluate the loss"
  /// The rule needs gradients multiplied by what the layers saw.
  case layers = "rules that watch the layers"
  /// The rule needs estimates of the curvature.
  case curvature = "rules that estimate the curvature"
  /// The rule needs sums over all parameters.
  case globalSums = "rules that sum over all parameters"
  /// The rule trains at another point than its result.
  case evaluatesElsewhere = "rules whose training weights are not their result"
  /// The rule's state must not be rounded.
  case exactState = "rules whose state must be exact"
  /// The rule belongs to a group, and others have another.
  case ruleOfGroup = "a group with a rule of its own"

  // What a plan asks for.

  /// A group has hyperparameters, schedules or a rule of its own.
  case groupSettings = "groups with settings of their own"
  /// Any limit of the gradients.
  case clipping = "clipping"
  /// A limit other than that of the norm over all gradients.
  case otherClipping = "clipping other than clip.norm"
  /// Centralized or noisy gradients.
  case gradientTools = "centralized or noisy gradients"
  /// State in 16 or 8 bits.
  case compressedState = "state in 16 or 8 bits"
  /// Weights in 16 bits, with a float32 master copy or without.
  case weights16 = "weights in 16 bits"

  // What a run asks for.

  /// Updates in the backward pass.
  case gradientRelease = "gradient release"
  /// Micro-batches whose gradients are summed.
  case accumulation = "accumulated gradients"
  /// float16 with its loss scale.
  case lossScale = "fp16 with its loss scale"
  /// Arithmetic that is not bfloat16's.
  case otherPrecision = "arithmetic other than bf16"
  /// Steps with gradients that are not finite are skipped.
  case skipping = "skipped steps"
  /// An average that changes the weights that training continues from.
  case movingAverage = "averages that move the weights"
  /// Recorded gradients in place of a model.
  case recording = "recorded gradients"
  /// Parts of a model that each have a loss of their own.
  case severalLosses = "models whose parts have losses of their own"
}

/// Two features that cannot be combined. This table is the only place that knows.
public struct Incompatibility: Sendable {
  /// One of them.
  public let first: Feature
  /// The other.
  public let second: Feature
  /// Why, as a clause.
  public let reason: String
  /// What to do.
  public let advice: String

  private init(_ first: Feature, _ second: Feature, _ reason: String, _ advice: String) {
    (self.first, self.second, self.reason, self.advice) = (first, second, reason, advice)
  }

  /// All pairs.
  public static let all: [Incompatibility] = [
    .init(
      .evaluations, .ruleOfGroup, "it moves all parameters as one vector",
      "use it for all of them, or choose another rule for the group"),
    .init(
      .evaluations, .groupSettings, "it moves all parameters as one vector",
      "leave them out, or choose another optimizer"),
    .init(
      .evaluations, .clipping, "its line search needs the gradients as they are",
      "leave the limit out"),
    .init(
      .evaluations, .gradientTools, "its line search needs the gradients as they are",
      "leave the change out"),
    .init(
      .evaluations, .compressedState, "its history needs full precision", "set state=float32"),
    .init(
      .evaluations, .weights16, "its history needs full precision", "set weights.format=float32"),
    .init(
      .evaluations, .lossScale, "its statistics would contain the loss scale",
      "set precision=bf16 or float32"),
    .init(
      .evaluations, .gradientRelease, "it needs the gradients of all parameters at once",
      "choose another optimizer, or set release_gradients=false"),
    .init(
      .evaluations, .movingAverage, "its history belongs to the weights that the average moves",
      "choose another average, or another optimizer"),
    .init(
      .evaluations, .recording, "it needs evaluations of the loss, which a recording does not hold",
      "choose another optimizer"),
    .init(
      .evaluations, .severalLosses,
      "its line search looks for one lower loss, and theirs rise and fall against each other",
      "choose another optimizer, such as adam"),
    .init(
      .layers, .ruleOfGroup, "its preconditioner works on all layers of the model",
      "use it for all of them, or choose another rule for the group"),
    .init(
      .layers, .lossScale, "its statistics would contain the loss scale",
      "set precision=bf16 or float32"),
    .init(
      .layers, .gradientRelease, "it needs the gradients of all parameters at once",
      "choose another optimizer, or set release_gradients=false"),
    .init(
      .layers, .recording, "it needs what the model's layers saw, which a recording does not hold",
      "choose another optimizer"),
    .init(
      .curvature, .lossScale, "its statistics would contain the loss scale",
      "set precision=bf16 or float32"),
    .init(
      .globalSums, .gradientRelease, "it needs the gradients of all parameters at once",
      "choose another optimizer, or set release_gradients=false"),
    .init(
      .evaluatesElsewhere, .movingAverage,
      "training does not continue from its result, which the average would move",
      "choose another average, or another optimizer"),
    .init(.exactState, .compressedState, "its state must be exact", "set state=float32"),
    .init(
      .weights16, .movingAverage, "an average that moves the weights needs them in float32",
      "choose another average, or set weights.format=float32"),
    .init(
      .weights16, .otherPrecision, "weights in 16 bits need a model that computes in bf16",
      "set precision=bf16"),
    .init(
      .gradientRelease, .otherClipping, "only the norm can be taken before the updates",
      "leave the limit out, or set release_gradients=false"),
    .init(
      .gradientRelease, .gradientTools, "only the norm can be taken before the updates",
      "leave the change out, or set release_gradients=false"),
    .init(
      .gradientRelease, .accumulation, "a released gradient cannot be added to",
      "set accumulate=1, or release_gradients=false"),
    .init(
      .gradientRelease, .lossScale,
      "an overflow would be found only after other parameters were updated",
      "set precision=bf16, or release_gradients=false"),
    .init(
      .gradientRelease, .skipping, "updates that were made cannot be taken back",
      "set nonfinite=stop, or release_gradients=false"),
  ]

  /// What cannot be combined with `feature`.
  public static func with(_ feature: Feature) -> [(other: Feature, row: Incompatibility)] {
    all.compactMap { row in
      row.first == feature
        ? (row.second, row) : row.second == feature ? (row.first, row) : nil
    }
  }
}

/// A feature in use: what the user wrote, such as `clip.norm=1`, and perhaps a reason more precise
/// than the table's.
public struct FeatureUse: Sendable {
  /// The feature.
  public let feature: Feature
  /// What the user wrote or chose.
  public let words: String
  /// Why it cannot be combined, where this use knows better than the table.
  public let reason: String?

  /// A use of a feature.
  public init(_ feature: Feature, _ words: String, reason: String? = nil) {
    (self.feature, self.words, self.reason) = (feature, words, reason)
  }
}

extension [FeatureUse] {
  /// The pairs of uses that cannot be combined, in the order of the table.
  public var conflicts: [OptimizerError] {
    Incompatibility.all.flatMap { row in
      filter { $0.feature == row.first }.flatMap { first in
        filter { $0.feature == row.second }.map { second in
          .conflict(
            first.words, second.words, reason: first.reason ?? second.reason ?? row.reason,
            advice: row.advice)
        }
      }
    }
  }
}

extension Rule {
  /// What the rule does that cannot be combined with everything, for the options that are set.
  public var features: [Feature] {
    let all: [(Feature, Bool)] = [
      (.evaluations, needs.contains(.evaluations)), (.layers, needs.contains(.layers)),
      (.curvature, needs.includes(anyOf: .curvature)),
      (.globalSums, needs.contains(.globalSums)), (.evaluatesElsewhere, evaluatesElsewhere),
      (.exactState, exactStateReason != nil),
    ]
    return all.filter(\.1).map(\.0)
  }
}
