/// What is known of a rule's steps, for lint, landscapes and advice: one place for each fact.
package struct RuleTraits {
  /// What the length of a step follows from.
  package enum Step: Equatable {
    /// η·g: the steeper, the farther.
    case gradient
    /// About η for each weight, whatever its gradient.
    case element
    /// About η·√n for a tensor as a whole.
    case tensor
    /// As `element`, but its first steps go by η·g.
    case elementLater
    /// About η·‖w‖.
    case norm
    /// It finds its own rate.
    case own
  }

  struct Marks: OptionSet {
    let rawValue: Int
    /// Adam with a decay of one kind or the other, or at its rates.
    static let adam = Marks(rawValue: 1)
    /// Its first steps divide by what few gradients say, so that a high rate wants a warmup.
    static let warmup = Marks(rawValue: 2)
    /// Its steps have a bound of their own: a large gradient does not make a large step.
    static let limited = Marks(rawValue: 4)
  }

  package let step: Step
  /// How many times its rates are those of the first rule of its kind: SGD, Adam, LAMB.
  let rates: Double
  let marks: Marks

  private init(_ step: Step, _ marks: Marks = [], rates: Double = 1) {
    (self.step, self.marks, self.rates) = (step, marks, rates)
  }

  /// The traits of a rule; nil for one that nobody has looked at.
  package static func of(_ rule: String) -> RuleTraits? { all[rule] }

  /// The rules by name.
  package static let all: [String: RuleTraits] = [
    "sgd": .init(.gradient),
    "asgd": .init(.gradient),
    "schedule-free-sgd": .init(.gradient, rates: 2),
    "adam": .init(.element, [.adam, .warmup]),
    "adamw": .init(.element, [.adam, .warmup]),
    "nadam": .init(.element, [.adam, .warmup]),
    "adamax": .init(.element, [.adam, .warmup]),
    "soap": .init(.element, [.adam, .warmup]),
    "radam": .init(.elementLater, .adam),
    "schedule-free-adamw": .init(.element, [.adam, .warmup], rates: 2),
    "rmsprop": .init(.element),
    "lion": .init(
      .element, [.warmup, .limited], rates: Literature.lionRates.upperBound),
    "sophia-g": .init(.element, [.warmup, .limited]),
    "sophia-h": .init(.element, [.warmup, .limited]),
    "muon": .init(.tensor, .limited),
    "adafactor-torch": .init(.tensor, .limited),
    // Their steps shrink as 1/√t.
    "adagrad": .init(.element, rates: 5),
    "shampoo": .init(.tensor, rates: 5),
    "shampoo-distributed": .init(.element, rates: 5),
    "lamb": .init(.norm, .limited),
    "lars": .init(.norm, .limited, rates: 1000),
    "prodigy": .init(.own, .limited),
    "dadapt-adam": .init(.own, .limited),
    "adadelta": .init(.own),
    "adafactor": .init(.own, .limited),
    "lbfgs": .init(.own, .limited),
    "rprop": .init(.own, .limited),
  ]
}
