/// A group as an optimizer uses it: with everything that the plan leaves to others filled in.
struct ResolvedGroup: Sendable {
  let group: ParameterGroup
  /// The rule with the group's hyperparameters.
  let rule: any Rule
  let storage: StateStorage
  let schedules: [(setting: String, schedule: any Schedule)]
}

extension OptimizerPlan {
  /// The groups with the one that takes the rest. The customary one is left out where it would
  /// change nothing.
  var groupsInUse: [ParameterGroup] {
    let customary: [ParameterGroup] = rule.decaysWeights ? [.vectorsWithoutDecay] : []
    return (groups ?? customary) + [.rest]
  }

  /// A group with its rule, its storage and its schedules.
  func resolved(_ group: ParameterGroup) throws(OptimizerError) -> ResolvedGroup {
    func make<R: Rule>(_ own: R) throws(OptimizerError) -> ResolvedGroup {
      ResolvedGroup(
        group: group, rule: try group.applied(to: own), storage: try group.applied(to: state),
        schedules: schedules(of: group, R.self))
    }
    let own = group.rule ?? rule
    return try make(own)
  }

  /// The schedules of a group: its own, and the plan's for what it has none for.
  private func schedules<R: Rule>(
    of group: ParameterGroup, _: R.Type
  ) -> [(setting: String, schedule: any Schedule)] {
    let rules = [rule] + (groups ?? []).compactMap(\.rule)
    let own = Set(group.schedules.map(\.setting))
    // What follows a schedule elsewhere, this group's rule may lack.
    return schedules.filter { item in
      !own.contains(item.setting)
        && (R.has(item.setting) || !rules.contains { type(of: $0).has(item.setting) })
    } + group.schedules
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
      let inherited = group.rule == nil ? own.mistakes : []
      let (rule, ruleErrors) = group.reading(own)
      let storageErrors = group.reading(StateStorage.split(group.settings).own, into: state).errors
      let errors = ruleErrors.filter { !inherited.contains($0) } + storageErrors
      var found: [OptimizerError] =
        errors.isEmpty ? [] : [.group(name: group.name, SettingErrors(errors))]
      for schedule in schedules(of: group, R.self) {
        do throws(OptimizerError) {
          _ = try ScheduledSettings([schedule], of: rule)
        } catch { found.append(error) }
      }
      problems += found.filter { !problems.contains($0) }
    }
    for group in groupsInUse where ruleIsKnown || group.rule != nil {
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
    let all =
      if let decay = layers.decay {
        try ParameterGroup.layerwise(decay, groupsInUse.dropLast(), parameters, rule) + [.rest]
      } else { groupsInUse }
    let groupOf = parameters.map { parameter in
      all.firstIndex { $0.match.matches(parameter) } ?? all.count - 1
    }
    if groups != nil {
      let empty = all.indices.dropLast().filter { !groupOf.contains($0) }.map { all[$0] }
      if let error = OptimizerError(
        empty.map { .emptyGroup(name: $0.name, match: $0.match.description) })
      {
        throw error
      }
    }
    let trainable = parameters.indices.filter { parameters[$0].trainable }
    if !trainable.isEmpty, trainable.allSatisfy({ all[groupOf[$0]].isFrozen }) {
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
    try refusing(reading(rule))
  }

  /// `storage` with this group's settings.
  func applied(to storage: StateStorage) throws(OptimizerError) -> StateStorage {
    try refusing(reading(StateStorage.split(settings).own, into: storage))
  }

  /// `rule` with this group's hyperparameters as far as they can be read, and what is wrong.
  func reading<R: Rule>(_ rule: R) -> (value: R, errors: [SettingError]) {
    // The plan's rule was declared by the plan; a rule of the group's own is declared here.
    let isOwn = self.rule != nil
    var (changed, errors) = reading(
      StateStorage.split(settings).others, into: isOwn ? rule : rule.rememberingDeclaredSettings())
    if errors.isEmpty { errors = changed.mistakes }
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

extension Configurable {
  /// What ``check()`` throws.
  fileprivate var mistakes: [SettingError] {
    do throws(SettingErrors) {
      try check()
      return []
    } catch { return error.errors }
  }
}
