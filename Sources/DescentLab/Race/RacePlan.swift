import Descent
public import DescentTraining
import Foundation

/// What is raced: everything that decides its outcome, as `race.json` keeps it.
public struct RacePlan: Sendable, Equatable, Codable {
  /// A recipe.
  public struct Source: Sendable, Equatable, Codable {
    /// Its name.
    public var name: String
    /// Its text.
    public var yaml: String

    /// A recipe.
    public init(name: String, yaml: String) { (self.name, self.yaml) = (name, yaml) }
  }

  /// The recipes, each with a name of its own.
  public var recipes: [Source]
  /// What is changed in all of them: `steps=300`.
  public var changes: [String]
  /// The texts of the optimizers, as ``RaceOptimizer/list(_:)-(String)`` reads them.
  public var optimizers: [String]
  /// Judged runs of each optimizer, at least 1.
  public var seeds = 3
  /// Tuning trials of each optimizer that has something to tune; 0 races given or default settings.
  public var trials = 0
  /// The loss to reach, in nats; nil for none.
  public var target: Double?
  /// Seconds of training in each run; nil where each has the recipe's steps.
  public var secondsPerRun: Double?

  /// A plan.
  public init(recipes: [Source], changes: [String] = [], optimizers: [String]) {
    (self.recipes, self.changes, self.optimizers) = (recipes, changes, optimizers)
  }

  /// The optimizers.
  ///
  /// - Throws: a sentence for each that cannot be read.
  public func contestants() throws(RecipeError) -> [RaceOptimizer] {
    try RaceOptimizer.list(optimizers)
  }

  /// Checks the numbers, every recipe and every optimizer in it.
  ///
  /// - Throws: all that is wrong, at once.
  public func check() throws(RecipeError) {
    var problems: [String] = []
    if !(1...1000).contains(seeds) {
      problems.append(
        "--seeds \(seeds) is out of range: give from 1 to 1,000 runs of each optimizer")
    }
    if !(0...10_000).contains(trials) {
      problems.append(
        "--tune \(trials) is out of range: give from 0 to 10,000 trials of each optimizer")
    }
    if let target, !target.isFinite {
      problems.append("--target \(target) is no loss: give a number in nats, such as 1.5")
    }
    if let seconds = secondsPerRun, !(0.1...1e8).contains(seconds) {
      problems.append("--budget must be from 0.1s to 1e8s of training for each run")
    }
    for change in changes
    where ["optimizer", "optimizer.name"].contains(String(change.prefix { $0 != "=" })) {
      problems.append(
        "--set \(quotable(change)) does nothing in a race, whose optimizers are those of --optimizers: "
          + "name it there")
    }
    let names = recipes.map(\.name)
    if recipes.isEmpty { problems.append("give at least one recipe to race on") }
    if Set(names).count < names.count {
      problems.append("two recipes are called the same: race each only once, or rename a file")
    }
    do throws(RecipeError) {
      let contestants = try contestants()
      if contestants.isEmpty { problems.append("give at least one optimizer") }
      for source in recipes { problems += Self.problems(of: source, contestants, changes) }
    } catch { problems += error.problems }
    var seen: Set<String> = []
    let once = problems.filter { seen.insert($0).inserted }
    if !once.isEmpty { throw RecipeError(problems: once) }
  }

  private static func problems(
    of source: Source, _ contestants: [RaceOptimizer], _ changes: [String]
  ) -> [String] {
    do throws(RecipeError) {
      let base = try source.base(changes)
      return contestants.flatMap { contestant -> [String] in
        do throws(RecipeError) {
          _ = try contestant.recipe(source, base, changes)
          return []
        } catch { return error.problems }
      }
    } catch { return error.problems }
  }

  /// What a plan that goes on with this one may have otherwise: more seeds, more optimizers behind those
  /// that are there, another target.
  ///
  /// - Throws: what it may not, a sentence for each.
  public func checkExtension(by other: RacePlan, in folder: String) throws(RecipeError) {
    var problems: [String] = []
    func refuse(_ what: String) {
      problems.append(
        "the race in \(folder) \(what): leave that out to go on with it, or choose another folder "
          + "with --out")
    }
    if other.recipes != recipes || other.changes != changes {
      refuse(
        "is on \(recipes.map(\.name).joined(separator: ", "))"
          + (changes.isEmpty ? "" : " with \(changes.joined(separator: " "))")
          + ", and this is another recipe or has other changes")
    }
    if other.trials != trials { refuse("has --tune \(trials), not \(other.trials)") }
    if other.secondsPerRun != secondsPerRun {
      refuse(secondsPerRun.map { "has --budget \(short($0))s" } ?? "has no --budget")
    }
    if other.seeds < seeds { refuse("has \(counted(seeds, "seed")), not only \(other.seeds)") }
    if !other.optimizers.starts(with: optimizers) {
      refuse(
        "is between \(few(optimizers)), in this order; others can be added behind"
      )
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
  }
}

extension RacePlan.Source {
  /// The recipe with what is changed for all.
  ///
  /// - Throws: all that is wrong with it.
  func base(_ changes: [String]) throws(RecipeError) -> Recipe {
    do throws(RecipeError) {
      return try Recipe(yaml: yaml, overrides: changes)
    } catch { throw RecipeError(problems: error.problems.map { "\(name): \($0)" }) }
  }
}

extension RacePlan {
  /// The seconds of a text such as `90s`, `5m` or `1.5h`; a number alone is in seconds.
  ///
  /// - Throws: that it cannot be read.
  public static func seconds(_ text: String) throws(RecipeError) -> Double {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    let unit = text.last.flatMap { units[$0] }
    let digits = unit == nil ? text : String(text.dropLast())
    guard let number = Double(digits), number.isFinite, number > 0 else {
      throw RecipeError(problems: [
        "--budget \(quotable(text)) is no time: give seconds, minutes or hours of training for each run, "
          + "such as 90s, 5m or 1h"
      ])
    }
    return number * (unit ?? 1)
  }
}
