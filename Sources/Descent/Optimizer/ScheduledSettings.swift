/// The schedules at work on one group's rule.
struct ScheduledSettings<R: Rule>: Sendable {
  private struct Entry: Sendable {
    let setting: String
    let paths: [Place<R, Double>]
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

  /// The rule with every number on that some schedule switches on: what state it needs.
  var atWork: R {
    var rule = declared
    for step in [0, 1] {
      var scheduled = declared
      apply(step, to: &scheduled)
      for path in entries.flatMap(\.paths) where rule[keyPath: path] == 0 {
        rule[keyPath: path] = scheduled[keyPath: path]
      }
    }
    return rule
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

/// The hyperparameters that schedules drive, as an ``Optimizer`` sets them at each step.
public struct ScheduledValues: Sendable {
  private let values: @Sendable (Int) -> [(name: String, value: SettingValue)]

  /// The schedules of `rule`, or of the group's own, after the group's settings have changed it.
  ///
  /// - Throws: ``OptimizerError`` for what cannot be set or scheduled.
  public init(
    _ rule: any Rule, group: ParameterGroup,
    schedules: [(setting: String, schedule: any Schedule)]
  ) throws(OptimizerError) {
    func make<R: Rule>(
      _ rule: R
    ) throws(OptimizerError) -> @Sendable (Int) -> [(name: String, value: SettingValue)] {
      let common = group.rule == nil ? schedules : schedules.filter { R.has($0.setting) }
      let scheduled = try ScheduledSettings(
        group.overriding(common), of: try group.applied(to: rule))
      return { scheduled.values($0) }
    }
    if let own = group.rule {
      values = try make(own)
    } else {
      values = try make(rule)
    }
  }

  /// The values that step `step` + 1 uses, by setting.
  public func callAsFunction(at step: Int) -> [(name: String, value: SettingValue)] {
    values(step)
  }
}

extension Rule {
  /// Whether it has the setting that a schedule names, `betas[0]` by `betas`.
  static func has(_ scheduled: String) -> Bool {
    settings.contains { $0.name == scheduled.prefix { $0 != "[" } }
  }
}

extension ParameterGroup {
  /// `rule` with this group's hyperparameters.
  func applied<R: Rule>(to rule: R) throws(OptimizerError) -> R {
    var changed = rule.starting()
    do throws(SettingErrors) {
      try changed.apply(StateStorage.split(settings).others)
      try changed.check()
    } catch { throw .group(name: name, error) }
    return changed
  }

  /// `storage` with this group's settings.
  func applied(to storage: StateStorage) throws(OptimizerError) -> StateStorage {
    var changed = storage
    do throws(SettingErrors) {
      try changed.apply(StateStorage.split(settings).own)
    } catch { throw .group(name: name, error) }
    return changed
  }

  /// The optimizer's schedules with this group's own in their places.
  func overriding(
    _ common: [(setting: String, schedule: any Schedule)]
  ) -> [(setting: String, schedule: any Schedule)] {
    let own = Set(schedules.map(\.setting))
    return common.filter { !own.contains($0.setting) } + schedules
  }
}
