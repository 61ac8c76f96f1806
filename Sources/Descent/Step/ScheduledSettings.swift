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
        guard let cycled = R.cycledMomentum else {
          throw .noMomentum(rule: R.name, schedule: type(of: schedule).name)
        }
        try add(cycled, momentum)
      }
      try add(name, schedule)
    }
  }

  /// Those of a group, on its rule.
  init(_ group: ResolvedGroup, of rule: R) throws(OptimizerError) {
    do throws(OptimizerError) {
      try self.init(group.schedules, of: rule)
    } catch { throw group.group.changes("lr") ? error.inside(group.group) : error }
  }

  private mutating func add(
    _ name: String, _ schedule: any Schedule
  ) throws(OptimizerError) {
    guard let (setting, paths) = R.scheduled(name) else {
      throw .notSchedulable(
        setting: name, rule: R.name, valid: R.settings.filter { !$0.numbers.isEmpty }.map(\.name))
    }
    guard setting.value(declared) != .none else {
      throw .scheduleOfNone(setting: name, rule: R.name)
    }
    // What is off may be switched on by its schedule; a learning rate of 0 is none.
    for base in paths.map({ declared[keyPath: $0] }) where base != 0 || name == "lr" {
      if let objection = schedule.objection(base: base) {
        let sentence = objection.sentence(driving: name, base)
        throw .settings(
          of: OptimizerPlan.section(ofSchedule: name), SettingErrors([.contradiction(sentence)]))
      }
    }
    for path in paths {
      if let problem = schedule.overflow(driving: name, declared[keyPath: path]) {
        throw .settings(
          of: OptimizerPlan.section(ofSchedule: name), SettingErrors([.contradiction(problem)]))
      }
    }
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
    let declaredSlots = declared.slots(for: parameter)
    if entries.isEmpty { return declaredSlots }
    // What the declared rule has too begins as declared. There may be thousands.
    let known = Dictionary(declaredSlots.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    let working = declared.switchedOn(entries.flatMap(\.paths))
    return working.slots(for: parameter).map { known[$0.name] ?? $0 }
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

extension Rule {
  /// The setting that a schedule of `name` drives, and its numbers: all of them, or with `betas[0]`
  /// one; nil where there is nothing to drive.
  static func scheduled(
    _ name: String
  ) -> (setting: Setting<Self>, paths: [SettingPath<Self, Double>])? {
    let plain = name.prefix { $0 != "[" }
    guard let setting = settings.first(where: { $0.name == plain }), !setting.numbers.isEmpty
    else { return nil }
    if plain.count == name.count { return (setting, setting.numbers) }
    guard name.hasSuffix("]"), let index = Int(name.dropFirst(plain.count + 1).dropLast()),
      setting.numbers.indices.contains(index)
    else { return nil }
    return (setting, [setting.numbers[index]])
  }

  /// The number that schedules cycle beside the learning rate.
  static var cycledMomentum: String? {
    let names = settings.map(\.name)
    return names.contains("betas") ? "betas[0]" : names.contains("momentum") ? "momentum" : nil
  }

  /// The rule with none of some numbers at 0.
  func switchedOn(_ paths: [SettingPath<Self, Double>]) -> Self {
    var working = self
    for path in paths where working[keyPath: path] == 0 {
      working[keyPath: path] = .leastNormalMagnitude
    }
    return working
  }

  /// What its own declarations refuse; what follows a schedule is not 0 when they are held against
  /// each other.
  func mistakes(
    under schedules: [(setting: String, schedule: any Schedule)]
  ) -> [SettingError] {
    var copy = self
    let errors = copy.assign(resolved.map { ($0.name, $0.value.description) })
    if !errors.isEmpty { return errors }
    let driven = schedules.flatMap { name, schedule in
      let momentum = name == "lr" && schedule.momentum != nil ? Self.cycledMomentum : nil
      let found = [name, momentum].compactMap { $0.flatMap(Self.scheduled) }
      return found.filter { $0.setting.value(copy) != .none }.flatMap(\.paths)
    }
    do throws(SettingError) { try copy.switchedOn(driven).validate() } catch { return [error] }
    return []
  }
}

extension Schedule {
  /// Why a value that starts from `base` is not finite all along; nil where it is, at the beginning, in the
  /// middle and at the end.
  package func overflow(driving name: String, _ base: Double) -> String? {
    // What is wrong in itself is said elsewhere; a function of the caller's is asked for no step that no
    // run takes.
    guard mistakes.isEmpty, !hasFunction else { return nil }
    let places = [0, 1, 2, 4, 8, 16] + (end.map { [$0 / 2, max(0, $0 - 1)] } ?? [])
    guard let step = places.first(where: { !value(at: $0, base: base).isFinite }) else {
      return nil
    }
    let result = value(at: step, base: base).isNaN ? "NaN" : "infinite"
    return
      "\(Self.name) makes \(name) \(result) by step \(step + 1): one of its numbers is too large"
  }
}
