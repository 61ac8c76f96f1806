/// The schedules at work on one group's rule.
struct ScheduledSettings<R: Rule>: Sendable {
  private struct Entry: Sendable {
    let setting: String
    let paths: [SettingPath<R, Double>]
    var schedule: any Schedule
  }

  private let declared: R
  private var entries: [Entry] = []

  /// `schedules` by setting name, `betas[0]` for one number of several, on `rule`, whose own values
  /// are the bases.
  init(
    _ schedules: [(setting: String, schedule: any Schedule)], of rule: R
  ) throws(OptimizerError) {
    declared = rule
    for (name, schedule) in schedules {
      if name == "lr", let momentum = schedule.momentum {
        let names = R.settings.map(\.name)
        guard let cycled = ["betas", "momentum"].first(where: names.contains) else {
          throw .noMomentum(rule: R.name, schedule: type(of: schedule).name)
        }
        try add(cycled == "betas" ? "betas[0]" : cycled, momentum)
      }
      try add(name, schedule)
    }
  }

  private mutating func add(
    _ name: String, _ schedule: any Schedule
  ) throws(OptimizerError) {
    let plain = name.prefix { $0 != "[" }
    let isOne = plain.count < name.count && name.hasSuffix("]")
    let index = isOne ? Int(name.dropFirst(plain.count + 1).dropLast()) : nil
    guard let setting = R.settings.first(where: { $0.name == plain }), !setting.numbers.isEmpty,
      plain.count == name.count || setting.numbers.indices.contains(index ?? -1)
    else {
      throw .notSchedulable(
        setting: name, rule: R.name, valid: R.settings.filter { !$0.numbers.isEmpty }.map(\.name))
    }
    guard setting.value(declared) != .none else {
      throw .scheduleOfNone(setting: name, rule: R.name)
    }
    let paths = index.map { [setting.numbers[$0]] } ?? setting.numbers
    entries.append(Entry(setting: name, paths: paths, schedule: schedule))
  }

  /// Sets every scheduled number of `rule` for the step that follows `step` applied ones.
  func apply(_ step: Int, to rule: inout R) {
    for entry in entries {
      for path in entry.paths {
        rule[keyPath: path] = entry.schedule.value(at: step, base: declared[keyPath: path])
      }
    }
  }

  /// The state kept for a parameter, whatever the schedules do on their way: that of the rule with
  /// every scheduled number switched on.
  func slots(for parameter: ParameterInfo) -> [Slot] {
    var working = declared
    for path in entries.flatMap(\.paths) where working[keyPath: path] == 0 {
      working[keyPath: path] = .leastNormalMagnitude
    }
    // What the declared rule has too begins as declared.
    let declaredSlots = declared.slots(for: parameter)
    return working.slots(for: parameter).map { slot in
      declaredSlots.first { $0.name == slot.name } ?? slot
    }
  }

  /// The values of the scheduled settings for that step.
  func values(_ step: Int) -> [(name: String, value: SettingValue)] {
    var rule = declared
    apply(step, to: &rule)
    let driven = Set(entries.map { $0.setting.prefix { $0 != "[" } })
    return R.settings.filter { driven.contains($0.name[...]) }.map { setting in
      let numbers = setting.numbers.map { rule[keyPath: $0] }
      return (setting.name, numbers.count == 1 ? .number(numbers[0]) : .numbers(numbers))
    }
  }

  /// Feeds the schedules that follow a metric.
  mutating func observe(_ metric: Double, _ mode: MetricMode?) {
    for index in entries.indices {
      guard var schedule = entries[index].schedule as? any MetricSchedule,
        mode == nil || mode == schedule.mode
      else { continue }
      schedule.observe(metric)
      entries[index].schedule = schedule
    }
  }

  /// What those schedules remember, by setting.
  var states: [String: MetricState] {
    get {
      Dictionary(
        entries.compactMap { entry in
          (entry.schedule as? any MetricSchedule).map { (entry.setting, $0.state) }
        }, uniquingKeysWith: { $1 })
    }
    set {
      for index in entries.indices {
        guard var schedule = entries[index].schedule as? any MetricSchedule,
          let state = newValue[entries[index].setting]
        else { continue }
        schedule.state = state
        entries[index].schedule = schedule
      }
    }
  }
}
