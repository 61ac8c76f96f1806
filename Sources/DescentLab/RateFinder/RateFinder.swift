import Descent
public import DescentTraining
import Foundation

/// A learning rate for a recipe: suggested by sweeps in which the rate rises step by step, and by
/// short trainings at a few rates around what those say.
public struct RateFinder: Sendable {
  /// How to look.
  public struct Options: Sendable {
    /// The first rate of a sweep; nil is what suits the rule.
    public var from: Double?
    /// The last.
    public var to: Double?
    /// The optimizer steps of a sweep.
    public var steps = 200
    /// How many sweeps, each with weights, data order and dropout of its own.
    public var seeds = 3
    /// Whether the rate rises by equal amounts rather than by equal factors.
    public var isLinear = false
    /// The most steps of a short training.
    public var probeSteps = 1500
    /// Whether the sweeps alone decide, without short trainings.
    public var isQuick = false

    public init() {}
  }

  /// What the rules of a sweep say: the middle over the seeds, and each seed's own.
  public struct Suggestion: Sendable {
    public let rule: RateRule
    /// For each seed; nil where it has no answer.
    public let bySeed: [Double?]
    /// The middle of the answers; nil where most seeds have none.
    public var rate: Double? {
      let answers = bySeed.compactMap(\.self)
      return 2 * answers.count > bySeed.count ? middleRate(answers) : nil
    }
  }

  /// A short training.
  public struct Probe: Sendable, Equatable {
    public let rate: Double
    /// The validation loss at its end; infinite where it broke down.
    public let loss: Double
  }

  /// The rate to use; nil where nothing speaks for any.
  public let suggested: Double?
  /// The range of rates that are about as good; with probes those whose loss is within
  /// ``tolerance`` of the best.
  public let range: ClosedRange<Double>?
  /// The rates of the sweeps.
  public let swept: ClosedRange<Double>?
  /// A curve for each seed.
  public let curves: [RateCurve]
  /// What each rule says.
  public let suggestions: [Suggestion]
  /// The short trainings, by rising rates; none where the sweeps alone decide.
  public let probes: [Probe]
  /// The steps of each short training, and of a run of the recipe.
  public let probeSteps: Int
  public let runSteps: Int
  /// The steps that were taken, in sweeps and in short trainings.
  public let cost: (sweeps: Int, probes: Int)
  /// For rules that find their rate themselves: what to read instead.
  public let ownRate: OwnRate?
  /// What the reader should not miss.
  public let warnings: [String]
  /// Whether the sweeps are linear.
  public let isLinear: Bool
  /// What must change in the recipe.
  public let changes: [RateChange]

  /// How much above the best loss a rate of the range ends at most.
  public static let tolerance = 0.05

  /// Looks for a learning rate.
  ///
  /// Everything happens on copies in a temporary folder; the recipe's schedule is left out of sweeps,
  /// and is run through in fewer steps in short trainings.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - options: how to look.
  ///   - progress: told what is done, a sentence each.
  ///   - wantsToStop: asked before each step.
  /// - Throws: `RecipeError` for options that cannot be, ``RateSearchInterrupted``, and the errors of
  ///   a recipe and of its data; `RunError.nonFinite` where the first loss is not finite.
  public init(
    _ recipe: Recipe, _ options: Options = Options(), progress: (String) -> Void = { _ in },
    wantsToStop: @escaping () -> Bool = { false }
  ) throws {
    let range = try options.range(for: recipe)
    runSteps = try recipe.plannedSteps()
    isLinear = options.isLinear
    if let own = OwnRate(recipe.plan.rule) {
      (ownRate, suggested, self.range, swept) = (own, own.rate, nil, nil)
      (curves, suggestions, probes, probeSteps, cost) = ([], [], [], 0, (0, 0))
      warnings = own.warnings(for: recipe)
      changes = own.rate.map { RateChange.all(recipe, rate: $0) } ?? []
      return
    }
    ownRate = nil
    let kind = type(of: recipe.model)
    if let measure = kind.betterThanLoss {
      throw RecipeError(problems: [
        "a \(kind.name) model may have any training loss while it learns, so no sweep tells which rate "
          + "is good: compare rates by \(measure), with 'descent race RECIPE --optimizers "
          + "\(recipe.plan.ruleName) --tune 8'"
      ])
    }
    swept = range
    var trials = RateTrials(wantsToStop: wantsToStop)
    let rates = options.rates(in: range)
    var curves: [RateCurve] = []
    for number in 0..<options.seeds {
      let seed = recipe.run.seed(ofRun: number)
      progress(
        "sweep \(number + 1) of \(options.seeds): \(counted(options.steps, "step"))"
          + " from lr \(short(range.lowerBound)) to \(short(range.upperBound))")
      var divergence = Divergence()
      let outcome = try trials.run(recipe.sweep(rates, seed: seed)) { divergence.has($0) }
      if let first = outcome.losses.first, !first.isFinite {
        throw RunError.nonFinite(
          step: 1, cause: "the loss or a gradient is not finite before any weight has moved",
          checkpoint: "")
      }
      let count = outcome.losses.count
      curves.append(
        RateCurve(
          rates: Array(rates.prefix(count)), losses: outcome.losses, planned: options.steps,
          diverged: count < options.steps))
    }
    self.curves = curves
    let suggestions = RateRule.allCases.map { rule in
      Suggestion(rule: rule, bySeed: curves.map { rule.rate($0) })
    }
    self.suggestions = suggestions
    let sweepCost = trials.steps
    let fromSweeps = Self.combined(suggestions)
    let isFlat = 2 * curves.count(where: \.isFlat) > curves.count

    var search = RateSearch(in: min(1e-12, range.lowerBound)...max(1e6, range.upperBound))
    let probeSteps = min(runSteps, options.probeSteps)
    if !options.isQuick, let start = fromSweeps, !isFlat {
      let total = runSteps
      try search.run(from: start) { rate in
        progress(
          "training at lr \(SettingValue.text(of: rate)): \(counted(probeSteps, "step"))"
            + (probeSteps < total ? " with the whole schedule" : ""))
        let probe = try recipe.probe(rate: rate, steps: probeSteps, of: total)
        return try trials.run(probe).validation ?? .infinity
      }
    }
    self.probeSteps = search.probes.isEmpty ? 0 : probeSteps
    probes = search.probes.map { Probe(rate: $0.rate, loss: $0.loss) }
    cost = (sweepCost, trials.steps - sweepCost)

    let found = isFlat ? nil : search.choice ?? fromSweeps.map(RateSearch.rounded)
    suggested = found
    if let found {
      let measured = search.range(within: Self.tolerance) ?? Self.spread(suggestions, around: found)
      self.range = min(measured.lowerBound, found)...max(measured.upperBound, found)
    } else {
      self.range = nil
    }
    changes = found.map { RateChange.all(recipe, rate: $0) } ?? []
    warnings =
      RateWarnings(
        curves: curves, suggestions: suggestions, search: search, swept: range, suggested: found,
        steps: (probe: self.probeSteps, run: runSteps), options: options
      ).sentences
  }

  /// What the sweeps alone suggest: halfway, on a logarithmic scale, between where the loss falls most
  /// steeply and a tenth of where it is lowest. The valley lies below what trains best, since the
  /// noise of losses lengthens it to the left, and the slide depends on the size of the loss.
  static func combined(_ suggestions: [Suggestion]) -> Double? {
    let rates = suggestions.filter { [.steepest, .minimumTenth].contains($0.rule) }
      .compactMap(\.rate)
    return rates.isEmpty ? nil : middleRate(rates)
  }

  /// The rates that the rules of the sweeps suggest, from the least to the greatest.
  private static func spread(
    _ suggestions: [Suggestion], around rate: Double
  ) -> ClosedRange<Double> {
    let rates = suggestions.filter { $0.rule != .slide }.compactMap(\.rate) + [rate]
    return (rates.min() ?? rate)...(rates.max() ?? rate)
  }
}
