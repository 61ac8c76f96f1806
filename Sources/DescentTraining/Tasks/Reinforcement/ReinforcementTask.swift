public import Descent
import DescentCompute
public import DescentNN

/// An agent that learns to act in an environment by proximal policy optimization.
///
/// ```swift
/// let task = try ReinforcementTask(environment: CartPole(), seed: 1)
/// let result = try Trainer(recipe, task: task).run(in: run)
/// ```
/// Environments run side by side. The first batch of a round lets the policy act in them with its present
/// weights; that rollout is then gone through several times, in minibatches of the recipe's `batch`, each
/// time in an order of its own. Steps of the recipe are steps of the optimizer. An evaluation plays whole
/// episodes with the most likely actions; episode k begins the same way in each evaluation of each run.
/// Its loss is minus their mean return, so that the best checkpoint has the best policy.
public final class ReinforcementTask<World: Environment>: TrainingTask {
  /// The policy and the value function.
  public let network: ActorCritic
  private let world: World
  private let ppo: PPOModel
  private let evaluationEpisodes: Int
  private let seed: UInt64

  private var rollout: Rollout
  private var place = Place()
  private var episodes: [ActiveEpisode<World>] = []
  /// Where the actions come from.
  private var random: RandomStream
  /// The returns of the last episodes that ended in training.
  private var returns: [Double] = []
  private let tally = StepTally()
  /// The order of the rows in the pass that is running.
  private var order: (pass: Int, rows: [Int]) = (-1, [])

  /// What the rollout is for.
  private struct Place: Codable, Equatable {
    /// Rollouts before it; -1 where there is none yet.
    var round = -1
    /// Its minibatches' size.
    var size = 0
  }

  /// After so many steps an evaluation ends an episode that does not end.
  public static var longestEpisode: Int { 10_000 }
  /// Training episodes whose returns are averaged.
  private static var window: Int { 100 }

  public var model: any Module { network }
  public var unit: String { "steps" }

  /// Binds an agent to an environment.
  ///
  /// - Parameters:
  ///   - environment: the environment, as it is before an episode.
  ///   - ppo: the network and how it learns.
  ///   - environments: how many of it run side by side.
  ///   - rollout: the steps of each between two updates of the policy.
  ///   - episodes: the episodes of an evaluation.
  ///   - seed: what weights, actions and environments follow.
  /// - Throws: `SettingErrors` for a number out of its range; `ModelError` where the environment has no
  ///   observations or no actions.
  public init(
    environment: World, ppo: PPOModel = PPOModel(),
    environments: Int = EnvironmentData().environments,
    rollout: Int = EnvironmentData().rollout, episodes: Int = EnvironmentData().episodes,
    seed: UInt64
  ) throws {
    var data = EnvironmentData()
    (data.environments, data.rollout, data.episodes) = (environments, rollout, episodes)
    try data.check()
    try ppo.check()
    (world, self.ppo, evaluationEpisodes, self.seed) = (environment, ppo, episodes, seed)
    var weights = RandomStream(seed: seed, stream: RandomPurpose.weights)
    network = try ActorCritic(
      inputs: environment.observationSize, hidden: ppo.hidden, actions: environment.actions,
      random: &weights)
    random = RandomStream(seed: seed, stream: RandomPurpose.actions)
    self.rollout = Rollout(
      length: rollout, environments: environments, inputs: environment.observationSize)
  }

  public var summary: String? {
    """
    \(Amount.count(rollout.environments, "environment")) \(World.name) side by side: observations of \
    \(Amount.count(world.observationSize, "number")), \(Amount.count(world.actions, "action"))
    \(Amount.count(rollout.count, "step")) between two updates, gone through \
    \(ppo.passes == 1 ? "once" : "\(ppo.passes) times")
    """
  }

  public var fingerprint: String {
    var hash = Fingerprint()
    hash.add(
      "\(World.name) \(world.observationSize) \(world.actions) \(rollout.environments) "
        + "\(rollout.length) \(seed)")
    return hash.text
  }

  /// None: the data are made on the way.
  public func batchesPerEpoch(_ batch: Int) -> Int? { nil }
  public var drawsAtRandom: Bool { true }
  public var measuresAccuracy: Bool { false }

  private var play: PolicyPlay { PolicyPlay(network: network, inputs: rollout.inputs) }

  // MARK: Learning

  public func batch(_ number: Int, size: Int) throws -> Batch {
    tally.isOver = true
    let rows = try rows(number, size)
    let (observations, steps) = rollout.minibatch(rows)
    let (network, tally, loss) = (network, tally, ppo.loss)
    return Batch(weight: rows.count) { context in
      let (total, terms) = loss(
        logits: network.logits(observations, context),
        values: network.values(observations, context), steps)
      tally.add(terms, rows.count)
      return total
    }
  }

  /// The rows of a minibatch, after a rollout where it is the first of a round.
  private func rows(_ number: Int, _ size: Int) throws(EnvironmentError) -> [Int] {
    if number >= Instruments.firstOwnBatch {
      // No step takes these: they are drawn from what there is.
      if place.round < 0 { try collect() }
      var random = RandomStream(seed: seed, stream: UInt64(number))
      return Array(random.permutation(of: rollout.count).prefix(size))
    }
    let inPass = (rollout.count - 1) / size + 1
    let (pass, part) = number.quotientAndRemainder(dividingBy: inPass)
    let wanted = Place(round: pass / ppo.passes, size: size)
    if wanted != place {
      try collect()
      place = wanted
      order.pass = -1
    }
    if order.pass != pass {
      var random = RandomStream(seed: seed, stream: RandomPurpose.minibatches + UInt64(pass))
      order = (pass, random.permutation(of: rollout.count))
    }
    return Array(order.rows[part * size..<min((part + 1) * size, rollout.count)])
  }

  private func collect() throws(EnvironmentError) {
    if episodes.isEmpty {
      for k in 0..<rollout.environments {
        episodes.append(
          try ActiveEpisode(
            world, RandomStream(seed: seed, stream: RandomPurpose.environments + UInt64(k))))
      }
    }
    try rollout.collect(
      &episodes, play, &random,
      AdvantageEstimator(discount: ppo.discount, lambda: ppo.lambda)
    ) { returns.append($0) }
    returns = returns.suffix(Self.window)
  }

  /// The parts of the loss of the step just taken, and the mean return of the last 100 training
  /// episodes.
  public var metrics: [String: Double] {
    var metrics = tally.metrics
    if !returns.isEmpty {
      metrics["episode_return"] = returns.reduce(0, +) / Double(returns.count)
    }
    return metrics
  }

  /// The environments in the midst of their episodes, and the rollout that is being learned from.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.scope("rollout/") { () throws(StateMismatch) in
      let (environments, world) = (rollout.environments, world)
      try archive.note("place", &place)
      try archive.note("random", &random)
      try archive.note("last_returns", &returns)
      try archive.note("episodes", &episodes) { saved in
        let fits =
          (saved.isEmpty || saved.count == environments) && saved.allSatisfy { $0.fits(world) }
        return fits ? nil : .data
      }
      try rollout.archive(archive)
    }
    if archive.isRestoring { order.pass = -1 }
  }

  // MARK: Playing

  /// The mean return of episodes: as `return`, and negative as the loss.
  public func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation {
    let count = min(evaluationEpisodes, batches.map { $0.times(batchSize) } ?? .max)
    guard let returns = try played(max(1, count))?.map(\.earned) else {
      return Evaluation(loss: .nan)
    }
    let mean = returns.reduce(0, +) / Double(returns.count)
    return Evaluation(loss: -mean, others: ["return": mean])
  }

  /// How episode `k` of an evaluation begins.
  private func episode(_ k: Int) throws(EnvironmentError) -> ActiveEpisode<World> {
    try ActiveEpisode(world, RandomStream(seed: 0, stream: RandomPurpose.evaluations + UInt64(k)))
  }

  /// Episodes with the most likely actions, at their ends; nil where the network's scores are not
  /// numbers.
  private func played(_ count: Int) throws(EnvironmentError) -> [ActiveEpisode<World>]? {
    var running: [ActiveEpisode<World>] = []
    for k in 0..<count { running.append(try episode(k)) }
    var ended: [ActiveEpisode<World>] = []
    while !running.isEmpty {
      let seen = play.tensor(running.map(\.observation))
      guard let actions = play.greedy(seen) else { return nil }
      var going: [ActiveEpisode<World>] = []
      for (k, action) in actions.enumerated() {
        let step = try running[k].step(action)
        if step.isLast || running[k].steps >= Self.longestEpisode {
          ended.append(running[k])
        } else {
          going.append(running[k])
        }
      }
      running = going
    }
    return ended
  }

  /// The episodes of an evaluation, each for itself.
  public func report(batchSize: Int) throws -> EvaluationReport? {
    guard let played = try played(evaluationEpisodes) else {
      throw DataError.unsuitable(
        "the policy's scores are not numbers, so it cannot act: take an earlier checkpoint")
    }
    return .agent(
      AgentReport(
        environment: World.name, returns: played.map(\.earned), steps: played.map(\.steps),
        cutOff: played.count { $0.steps >= Self.longestEpisode }))
  }

  /// The first episode of an evaluation, recorded.
  public func samples(batchSize: Int) -> [TrainingSample] {
    // What goes wrong here has ended the run before, or will.
    guard let recorded = try? recording() else { return [] }
    return [.episode(recorded)]
  }

  private func recording() throws(EnvironmentError) -> TrainingSample.Episode? {
    var running = try episode(0)
    var recorder = EpisodeRecorder(running.environment)
    var isOver = false
    while !isOver, running.steps < Self.longestEpisode {
      guard let action = play.greedy(play.tensor([running.observation]))?.first else { return nil }
      isOver = try running.step(action).isLast
      recorder.record(running.environment, after: running.steps)
    }
    return recorder.episode(
      label: "\(World.name), the most likely actions", steps: running.steps, earned: running.earned)
  }
}

/// What the losses of a step's minibatches were made of.
private final class StepTally {
  /// Whether the step is over, so that the next loss belongs to another one.
  var isOver = true
  private var sum = ClippedSurrogate.Terms()
  private var weight = 0.0

  func add(_ terms: ClippedSurrogate.Terms, _ count: Int) {
    if isOver { (sum, weight, isOver) = (.init(), 0, false) }
    let share = Double(count)
    sum.policy += share * terms.policy
    sum.value += share * terms.value
    sum.entropy += share * terms.entropy
    sum.divergence += share * terms.divergence
    sum.clipped += share * terms.clipped
    weight += share
  }

  var metrics: [String: Double] {
    weight == 0
      ? [:]
      : [
        "policy_loss": sum.policy / weight, "value_loss": sum.value / weight,
        "entropy": sum.entropy / weight, "kl": sum.divergence / weight,
        "clip_fraction": sum.clipped / weight,
      ]
  }
}
