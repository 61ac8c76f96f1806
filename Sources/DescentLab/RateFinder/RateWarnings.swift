import DescentTraining

/// What speaks against a suggestion.
struct RateWarnings {
  let curves: [RateCurve]
  let suggestions: [RateFinder.Suggestion]
  let search: RateSearch
  let swept: ClosedRange<Double>
  let suggested: Double?
  /// Of a short training, 0 where there is none, and of a run.
  let steps: (probe: Int, run: Int)
  let options: RateFinder.Options

  /// A sentence each, with what to do.
  var sentences: [String] {
    [flat, neverDiverged, divergedAtOnce, edge, disagreement, noise, shortness].compactMap(\.self)
  }

  private var isFlat: Bool { 2 * curves.count(where: \.isFlat) > curves.count }

  private var flat: String? {
    guard isFlat else { return nil }
    return "the loss hardly changed at any rate, so nothing is suggested: raise --to, see whether "
      + "most weights are frozen ('descent groups'), or give more --steps"
  }

  private var neverDiverged: String? {
    let without = curves.count {
      !$0.diverged && $0.lowest.map { $0 > 8 * options.steps / 10 } ?? true
    }
    guard 2 * without > curves.count, !isFlat else { return nil }
    return "the loss was still falling at the end of the sweep: raise --to above "
      + short(swept.upperBound)
  }

  private var divergedAtOnce: String? {
    guard curves.contains(where: { $0.diverged && $0.losses.count < options.steps / 4 }) else {
      return nil
    }
    return "the loss diverged in the first quarter of a sweep: lower --from below "
      + short(swept.lowerBound)
  }

  private var edge: String? {
    guard let suggested, let low = search.probes.first, let high = search.probes.last,
      search.probes.count > 1
    else { return nil }
    if suggested < low.rate * 1.1 {
      return "the lowest rate that was tried was the best: a lower one may be better still"
    }
    guard suggested > high.rate / 1.1 else { return nil }
    return "the highest rate that was tried was the best: a higher one may be better still"
  }

  private var disagreement: String? {
    for suggestion in suggestions where suggestion.rule != .slide {
      let rates = suggestion.bySeed.compactMap(\.self)
      if let low = rates.min(), let high = rates.max(), high > 10 * low {
        return
          "the seeds disagree by a factor of \(short(high / low)) (\(suggestion.rule.rawValue)): "
          + "give more --seeds or --steps"
      }
    }
    return nil
  }

  private var shortness: String? {
    guard steps.probe > 0, steps.run >= 4 * steps.probe else { return nil }
    return
      "the run is \(short(Double(steps.run) / Double(steps.probe))) times as long as the short "
      + "trainings, and longer runs often end better at somewhat lower rates: raise --probe-steps, or "
      + "prefer the lower part of the range"
  }

  private var noise: String? {
    let shares = curves.map { $0.noise / max($0.fall, 1e-12) }
    guard !isFlat, middle(shares) > 0.5 else { return nil }
    return
      "the loss of a step is noisy beside what it falls: raise batch or accumulate in the recipe, "
      + "or --steps"
  }
}

extension OwnRate {
  /// What is wrong with the rate of a recipe whose rule finds its own.
  func warnings(for recipe: Recipe) -> [String] {
    guard let rate, let given = recipe.peakRate, given != rate else { return [] }
    return [
      "lr is \(short(given)) in this recipe, which multiplies what the rule finds: set it to "
        + short(rate)
    ]
  }
}
