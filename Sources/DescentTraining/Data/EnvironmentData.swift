import Descent

/// An environment to learn in, and how much of it at once.
public struct EnvironmentDataset: Sendable {
  /// The environment, as it is before an episode.
  public var environment: any Environment
  /// How many of it run side by side.
  public var environments: Int
  /// The steps of each between two updates of the policy.
  public var rollout: Int
  /// The episodes of an evaluation.
  public var episodes: Int

  /// An environment to learn in.
  public init(
    _ environment: any Environment, environments: Int = EnvironmentData().environments,
    rollout: Int = EnvironmentData().rollout, episodes: Int = EnvironmentData().episodes
  ) {
    (self.environment, self.environments) = (environment, environments)
    (self.rollout, self.episodes) = (rollout, episodes)
  }
}

extension DataForm<EnvironmentDataset> {
  /// An environment that answers actions.
  public static var environment: Self { Self("an environment") }
}

/// `data.kind: environment`: an environment that makes its data while the model acts in it.
public struct EnvironmentData: DataKind {
  /// Which.
  public var environment = Name.cartPole
  /// How many of it run side by side.
  public var environments = 8
  /// The steps of each between two updates of the policy.
  public var rollout = 128
  /// The episodes of an evaluation.
  public var episodes = 100

  /// The environments of the package.
  public enum Name: String, Sendable, CaseIterable {
    /// ``CartPole``
    case cartPole = "cartpole"

    /// One of them.
    var environment: any Environment {
      switch self {
      case .cartPole: CartPole()
      }
    }
  }

  public init() {}

  public static let name = "environment"
  public static let settings: [Setting<EnvironmentData>] = [
    .choice("name", \.environment, "which environment"),
    .integer(
      "environments", \.environments, .closed(1, 1024), "how many of it run side by side"),
    .integer("rollout", \.rollout, .closed(1, 16384), "steps of each between two updates"),
    .integer("episodes", \.episodes, .closed(1, 10000), "episodes of an evaluation"),
  ]
  public static let form = DataForm.environment

  public func load(seed: UInt64) throws -> EnvironmentDataset {
    EnvironmentDataset(
      environment.environment, environments: environments, rollout: rollout, episodes: episodes)
  }
}
