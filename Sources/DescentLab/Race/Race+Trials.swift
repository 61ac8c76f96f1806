import Descent
import DescentTraining
import Foundation

// Which runs a race has, each as the changes that make its recipe. What a run is follows from the plan
// and the runs before it alone, so a race that goes on finds the same.

extension Race {
  /// Evaluations of a run, at least.
  private static let evaluations = 10
  /// Steps of the run that measures how long a step takes.
  private static let paceSteps = 30

  /// What is changed for an optimizer: the recipe's changes, the rule, and how runs of a race are kept.
  private func common(
    _ recipe: Int, _ optimizer: Int, hasOwnLength: Bool = false
  ) -> [String] {
    let base = bases[recipe]
    // Steps that follow from a budget take the place of those that were asked for.
    let changes = plan.changes.filter { change in
      !hasOwnLength || !["steps=", "epochs="].contains { change.hasPrefix($0) }
    }
    func isSet(_ key: String) -> Bool { plan.changes.contains { $0.hasPrefix(key + "=") } }
    var kept = ["checkpoint.keep=1", "checkpoint.best=false", "checkpoint.minutes=none"]
    // Spikes need checkpoints to go back to.
    if base.spike.factor == nil { kept.append("checkpoint.every=0") }
    return changes + contestants[optimizer].overrides(in: base, plan.changes)
      + kept.filter { !isSet(String($0.prefix { $0 != "=" })) }
  }

  /// How long a run is, and when it is evaluated: at least ten times, unless the recipe was changed to have
  /// it otherwise or its schedule follows the evaluations.
  private func length(_ recipe: Int, _ optimizer: Int) -> [String] {
    let base = bases[recipe]
    let steps = steps(recipe, optimizer)
    let every = max(1, steps / Self.evaluations)
    var changes = plan.secondsPerRun == nil ? [] : ["steps=\(steps)"]
    let isFollowed = base.plan.schedules.contains { $0.schedule is any MetricSchedule }
    if !isFollowed, !plan.changes.contains(where: { $0.hasPrefix("evaluate.every=") }),
      base.evaluate.every == 0 || base.evaluate.every > every
    {
      changes.append("evaluate.every=\(every)")
    }
    return changes
  }

  /// The steps of a run: the recipe's, or as many as the budget of seconds holds.
  func steps(_ recipe: Int, _ optimizer: Int) -> Int {
    guard let seconds = plan.secondsPerRun,
      let step = trials[file(of: pace(recipe, optimizer)).path]?.outcome?.secondsPerStep, step > 0
    else { return steps[recipe] }
    return max(1, Int(min(1e9, seconds / step)))
  }

  func pace(_ recipe: Int, _ optimizer: Int) -> RaceTrial {
    let steps = min(Self.paceSteps, steps[recipe])
    return RaceTrial(
      recipe: recipe, optimizer: optimizer, purpose: .pace, settings: [],
      overrides: common(recipe, optimizer, hasOwnLength: true)
        + ["steps=\(steps)", "evaluate.every=0", "evaluate.batches=1", "evaluate.start=false"])
  }

  /// What is searched for an optimizer: nothing that its text or the changes for all have set.
  func dimensions(_ recipe: Int, _ optimizer: Int) -> [SearchSpace.Dimension] {
    let contestant = contestants[optimizer]
    let values = untuned(recipe, optimizer)
    return SearchSpace.of(contestant.rule, rate: values["lr"]).dimensions.filter { dimension in
      !contestant.fixes(dimension.setting)
        && !plan.changes.contains { $0.hasPrefix("optimizer.\(dimension.setting)=") }
        && dimension.value(at: 0, recipe: values[dimension.setting]) != nil
    }
  }

  /// The numbers that an optimizer has without tuning.
  private func untuned(_ recipe: Int, _ optimizer: Int) -> [String: Double] {
    guard
      let own = try? contestants[optimizer].recipe(
        plan.recipes[recipe], bases[recipe], plan.changes)
    else { return [:] }
    let numbers = own.plan.rule.resolved.compactMap { name, value in
      if case .number(let x) = value { (name, x) } else { nil }
    }
    return Dictionary(numbers) { first, _ in first }
  }

  /// The tuning trials of an optimizer: first what it has without tuning, then points of its space. Those of
  /// one rule are the same whatever it is called. None where there is nothing to search.
  package func tuning(_ recipe: Int, _ optimizer: Int) -> [RaceTrial] {
    let dimensions = dimensions(recipe, optimizer)
    guard !dimensions.isEmpty, plan.trials > 0 else { return [] }
    let values = untuned(recipe, optimizer)
    let seed = bases[recipe].run.seed
    let points = QuasiRandom(dimensions: dimensions.count, seed: UInt64(seed))
    return (0..<plan.trials).map { number in
      var settings: [String] = []
      if number > 0 {
        for (dimension, place) in zip(dimensions, points[number - 1]) {
          guard let x = dimension.value(at: place, recipe: values[dimension.setting]) else {
            continue
          }
          settings.append("\(dimension.setting)=\(SettingValue.text(of: x))")
        }
      }
      return RaceTrial(
        recipe: recipe, optimizer: optimizer, purpose: .tuning(number), settings: settings,
        overrides: common(recipe, optimizer, hasOwnLength: plan.secondsPerRun != nil)
          + settings.map { "optimizer.\($0)" }
          + length(recipe, optimizer) + ["seed=\(seed)"])
    }
  }

  /// The trial with the lowest loss at the end of training; nil where none was made or all failed.
  func chosen(_ recipe: Int, _ optimizer: Int) -> RaceTrial? {
    tuning(recipe, optimizer).compactMap { trials[file(of: $0).path] }
      .filter { $0.outcome?.final != nil }
      .min { ($0.outcome?.final ?? .infinity) < ($1.outcome?.final ?? .infinity) }
  }

  /// A judged run: the seeds behind that of tuning, the same for every optimizer.
  package func judged(_ recipe: Int, _ optimizer: Int, _ number: Int) -> RaceTrial {
    let settings = chosen(recipe, optimizer)?.settings ?? []
    return RaceTrial(
      recipe: recipe, optimizer: optimizer, purpose: .judged(number), settings: settings,
      overrides: common(recipe, optimizer, hasOwnLength: plan.secondsPerRun != nil)
        + settings.map { "optimizer.\($0)" }
        + length(recipe, optimizer) + ["seed=\(bases[recipe].run.seed(ofRun: number + 1))"])
  }

  /// What came of the race, as far as its runs have ended.
  var result: RaceResult {
    let recipes = plan.recipes.indices.map { recipe in
      RaceResult.OnRecipe(
        name: plan.recipes[recipe].name,
        entries: contestants.indices.map { optimizer in
          let runs = (0..<plan.seeds).compactMap {
            trials[file(of: judged(recipe, optimizer, $0)).path]
          }
          return RaceResult.Entry(
            optimizer: contestants[optimizer], steps: steps(recipe, optimizer),
            dimensions: dimensions(recipe, optimizer),
            space: SearchSpace.of(
              contestants[optimizer].rule, rate: untuned(recipe, optimizer)["lr"]),
            tuning: tuning(recipe, optimizer).compactMap { trials[file(of: $0).path] },
            chosen: chosen(recipe, optimizer), judged: runs, target: plan.target,
            warnings: warnings(recipe, optimizer))
        })
    }
    return RaceResult(plan: plan, folder: folder.relativePath, recipes: recipes)
  }

  /// What is done otherwise than the recipe says.
  private func warnings(_ recipe: Int, _ optimizer: Int) -> [String] {
    let own = try? contestants[optimizer].recipe(
      plan.recipes[recipe], bases[recipe], plan.changes)
    return own?.scheduleWarnings(steps: steps(recipe, optimizer)) ?? []
  }
}
