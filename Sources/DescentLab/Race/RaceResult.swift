import Descent

/// What came of a race.
public struct RaceResult: Sendable {
  /// What was raced.
  public let plan: RacePlan
  /// Where it is kept.
  public let folder: String
  /// What came of it on each recipe.
  public let recipes: [OnRecipe]

  init(plan: RacePlan, folder: String, recipes: [OnRecipe]) {
    (self.plan, self.folder, self.recipes) = (plan, folder, recipes)
    let tests = recipes.map { recipe in
      recipe.entries.indices.flatMap { a in
        (a + 1..<max(a + 1, recipe.entries.count)).map { b in
          (a, b, PairedTest(pairing(recipe.entries[a], recipe.entries[b]), margin: Self.margin))
        }
      }
    }
    let p = tests.flatMap { $0 }.map(\.2.p)
    let (corrected, levels) = (p.holmCorrected, p.holmLevels(Self.level))
    var next = 0
    comparisons = tests.enumerated().map { recipe, tests in
      tests.map { a, b, test in
        defer { next += 1 }
        return Comparison(
          recipes[recipe].entries[a], recipes[recipe].entries[b], test, p: corrected[next],
          level: levels[next], among: corrected.count)
      }
    }
    func pairing(_ a: Entry, _ b: Entry) -> [(a: Double?, b: Double?)] {
      zip(a.finals, b.finals).map { (a: $0, b: $1) }
    }
  }

  /// A difference is proven where its corrected p is below this.
  public static let level = 0.05

  /// Losses that differ by no more than this share count as equal.
  public static let margin = 0.001

  /// Every pair of optimizers on each recipe. p is corrected for the number of all pairs.
  public let comparisons: [[Comparison]]

  /// What came of a race on one recipe.
  public struct OnRecipe: Sendable {
    /// The name of the recipe.
    public let name: String
    /// The optimizers, in the order in which they were given.
    public let entries: [Entry]
  }

  /// An optimizer on a recipe.
  public struct Entry: Sendable {
    /// The optimizer.
    public let optimizer: RaceOptimizer
    /// The steps that its runs were to take.
    public let steps: Int
    /// What was searched.
    public let dimensions: [SearchSpace.Dimension]
    /// The space of its rule.
    public let space: SearchSpace
    /// Its tuning trials.
    public let tuning: [RaceTrial]
    /// The best of them.
    public let chosen: RaceTrial?
    /// Its judged runs, seed by seed.
    public let judged: [RaceTrial]
    /// The loss to reach.
    public let target: Double?
    /// What is done otherwise than the recipe says.
    public let warnings: [String]

    /// The text that names it.
    public var label: String { optimizer.label }
    /// The loss at the end of each judged run; nil for one that failed.
    public var finals: [Double?] { judged.map { $0.outcome?.final } }
    /// The losses of those that finished.
    public var sample: Sample { Sample(finals.compactMap(\.self)) }
    /// Where their mean lies with 95 % confidence; nil for fewer than two.
    public var interval: (low: Double, high: Double)? {
      Metric.of("val_loss").clipped(sample.interval, of: sample.values)
    }
    /// The fewest and the most steps that a judged run did; nil before one has ended.
    public var stepsDone: ClosedRange<Int>? {
      let done = outcomes.map(\.steps)
      guard let least = done.min(), let most = done.max() else { return nil }
      return least...most
    }
    /// The judged runs that did not finish.
    public var failures: Int { finals.count { $0 == nil } }
    /// The median seconds of training of those that finished, or of all where none did.
    public var seconds: Double {
      let finished = outcomes.filter { $0.failure == nil }
      return Sample((finished.isEmpty ? outcomes : finished).map(\.seconds)).median ?? 0
    }
    /// The median seconds of a step.
    public var secondsPerStep: Double? { Sample(outcomes.compactMap(\.secondsPerStep)).median }
    /// Bytes of optimizer state at the peak.
    public var stateBytes: Int { outcomes.map(\.stateBytes).max() ?? 0 }
    /// The settings of its judged runs.
    public var settings: [TrialOutcome.Setting] { outcomes.first?.settings ?? [] }
    /// The median of the steps after which an evaluation was first at or below the target; nil where most
    /// runs did not come to it.
    public var stepsToTarget: Double? { toTarget { Double($0.step) } }
    /// The same in seconds of training.
    public var secondsToTarget: Double? { toTarget(\.seconds) }

    private var outcomes: [TrialOutcome] { judged.compactMap(\.outcome) }

    private func toTarget(_ cost: (TrialOutcome.Evaluation) -> Double) -> Double? {
      guard let target, !outcomes.isEmpty else { return nil }
      let costs = outcomes.map { $0.reached(target).map(cost) ?? .infinity }
      guard costs.count(where: \.isFinite) * 2 > costs.count else { return nil }
      return Sample(costs).median
    }

    /// The settings whose best value was the smallest or the largest that was tried, of three at least.
    public var atEdge: [(setting: String, value: Double, isLargest: Bool)] {
      guard let chosen, tuning.count > 2 else { return [] }
      return dimensions.compactMap { dimension in
        let tried = tuning.compactMap { $0.value(of: dimension.setting) }
        guard let best = chosen.value(of: dimension.setting), let least = tried.min(),
          let most = tried.max(), least < most, best == least || best == most
        else { return nil }
        return (dimension.setting, best, best == most)
      }
    }
  }

  /// Two optimizers on a recipe.
  public struct Comparison: Sendable {
    /// The one that did better, as far as can be said: lower in the mean, or with fewer failures.
    public let better: Entry
    /// The other.
    public let worse: Entry
    /// The test of their differences.
    public let test: PairedTest
    /// The test's p, by Holm's correction for the number of comparisons.
    public let p: Double
    /// The level that the correction holds the test to.
    public let level: Double
    /// The number of comparisons.
    public let comparisons: Int

    init(
      _ a: Entry, _ b: Entry, _ test: PairedTest, p: Double, level: Double, among comparisons: Int
    ) {
      let isSwapped = test.direction > 0
      (better, worse) = isSwapped ? (b, a) : (a, b)
      (self.test, self.p, self.level, self.comparisons) = (test, p, level, comparisons)
    }

    /// Whether the difference is proven: p below ``RaceResult/level``.
    public var isProven: Bool { p < RaceResult.level }

    /// By how much the better one ends lower, with 95 % confidence after the correction: all of it lies
    /// beyond the margin exactly where the difference is proven. nil where a run failed, or there are
    /// fewer than two seeds.
    public var interval: (low: Double, high: Double)? {
      test.interval(level: level).map { test.direction > 0 ? $0 : (-$0.high, -$0.low) }
    }
  }

  /// How often each optimizer was within a factor of the best, over all recipes: of the steps to the
  /// target, or of the final loss where there is none. nil for a single recipe.
  public var profile: PerformanceProfile? {
    guard recipes.count > 1, let first = recipes.first else { return nil }
    return PerformanceProfile(
      costs: first.entries.indices.map { index in
        recipes.map { recipe in
          let entry = recipe.entries[index]
          if plan.target != nil { return entry.stepsToTarget }
          return entry.failures > 0 ? nil : entry.sample.mean.flatMap { $0 > 0 ? $0 : nil }
        }
      })
  }
}

extension RaceTrial {
  /// The number that a setting had; nil where it had none.
  func value(of setting: String) -> Double? {
    outcome?.settings.first { $0.name == setting }.flatMap { Double($0.value) }
  }
}
