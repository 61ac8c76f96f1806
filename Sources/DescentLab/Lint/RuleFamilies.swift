import Descent

// What kinds of rules there are, for questions that several rules of lint ask.

extension LintPart {
  /// Whether a step moves a weight by about the learning rate, whatever the size of its gradient.
  var stepsByRate: Bool {
    [
      "adam", "adamw", "nadam", "radam", "adamax", "rmsprop", "lion", "sophia-g", "sophia-h",
      "schedule-free-adamw", "soap", "shampoo-distributed",
    ].contains(ruleName)
  }

  /// Whether it is Adam with a decay of one kind or the other, or takes its rates.
  var isAdamLike: Bool {
    ["adam", "adamw", "nadam", "radam", "adamax", "schedule-free-adamw", "soap"]
      .contains(ruleName)
  }

  /// Whether it finds its learning rate itself, so that lr is a factor that stays at 1.
  var findsRate: Bool { OwnRate(rule)?.rate == 1 }

  /// Whether its step has a bound of its own, so that a large gradient does not make a large step.
  var limitsSteps: Bool {
    [
      "lion", "sophia-g", "sophia-h", "adafactor", "adafactor-torch", "lamb", "lars", "muon",
      "rprop", "prodigy", "dadapt-adam", "lbfgs",
    ].contains(ruleName)
  }
}
