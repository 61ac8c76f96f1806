import Descent

/// What a recipe does with the parameters of one group, as rules of lint look at it.
struct LintPart {
  /// The group, its rule and its parameters.
  let plan: PlanPart
  /// The learning rates at some steps of the run, from the first; none for a rule without one.
  let rates: [(step: Int, rate: Double)]

  /// The steps at which rates are looked at: the first ones, an even grid, the ends of warmups.
  static func landmarks(_ steps: Int, _ schedules: [NamedSchedule]) -> [Int] {
    let count = 256
    let even = (0...count).map { Int(Double(steps - 1) * Double($0) / Double(count)) }
    let corners = schedules.flatMap { [$0.schedule.warmupEnd - 1, $0.schedule.warmupEnd] }
    return Set(even + corners + Array(0..<16)).filter { (0..<steps).contains($0) }.sorted()
  }

  init(_ plan: PlanPart, of whole: OptimizerPlan, steps: Int) {
    self.plan = plan
    let values = try? whole.scheduledValues(of: plan.group)
    let own = plan.rule.rate
    rates = Self.landmarks(steps, plan.schedules).compactMap { step in
      if case .number(let rate)? = values?(at: step).first(where: { $0.name == "lr" })?.value {
        return (step, rate)
      }
      return own.map { (step, $0) }
    }
  }

  /// The rule with the group's hyperparameters.
  var rule: any Rule { plan.rule }
  /// Its name.
  var ruleName: String { type(of: plan.rule).name }
  /// The largest learning rate of the run; nil for a rule without one.
  var peak: Double? { rates.map(\.rate).max() }
  /// The weights that are trained by it.
  var weights: Int { plan.parameters.reduce(0) { $0 + $1.count } }

  /// What the learning rate is on average.
  var meanRate: Double {
    guard let last = rates.last, last.step > 0 else { return rates.last?.rate ?? 0 }
    let area = zip(rates, rates.dropFirst()).reduce(0) { sum, pair in
      sum + (pair.0.rate + pair.1.rate) / 2 * Double(pair.1.step - pair.0.step)
    }
    return area / Double(last.step)
  }

  /// The step that first has nine tenths of the largest rate, counted from 0.
  var warmup: Int {
    guard let peak else { return 0 }
    return rates.first { $0.rate >= 0.9 * peak }?.step ?? 0
  }

  // MARK: Settings

  private func value(_ setting: String) -> SettingValue? {
    rule.resolved.first { $0.name == setting }?.value
  }

  /// The number that a setting has.
  func number(_ setting: String) -> Double? {
    switch value(setting) {
    case .number(let x)?: x
    case .integer(let n)?: Double(n)
    default: nil
    }
  }

  /// The numbers that a setting has.
  func numbers(_ setting: String) -> [Double] {
    switch value(setting) {
    case .numbers(let list)?: list
    case .number(let x)?: [x]
    default: []
    }
  }

  /// Whether a setting is on.
  func isOn(_ setting: String) -> Bool { value(setting) == .flag(true) }

  /// Whether a hyperparameter follows a schedule.
  func follows(_ setting: String) -> Bool { plan.schedules.contains { $0.setting == setting } }

  /// Whether a schedule makes a number positive that starts from 0.
  func raises(_ setting: String) -> Bool {
    plan.schedules.contains { name, schedule in
      let places = [0, 1] + (schedule.end.map { [$0 / 4, $0 / 2] } ?? [])
      return name == setting && places.contains { schedule.value(at: $0, base: 0) > 0 }
    }
  }

  /// The key of the recipe that decides a setting: the group's, where it has one of its own.
  func key(_ setting: String) -> String {
    guard let number = plan.number else { return "optimizer.\(setting)" }
    let isOwn =
      plan.group.rule != nil || plan.group.settings.contains { $0.name == setting }
    return isOwn ? "optimizer.groups[\(number)].\(setting)" : "optimizer.\(setting)"
  }

  /// A setting's value as it would be written.
  func text(_ setting: String) -> String? { value(setting)?.description }
}
