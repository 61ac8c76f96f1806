/// A schedule and the hyperparameter that it drives.
public typealias NamedSchedule = (setting: String, schedule: any Schedule)

/// A group as an optimizer uses it: with everything that the plan leaves to others filled in.
struct ResolvedGroup: Sendable {
  let group: ParameterGroup
  /// The rule with the group's hyperparameters.
  let rule: any Rule
  let storage: StateStorage
  let schedules: [NamedSchedule]
}

extension OptimizerPlan {
  /// A group with its rule, its storage and its schedules.
  func resolved(_ group: ParameterGroup) throws(OptimizerError) -> ResolvedGroup {
    func make<R: Rule>(_ own: R) throws(OptimizerError) -> ResolvedGroup {
      let rule = try group.applied(to: own, under: schedules)
      return ResolvedGroup(
        group: group, rule: rule, storage: try group.applied(to: state),
        schedules: schedules(of: group, for: rule).used)
    }
    let own = group.rule ?? rule
    return try make(own)
  }

  /// The schedules of a group with the rule `own`: its own, and the plan's for what it has none for;
  /// and those of the plan's that are set aside, since what they would drive is none.
  private func schedules<R: Rule>(
    of group: ParameterGroup, for own: R
  ) -> (used: [NamedSchedule], setAside: [NamedSchedule]) {
    let rules = [rule] + (groups ?? []).compactMap(\.rule)
    var (used, setAside): ([NamedSchedule], [NamedSchedule]) = ([], [])
    for item in schedules where !group.schedules.contains(where: { $0.setting == item.setting }) {
      // What follows a schedule elsewhere, this group's rule may lack.
      if !R.has(item.setting), rules.contains(where: { type(of: $0).has(item.setting) }) {
        continue
      }
      // No weight decay means none at any time.
      if group.vectorsOf != nil, item.setting == "weight_decay" { continue }
      if let driven = R.scheduled(item.setting), driven.setting.value(own) == .none {
        setAside.append(item)
      } else {
        used.append(item)
      }
    }
    return (used + group.schedules, setAside)
  }

  /// Schedules in use, group by group, and those that are set aside.
  private func schedulesByGroup() -> [(
    group: ParameterGroup, rule: String, used: [NamedSchedule], setAside: [NamedSchedule]
  )] {
    groupsInUse.filter { !$0.isFrozen }.map { group in
      func list<R: Rule>(_ own: R) -> (
        group: ParameterGroup, rule: String, used: [NamedSchedule], setAside: [NamedSchedule]
      ) {
        let (used, setAside) = schedules(of: group, for: group.reading(own, under: schedules).value)
        return (group, R.name, used, setAside)
      }
      let own = group.rule ?? rule
      return list(own)
    }
  }

  /// What can be done, but not all of it as it was asked for: a sentence each.
  ///
  /// A schedule of the plan whose hyperparameter is none (Adafactor's lr, which leaves its steps to
  /// relative_step) is set aside; one with a peak of its own (`max_lr`) takes the place of the value.
  public var warnings: [String] { remarks.map { "\($0.reason); \($0.advice)" } }

  /// The same, with the setting that is not used as it was asked for.
  package var remarks: [PlanRemark] {
    var found: [PlanRemark] = []
    for (group, rule, used, setAside) in schedulesByGroup() {
      let place = group.rule == nil ? "" : " of group '\(quotable(group.name))'"
      for (setting, schedule) in setAside {
        found.append(
          PlanRemark(
            setting: setting, isReplaced: false,
            reason: "\(setting) of \(rule)\(place) is none, so the schedule "
              + "\(type(of: schedule).name) is set aside",
            advice: "give \(setting) a value to use it"))
      }
      for (setting, schedule) in used {
        guard let peak = schedule.ownPeak, let base = try? base(of: setting, in: group),
          base != peak.value
        else { continue }
        let name = group.changes(setting) ? " of group '\(quotable(group.name))'" : ""
        found.append(
          PlanRemark(
            setting: setting, isReplaced: true,
            reason: "\(peak.setting)=\(SettingValue.text(of: peak.value)) of "
              + "\(type(of: schedule).name) takes the place of "
              + "\(setting)=\(SettingValue.text(of: base))\(name)",
            advice: "leave out \(peak.setting) to use \(setting)"))
      }
    }
    return found.enumerated().filter { !found[..<$0].contains($1) }.map(\.element)
  }

  /// Whether some group follows the plan's schedule of a hyperparameter.
  func uses(scheduleOf setting: String) -> Bool {
    schedulesByGroup().contains { $0.used.contains { $0.setting == setting } }
  }

  /// The schedules that some group follows, each once, with what they drive: `lr`, or
  /// `lr of group head`.
  public var schedulesInUse: [NamedSchedule] {
    schedules.filter { uses(scheduleOf: $0.setting) }
      + (groups ?? []).filter { !$0.isFrozen }.flatMap { group in
        group.schedules.map { ("\($0.setting) of group \(group.name)", $0.schedule) }
      }
  }

  /// The number that a schedule drives in a group.
  private func base(of setting: String, in group: ParameterGroup) throws(OptimizerError) -> Double?
  {
    func read<R: Rule>(_ rule: R) -> Double? {
      R.scheduled(setting)?.paths.first.map { rule[keyPath: $0] }
    }
    let rule = try resolved(group).rule
    return read(rule)
  }

  /// What is wrong with the groups in use: with their hyperparameters, their storage and their
  /// schedules. What is wrong with the plan's own rule is not repeated for each.
  ///
  /// - Parameter ruleIsKnown: false where ``rule`` stands for one that could not be found, which
  ///   says nothing of groups without a rule of their own.
  func groupProblems(ruleIsKnown: Bool = true) -> [OptimizerError] {
    let names = groupsInUse.map(\.name)
    var problems: [OptimizerError] = names.indices.compactMap { i in
      names[..<i].contains(names[i]) ? .duplicateGroup(names[i]) : nil
    }
    func add<R: Rule>(_ own: R, _ group: ParameterGroup) {
      let inherited = group.rule == nil ? own.mistakes(under: schedules) : []
      let (rule, ruleErrors) = group.reading(own, under: schedules)
      let storageErrors = group.reading(StateStorage.split(group.settings).own, into: state).errors
      let errors = ruleErrors.filter { !inherited.contains($0) } + storageErrors
      var found: [OptimizerError] =
        errors.isEmpty ? [] : [.group(name: group.name, SettingErrors(errors))]
      for schedule in schedules(of: group, for: rule).used where !group.isFrozen {
        do throws(OptimizerError) {
          _ = try ScheduledSettings([schedule], of: rule)
        } catch { found.append(group.changes(schedule.setting) ? error.inside(group) : error) }
      }
      found += group.schedules.compactMap { setting, schedule in
        schedule.mistakes.isEmpty
          ? nil
          : OptimizerError.settings(
            of: Self.section(ofSchedule: setting), SettingErrors(schedule.mistakes)
          )
          .inside(group)
      }
      problems += found.filter { !problems.contains($0) }
    }
    // What is wrong with a group is not repeated for its scalars and vectors.
    let whole = groupsInUse.filter { $0.vectorsOf == nil || $0.vectorsOf == $0.name }
    for group in whole where ruleIsKnown || group.rule != nil {
      let own = group.rule ?? rule
      add(own, group)
    }
    return problems
  }

  /// The groups for some parameters, and each parameter's group by its index.
  ///
  /// - Throws: what ``check()`` throws, repeated names, and groups that take no parameter.
  func resolved(
    for parameters: [ParameterInfo]
  ) throws(OptimizerError) -> (groups: [ResolvedGroup], groupOf: [Int]) {
    var problems = problems
    var names = Set<String>()
    for parameter in parameters where !names.insert(parameter.name).inserted {
      problems.append(.duplicateParameter(parameter.name))
    }
    if let error = OptimizerError(problems) { throw error }
    var all = try filledGroups(for: parameters)
    if let decay = layers.decay {
      all = try ParameterGroup.layerwise(decay, all.dropLast(), parameters, rule) + [.rest]
    }
    let groupOf = all.indices(of: parameters)
    if !parameters.isEmpty,
      zip(parameters, groupOf).allSatisfy({ !$0.trainable || all[$1].isFrozen })
    {
      throw .everythingFrozen
    }
    var resolved: [ResolvedGroup] = []
    for group in all { resolved.append(try self.resolved(group)) }
    return (resolved, groupOf)
  }

  /// Whether each of some parameters is trained, rather than in a frozen group.
  ///
  /// - Throws: as an ``Optimizer`` for them.
  public func trained(_ parameters: [ParameterInfo]) throws(OptimizerError) -> [Bool] {
    let (groups, groupOf) = try resolved(for: parameters)
    return zip(parameters, groupOf).map { $0.trainable && !groups[$1].group.isFrozen }
  }

  /// The hyperparameters of a group before any schedule, all of them.
  ///
  /// - Throws: ``OptimizerError`` for what cannot be set.
  public func settings(
    of group: ParameterGroup
  ) throws(OptimizerError) -> [(name: String, value: SettingValue)] {
    try resolved(group).rule.resolved
  }

  /// The values that schedules give the hyperparameters of a group, as an ``Optimizer`` sets them
  /// at each step.
  ///
  /// - Throws: ``OptimizerError`` for what cannot be set or scheduled.
  public func scheduledValues(
    of group: ParameterGroup
  ) throws(OptimizerError) -> ScheduledValues {
    let resolved = try resolved(group)
    func make<R: Rule>(_ rule: R) throws(OptimizerError) -> ScheduledValues {
      let scheduled = try ScheduledSettings(resolved, of: rule)
      return ScheduledValues(schedules: resolved.schedules) { scheduled.values($0) }
    }
    return try make(resolved.rule)
  }
}

/// Something that a plan does otherwise than it was asked for.
package struct PlanRemark: Sendable, Equatable {
  /// The setting that is not used as it was asked for.
  package let setting: String
  /// Whether another value takes the place of its own.
  package let isReplaced: Bool
  /// What happens.
  package let reason: String
  /// What to do.
  package let advice: String
}

/// The hyperparameters that schedules drive, as functions of the step.
public struct ScheduledValues: Sendable {
  /// The schedules, by what they drive.
  public let schedules: [NamedSchedule]
  private let values: @Sendable (Int) -> [(name: String, value: SettingValue)]

  init(
    schedules: [NamedSchedule],
    _ values: @escaping @Sendable (Int) -> [(name: String, value: SettingValue)]
  ) {
    (self.schedules, self.values) = (schedules, values)
  }

  /// The values that step `step` + 1 uses, by setting.
  public func callAsFunction(at step: Int) -> [(name: String, value: SettingValue)] {
    values(step)
  }
}

extension Rule {
  /// Whether it has the setting that a schedule names, `betas[0]` by `betas`.
  fileprivate static func has(_ scheduled: String) -> Bool {
    settings.contains { $0.name == scheduled.prefix { $0 != "[" } }
  }
}

extension OptimizerError {
  /// The same of a group that changes what is refused.
  func inside(_ group: ParameterGroup) -> OptimizerError {
    guard case .settings(let section, let errors) = self else { return self }
    return .group(name: group.name, SettingErrors(errors.errors.map { $0.inside(section) }))
  }
}

extension ParameterGroup {
  /// Whether the group says itself what a hyperparameter is, or what it follows.
  func changes(_ setting: String) -> Bool {
    rule != nil || schedules.contains { $0.setting == setting }
      || settings.contains { $0.name == setting.prefix { $0 != "[" } }
  }

  /// What no other group takes.
  public static let rest = ParameterGroup("default", ParameterMatch())

  /// `rule` with this group's hyperparameters, some of which follow schedules.
  func applied<R: Rule>(
    to rule: R, under schedules: [NamedSchedule] = []
  ) throws(OptimizerError) -> R {
    try refusing(reading(rule, under: schedules))
  }

  /// `storage` with this group's settings.
  func applied(to storage: StateStorage) throws(OptimizerError) -> StateStorage {
    try refusing(reading(StateStorage.split(settings).own, into: storage))
  }

  /// `rule` with this group's hyperparameters as far as they can be read, and what is wrong.
  func reading<R: Rule>(
    _ rule: R, under schedules: [NamedSchedule] = []
  ) -> (value: R, errors: [SettingError]) {
    // The plan's rule was declared by the plan; a rule of the group's own is declared here.
    let isOwn = self.rule != nil
    var changed = isOwn ? rule : rule.rememberingDeclaredSettings()
    var errors = changed.assign(StateStorage.split(settings).others)
    if errors.isEmpty { errors = changed.mistakes(under: schedules + self.schedules) }
    return (isOwn ? changed.rememberingDeclaredSettings() : changed, errors)
  }

  fileprivate func reading<T: Configurable>(
    _ texts: [SettingText], into value: T
  ) -> (value: T, errors: [SettingError]) {
    var changed = value
    do throws(SettingErrors) {
      try changed.apply(texts)
      return (changed, [])
    } catch { return (changed, error.errors) }
  }

  private func refusing<T>(
    _ read: (value: T, errors: [SettingError])
  ) throws(OptimizerError) -> T {
    guard read.errors.isEmpty else { throw .group(name: name, SettingErrors(read.errors)) }
    return read.value
  }
}
