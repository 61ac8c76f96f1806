import Descent

// What kinds of rules there are, for questions that several rules of lint ask.

extension LintPart {
  private var marks: RuleTraits.Marks { RuleTraits.of(ruleName)?.marks ?? [] }

  /// Whether its first steps are the least reliable, so that a high rate wants a warmup.
  var wantsWarmup: Bool { marks.contains(.warmup) }

  /// Whether it is Adam with a decay of one kind or the other, or takes its rates.
  var isAdamLike: Bool { marks.contains(.adam) }

  /// Whether it finds its learning rate itself, so that lr is a factor that stays at 1.
  var findsRate: Bool { OwnRate(rule)?.rate == 1 }

  /// Whether its step has a bound of its own, so that a large gradient does not make a large step.
  var limitsSteps: Bool { marks.contains(.limited) }
}
