import Descent

/// The learning rates of a landscape for rules whose text sets none.
enum LandscapeRates {
  /// Whether a rule finds its own rate, so that `--lr` leaves it alone.
  static func isOwn(_ rule: String) -> Bool { RuleTraits.of(rule)?.step == .own }

  /// The rate of a rule on a function from `start`; nil leaves the rule its default.
  static func rate(
    of rule: String, on function: LandscapeFunction, from start: LandscapeFunction.Place
  ) -> Double? {
    guard let traits = RuleTraits.of(rule) else { return nil }
    let rate: Double
    switch traits.step {
    case .gradient: rate = traits.rates * function.rates.gradient
    case .element, .tensor: rate = traits.rates * function.rates.step
    case .elementLater: rate = min(function.rates.gradient, function.rates.step)
    case .norm:
      let norm = (start * start).sum().squareRoot()
      rate = traits.rates * function.rates.step / (norm > 0.1 ? norm : 1)
    case .own: return nil
    }
    return rate.rounded(digits: 2)
  }
}
