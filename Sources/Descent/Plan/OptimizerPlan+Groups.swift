/// A group as an optimizer uses it: with everything that the plan leaves to others filled in.
struct ResolvedGroup: Sendable {
  let group: ParameterGroup
  /// The rule with the group's hyperparameters.
  let rule: any Rule
  let storage: StateStorage
  let schedules: [(setting: String, schedule: any Schedule)]
}

extension OptimizerPlan {
  /// The groups with the one that takes the rest. The customary one is left out where it would change
  /// nothing.
  var groupsInUse: [ParameterGroup] {
    let customary: [ParameterGroup] = rule.decaysWeights ? [.vectorsWithoutDecay] : []
    return (groups ?? customary) + [.rest]
  }

  /// A group with its rule, its storage and its schedules.
  func resolved(_ group: ParameterGroup) throws(OptimizerError) -> ResolvedGroup {
    let rules = [rule] + (groups ?? []).compactMap(\.rule)
    func make<R: Rule>(_ own: R) throws(OptimizerError) -> ResolvedGroup {
      let changed = try group.applied(to: own)
      // What follows a schedule elsewhere, this group's rule may lack.
      let common = schedules.filter { item in
        R.has(item.setting) || !rules.contains { type(of: $0).has(item.setting) }
      }
      let schedules = group.overriding(common)
      _ = try ScheduledSettings(schedules, of: changed)
      return ResolvedGroup(
        group: group, rule: changed, storage: try group.applied(to: state), schedules: schedules)
    }
    if let own = group.rule { return try make(own) }
    return try make(rule)
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
    let all =
      if let decay = layers.decay {
        try ParameterGroup.layerwise(decay, groups ?? [.vectorsWithoutDecay], parameters, rule)
          + [.rest]
      } else { groupsInUse }
    let groupOf = parameters.map { parameter in
      all.firstIndex { $0.match.matches(parameter) } ?? all.count - 1
    }
    if groups != nil {
      for (index, group) in all.dropLast().enumerated() where !groupOf.contains(index) {
        throw .emptyGroup(name: group.name, match: group.match.description)
      }
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

  /// The values that schedules give the hyperparameters of a group, as an ``Optimizer`` sets them at
  /// each step.
  ///
  /// - Throws: ``OptimizerError`` for what cannot be set or scheduled.
  public func scheduledValues(
    of group: ParameterGroup
  ) throws(OptimizerError) -> ScheduledValues {
    let resolved = try resolved(group)
    func make<R: Rule>(_ rule: R) throws(OptimizerError) -> ScheduledValues {
      let scheduled = try ScheduledSettings(resolved.schedules, of: rule)
      return ScheduledValues { scheduled.values($0) }
    }
    return try make(resolved.rule)
  }
}

/// The hyperparameters that schedules drive, as functions of the step.
public struct ScheduledValues: Sendable {
  private let values: @Sendable (Int) -> [(name: String, value: SettingValue)]

  init(_ values: @escaping @Sendable (Int) -> [(name: String, value: SettingValue)]) {
    self.values = values
  }

  /// The values that step `step` + 1 uses, by setting.
  public func callAsFunction(at step: Int) -> [(name: String, value: SettingValue)] {
    values(step)
  }
}

extension Rule {
  /// Whether some hyperparameter called `weight_decay` is on.
  fileprivate var decaysWeights: Bool {
    resolved.contains { $0.name == "weight_decay" && $0.value != .number(0) }
  }

  /// Whether it has the setting that a schedule names, `betas[0]` by `betas`.
  fileprivate static func has(_ scheduled: String) -> Bool {
    settings.contains { $0.name == scheduled.prefix { $0 != "[" } }
  }
}

extension ParameterGroup {
  /// What no other group takes.
  public static let rest = ParameterGroup("default", ParameterMatch())

  /// `rule` with this group's hyperparameters.
  func applied<R: Rule>(to rule: R) throws(OptimizerError) -> R {
    var changed = rule.rememberingDeclaredSettings()
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
  fileprivate func overriding(
    _ common: [(setting: String, schedule: any Schedule)]
  ) -> [(setting: String, schedule: any Schedule)] {
    let own = Set(schedules.map(\.setting))
    return common.filter { !own.contains($0.setting) } + schedules
  }
}
