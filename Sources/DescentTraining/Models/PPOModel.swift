import Descent
import DescentNN

/// `model.kind: ppo`: a policy and a value function that learn by proximal policy optimization.
///
/// The defaults are those of CleanRL (Huang et al., 2022), but for two: an episode that was cut off keeps
/// the value of its last state, and minibatches are set by the recipe's `batch`.
public struct PPOModel: ModelKind {
  /// The widths of the hidden layers, of the policy and of the value function each.
  public var hidden = [64, 64]
  /// How often each rollout is gone through.
  public var passes = 4
  /// γ, what a reward a step later is worth.
  public var discount = 0.99
  /// λ of generalized advantage estimation.
  public var lambda = 0.95
  /// ε: how far the probability of an action may move, as a ratio, before it gets no more gradient.
  public var clip = 0.2
  /// Whether values are held to the same ε.
  public var clipsValues = true
  /// What the error of the values counts beside the policy's loss.
  public var valueWeight = 0.5
  /// What the entropy of the policy counts.
  public var entropyWeight = 0.01
  /// Whether advantages are normalized in each minibatch.
  public var normalizesAdvantages = true

  public init() {}

  public static let name = "ppo"
  public static let settings: [Setting<PPOModel>] = [
    .integers(
      "hidden", \.hidden, .atLeast(1), "widths of the hidden layers, of policy and value each",
      source: "cleanrl"),
    .integer(
      "passes", \.passes, .closed(1, 1000), "how often each rollout is gone through",
      source: "cleanrl"),
    .number(
      "discount", \.discount, .closed(0, 1), "γ, what a reward a step later is worth",
      source: "cleanrl"),
    .number(
      "gae_lambda", \.lambda, .closed(0, 1), "λ of generalized advantage estimation",
      source: "cleanrl"),
    .number(
      "clip_range", \.clip, .above(0), "ε, how far an action's probability may move, as a ratio",
      source: "cleanrl"),
    .flag("clip_values", \.clipsValues, "whether values are held to ε, too", source: "cleanrl"),
    .number(
      "value_weight", \.valueWeight, .atLeast(0), "what the error of the values counts",
      source: "cleanrl"),
    .number(
      "entropy_weight", \.entropyWeight, .atLeast(0), "what the policy's entropy counts",
      source: "cleanrl"),
    .flag(
      "normalize_advantages", \.normalizesAdvantages,
      "whether advantages are normalized in each minibatch", source: "cleanrl"),
  ]
  public static let learns = [DataForm.environment]
  public static let reportsAccuracy = false
  public static let betterThanLoss: String? = "val_return"

  public func size(for data: EnvironmentDataset) -> ModelSize? {
    let (inputs, actions) = (data.environment.observationSize, data.environment.actions)
    func weights(_ outputs: Int) -> Double {
      let sizes = ([inputs] + hidden + [outputs]).map(Double.init)
      return zip(sizes, sizes.dropFirst()).reduce(0) { $0 + ($1.0 + 1) * $1.1 }
    }
    return ModelSize(
      weights: weights(actions) + weights(1), tensors: 4 * Double(hidden.count + 1),
      example: Double(inputs) + 5, outputs: Double(actions) + 1,
      kept: 2 * hidden.reduce(0) { $0 + Double($1) })
  }

  public func makeTask(_ data: EnvironmentDataset, seed: UInt64) throws -> any TrainingTask {
    func make<World: Environment>(_ environment: World) throws -> any TrainingTask {
      try ReinforcementTask(
        environment: environment, ppo: self, environments: data.environments,
        rollout: data.rollout, episodes: data.episodes, seed: seed)
    }
    return try make(data.environment)
  }

  var loss: ClippedSurrogate {
    ClippedSurrogate(
      clip: clip, valueWeight: valueWeight, entropyWeight: entropyWeight,
      clipsValues: clipsValues, normalizesAdvantages: normalizesAdvantages)
  }
}
