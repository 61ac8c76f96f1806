import Descent

/// The learning rates of a landscape for rules whose text sets none.
enum LandscapeRates {
  /// How far a rule's step goes.
  enum Scale: Equatable {
    /// η·g: the steeper, the farther.
    case gradient(Double)
    /// About η, times the factor.
    case length(Double)
    /// Now the one, now the other.
    case smaller
    /// About η·‖w‖, times the factor.
    case norm(Double)
    /// It finds its own, beginning with this η; nil is its default.
    case own(Double?)
  }

  /// How the steps of a rule follow from η; nil for a rule that nobody has looked at.
  static func scale(_ rule: String) -> Scale? {
    switch rule {
    case "sgd", "asgd": .gradient(1)
    case "schedule-free-sgd": .gradient(2)
    case "adam", "adamw", "nadam", "adamax", "rmsprop", "soap", "adafactor-torch", "sophia-g",
      "sophia-h", "muon":
      .length(1)
    // Its first steps go by η·g.
    case "radam": .smaller
    case "lion": .length(1.0 / 3)
    case "schedule-free-adamw": .length(2)
    // Their steps shrink as 1/√t.
    case "adagrad", "shampoo", "shampoo-distributed": .length(5)
    case "lamb": .norm(1)
    case "lars": .norm(1000)
    case "prodigy", "dadapt-adam", "adadelta", "adafactor", "lbfgs", "rprop": .own(nil)
    default: nil
    }
  }

  /// Whether a rule finds its own rate, so that `--lr` leaves it alone.
  static func isOwn(_ rule: String) -> Bool {
    if case .own = scale(rule) { true } else { false }
  }

  /// The rate of a rule on a function from `start`; nil leaves the rule its default.
  static func rate(
    of rule: String, on function: LandscapeFunction, from start: LandscapeFunction.Place
  ) -> Double? {
    let rate: Double
    switch scale(rule) {
    case .gradient(let factor): rate = factor * function.rates.gradient
    case .length(let factor): rate = factor * function.rates.step
    case .smaller: rate = min(function.rates.gradient, function.rates.step)
    case .norm(let factor):
      let norm = (start * start).sum().squareRoot()
      rate = factor * function.rates.step / (norm > 0.1 ? norm : 1)
    case .own(let own): return own
    case nil: return nil
    }
    // Two digits, so that it can be written down.
    return Double(short(rate, 2)) ?? rate
  }
}
