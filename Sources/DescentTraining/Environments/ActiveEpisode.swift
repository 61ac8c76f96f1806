import DescentCompute

/// An environment in an episode, with what it has seen and earned so far. Whatever the environment gives
/// is checked here.
struct ActiveEpisode<World: Environment>: Codable, Sendable {
  private(set) var environment: World
  private var random: RandomStream
  /// What is seen now.
  private(set) var observation: [Float] = []
  /// Steps taken.
  private(set) var steps = 0
  /// The sum of the rewards so far.
  private(set) var earned = 0.0

  /// Begins an episode.
  init(_ environment: World, _ random: RandomStream) throws(EnvironmentError) {
    (self.environment, self.random) = (environment, random)
    try restart()
  }

  /// Begins the next episode.
  mutating func restart() throws(EnvironmentError) {
    (steps, earned) = (0, 0)
    do throws(EnvironmentError.Fault) {
      observation = try environment.reset(&random)
      try check(observation)
    } catch { throw failure(error) }
  }

  /// Takes an action.
  mutating func step(_ action: Int) throws(EnvironmentError) -> EnvironmentStep {
    steps += 1
    do throws(EnvironmentError.Fault) {
      guard (0..<environment.actions).contains(action) else {
        throw .action(action, of: environment.actions)
      }
      let step = try environment.step(action, &random)
      try check(step.observation)
      guard step.reward.isFinite else { throw .reward(step.reward) }
      observation = step.observation
      earned += step.reward
      return step
    } catch { throw failure(error) }
  }

  /// Whether its sizes are those of such an environment.
  func fits(_ environment: World) -> Bool { observation.count == environment.observationSize }

  private func check(_ observation: [Float]) throws(EnvironmentError.Fault) {
    let size = environment.observationSize
    guard observation.count == size else {
      throw .observationSize(observation.count, expected: size)
    }
    if let number = observation.firstIndex(where: { !$0.isFinite }) {
      throw .observation(observation[number], number: number)
    }
  }

  private func failure(_ fault: EnvironmentError.Fault) -> EnvironmentError {
    EnvironmentError(environment: World.name, step: steps, fault: fault)
  }
}
