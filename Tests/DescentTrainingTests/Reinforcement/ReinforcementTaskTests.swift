import Descent
import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

/// A corridor with a door at one end, which the observation names. In step `badStep` of each episode it
/// does what `fault` says.
private struct Corridor: Environment {
  var place = 0
  var door = 1
  var steps = 0
  var badStep = 0
  var fault = Fault.none

  enum Fault: String, Codable { case none, observation, size, reward, action, other, endless }

  static let name = "corridor"
  var observationSize: Int { 2 }
  var actions: Int { 2 }

  mutating func reset(_ random: inout RandomStream) -> [Float] {
    (place, door, steps) = (0, random.integer(below: 2) == 0 ? -1 : 1, 0)
    return [Float(place) / 5, Float(door)]
  }

  mutating func step(
    _ action: Int, _ random: inout RandomStream
  ) throws(EnvironmentError.Fault) -> EnvironmentStep {
    place += action == 1 ? 1 : -1
    steps += 1
    var step = EnvironmentStep(
      observation: [Float(place) / 5, Float(door)], reward: place == 5 * door ? 1 : -0.05,
      terminated: abs(place) >= 5, truncated: steps == 40)
    if fault == .endless { (step.terminated, step.truncated) = (false, false) }
    guard steps == badStep else { return step }
    switch fault {
    case .none, .endless: break
    case .observation: step.observation[1] = .nan
    case .size: step.observation.append(0)
    case .reward: step.reward = .infinity
    case .action: throw .action(2, of: actions)
    case .other: throw .other("the door is stuck")
    }
    return step
  }

  var readings: [EnvironmentReading] { [EnvironmentReading("place", Double(place))] }
}

@Suite("Reinforcement learning") struct ReinforcementTaskTests {
  private func task(
    _ environment: Corridor = Corridor(), seed: UInt64 = 1,
    _ change: (inout PPOModel) -> Void = { _ in }
  ) throws -> ReinforcementTask<Corridor> {
    var ppo = PPOModel()
    (ppo.hidden, ppo.passes) = ([8], 3)
    change(&ppo)
    return try ReinforcementTask(
      environment: environment, ppo: ppo, environments: 3, rollout: 16, episodes: 10, seed: seed)
  }

  /// Three rounds and a part of one: 3 passes of 3 minibatches, of 20, 20 and 8.
  private func recipe(steps: Int = 31, _ plan: OptimizerPlan? = nil) -> Recipe {
    var recipe = Recipe(plan ?? OptimizerPlan(Adam(learningRate: 3e-3)), steps: steps, batch: 20)
    (recipe.checkpoint.every, recipe.evaluate.every) = (10, 10)
    return recipe
  }

  @Test("it learns to find the door") func learns() throws {
    try withFolder { folder in
      let task = try ReinforcementTask(
        environment: Corridor(), ppo: PPOModel([("hidden", "16"), ("discount", "0.95")]),
        environments: 8, rollout: 32, episodes: 20, seed: 1)
      let before = try task.evaluate(batchSize: 1, batches: nil).loss
      let recipe = Recipe(OptimizerPlan(Adam(learningRate: 3e-3)), steps: 400, batch: 64)
      let result = try Trainer.train(recipe, task: task, in: folder + "/run")
      // Five steps, the last of which is worth 1.
      #expect(abs(try #require(result.evaluation).loss + 0.8) < 1e-6 && before > -0.4)
      #expect(result.evaluation?.others == ["return": -(result.evaluation?.loss ?? 0)])
      let metrics = task.metrics
      #expect(
        Set(metrics.keys) == [
          "policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "episode_return",
        ])
      #expect(metrics.values.allSatisfy(\.isFinite) && (metrics["episode_return"] ?? 0) > 0.6)
    }
  }

  @Test(
    "a run that is stopped and resumed has the bits of one that was not, wherever it was",
    arguments: [
      // In a pass, between passes, between rounds, with accumulation over their ends, with curvature.
      ("adam", 4, 1), ("adam", 6, 1), ("adam", 18, 1), ("adam", 7, 2), ("sophia-h", 8, 1),
      ("lbfgs", 5, 1),
    ])
  func resumes(_ rule: String, _ stop: Int, _ accumulate: Int) throws {
    try withFolder { folder in
      let (plan, problems) = OptimizerPlan.read(.init(["optimizer": [("name", rule)]], groups: nil))
      #expect(problems.isEmpty)
      var recipe = recipe(plan)
      recipe.run.accumulate = accumulate
      let found = try ResumeVerification(
        recipe, steps: 31, stop: stop, in: URL(fileURLWithPath: folder), task: { try task() }
      ) { _ in Watcher() }
      #expect(found.resumed.isEqual, "\(found.resumed)")
      #expect(!found.weightsOnly.isEqual)
    }
  }

  @Test("the built-in recipe is resumed from its YAML") func recipeResumes() throws {
    try withFolder { folder in
      let recipe = try Recipe(
        yaml: """
          steps: 20
          batch: 16
          model: {kind: ppo, hidden: [8], passes: 2}
          data: {kind: environment, environments: 2, rollout: 40, episodes: 3}
          optimizer: {name: adam, lr: 3e-3}
          """)
      let found = try ResumeVerification(
        recipe, steps: 20, stop: 9, in: URL(fileURLWithPath: folder)
      ) { _ in Watcher() }
      #expect(found.resumed.isEqual, "\(found.resumed)")
    }
  }

  @Test("one and two threads give the same bits, and so does being measured") func threads() throws
  {
    try withFolder { folder in
      func weights(_ name: String, _ change: (inout Recipe) -> Void) throws -> [UInt32] {
        var recipe = recipe()
        change(&recipe)
        let run = folder + "/" + name
        _ = try Trainer.train(recipe, task: task(), in: run)
        // What was asked for stands in the metadata; the tensors come behind.
        let checkpoint = try Checkpoint(newestOf: RunDirectory(existing: run))
        return try ["policy.0.weight", "policy.1.bias", "value.1.weight"].flatMap {
          try checkpoint.floats(of: $0).map(\.bitPattern)
        }
      }
      let one = try weights("one") { $0.run.threads = 1 }
      #expect(try weights("two") { $0.run.threads = 2 } == one)
      let measured = try weights("measured") {
        $0.instruments.every = 4
        ($0.instruments.noise, $0.instruments.curvature) = (true, true)
      }
      #expect(measured == one)
    }
  }

  @Test(
    "what an environment does wrong ends the run with where and what",
    arguments: [
      ("observation", EnvironmentError.Fault.observation(.nan, number: 1)),
      ("size", .observationSize(3, expected: 2)), ("reward", .reward(.infinity)),
      ("action", .action(2, of: 2)), ("other", .other("the door is stuck")),
    ])
  func faults(_ name: String, _ fault: EnvironmentError.Fault) throws {
    try withFolder { folder in
      let bad = Corridor(badStep: 4, fault: try #require(Corridor.Fault(rawValue: name)))
      let error = #expect(throws: EnvironmentError.self) {
        try Trainer.train(recipe(), task: task(bad), in: folder + "/run")
      }
      let found = try #require(error)
      #expect(found.environment == "corridor" && found.step == 4)
      // NaN does not equal itself.
      #expect(
        found.description
          == EnvironmentError(environment: "corridor", step: 4, fault: fault).description)
      // An evaluation says the same.
      #expect(throws: EnvironmentError.self) {
        try task(bad).evaluate(batchSize: 1, batches: nil)
      }
      #expect(try task(bad).samples(batchSize: 1).isEmpty)
    }
  }

  @Test("a report has the episodes that the evaluation is the mean of") func report() throws {
    let task = try task()
    guard case .agent(let report)? = try task.report(batchSize: 1) else {
      throw CancellationError()
    }
    let mean = report.returns.reduce(0, +) / Double(report.returns.count)
    #expect(try task.evaluate(batchSize: 1, batches: nil).others["return"] == mean)
    #expect(report.returns.count == 10 && report.environment == "corridor" && report.cutOff == 0)
    #expect(report.steps.allSatisfy { (5...40).contains($0) })
  }

  @Test("an episode that never ends is cut off in an evaluation") func endless() throws {
    let task = try task(Corridor(fault: .endless))
    let found = try task.evaluate(batchSize: 2, batches: 1)
    #expect(found.loss.isFinite)
    guard case .episode(let episode)? = task.samples(batchSize: 1).first else {
      Issue.record("there is an episode")
      return
    }
    #expect(episode.steps == ReinforcementTask<Corridor>.longestEpisode)
    #expect(episode.traces[0].values.count == 250 && episode.traces[0].steps.last == episode.steps)
    #expect(episode.frames.isEmpty)
  }

  @Test("each row comes once in a pass, whatever the minibatches' size") func minibatches() throws {
    for size in [1, 20, 48, 1000] {
      let task = try task()
      let inPass = (48 + size - 1) / size
      for pass in 0..<2 {
        let weights = try (0..<inPass).map {
          try task.batch(pass * inPass + $0, size: size).weight
        }
        #expect(weights.reduce(0, +) == 48 && weights.dropLast().allSatisfy { $0 == size })
      }
    }
  }

  @Test("batches that no step uses change nothing of what follows") func asides() throws {
    let (plain, other) = (try task(), try task())
    func loss(_ task: ReinforcementTask<Corridor>, _ number: Int) throws -> Float {
      try task.batch(number, size: 20).loss(.inference).scalar
    }
    var losses: [[Float]] = [[], []]
    for number in 0..<12 {
      losses[0].append(try loss(plain, number))
      losses[1].append(try loss(other, number))
      let aside = try other.batch(1 << 42 + number, size: 7)
      #expect(aside.weight == 7 && aside.loss(.inference).scalar.isFinite)
      // Again: it is the same batch.
      #expect(try loss(other, number) == losses[0][number])
    }
    #expect(losses[0] == losses[1])
  }

  @Test("numbers out of their ranges are refused at once") func refused() throws {
    #expect(throws: SettingErrors.self) { try task { $0.clip = 0 } }
    #expect(throws: SettingErrors.self) {
      try ReinforcementTask(environment: CartPole(), environments: 0, seed: 1)
    }
    let error = #expect(throws: RecipeError.self) {
      try Trainer(recipe(OptimizerPlan(SophiaG())), task: task())
    }
    #expect(error?.description.contains("sampledLoss") == true)
  }
}
