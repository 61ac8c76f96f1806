// Which groups are in use: those of the plan, and for the scalars and vectors of each a part of its
// own, where weight decay is off. Norms and biases are customarily not decayed, and a group that is
// there for something else (a rule, a learning rate) is no reason to begin.

extension OptimizerPlan {
  /// The groups with the one that takes the rest, and before each its scalars and vectors apart. No
  /// part is made where it would change nothing: where nothing is decayed, where a group says what its
  /// weight_decay is, and where the plan asks for no groups at all.
  var groupsInUse: [ParameterGroup] {
    let groups = groups ?? []
    if self.groups?.isEmpty == true { return [.rest] }
    var names = Set((groups + [.rest]).map(\.name))
    return (groups + [.rest]).flatMap { group -> [ParameterGroup] in
      let ranks = group.match.ranks ?? 0...Int.max
      guard ranks.lowerBound <= 1, decays(group) else { return [group] }
      if ranks.upperBound <= 1 { return [group.vectorsWithoutDecay(called: group.name)] }
      let isRest = group.name == ParameterGroup.rest.name
      var name = isRest ? ParameterGroup.vectorsWithoutDecay.name : "\(group.name).no_decay"
      while !names.insert(name).inserted { name = "\(group.name).\(name)" }
      return [group.vectorsWithoutDecay(called: name), group]
    }
  }

  /// Whether a group has weight decay that it has not asked for itself.
  private func decays(_ group: ParameterGroup) -> Bool {
    let own = group.rule ?? rule
    let isAsked =
      group.settings.contains { $0.name == "weight_decay" }
      || group.rule.map { $0.changes.contains { $0.name == "weight_decay" } } ?? false
      || group.schedules.contains { $0.setting == "weight_decay" }
    func isOn<R: Rule>(_ rule: R) -> Bool {
      group.reading(rule, under: schedules).value.resolved.contains {
        $0.name == "weight_decay" && $0.value != .number(0)
      }
    }
    return !group.isFrozen && !isAsked && isOn(own)
  }

  /// The groups in use for some parameters: a part that takes none is left out, and a group that only
  /// has its scalars and vectors is one with them.
  ///
  /// - Throws: groups of the plan that take no parameter.
  func filledGroups(for parameters: [ParameterInfo]) throws(OptimizerError) -> [ParameterGroup] {
    let all = groupsInUse
    guard let groups else { return all }
    let filled = Set(all.indices(of: parameters))
    func isFilled(_ name: String) -> Bool {
      all.indices.contains { all[$0].name == name && filled.contains($0) }
    }
    var (used, empty): ([ParameterGroup], [OptimizerError]) = ([], [])
    for group in groups {
      let vectors = all.indices.first { all[$0].vectorsOf == group.name && filled.contains($0) }
      switch (vectors, isFilled(group.name)) {
      case (nil, false):
        empty.append(.emptyGroup(name: group.name, match: group.match.description))
      case (nil, true): used.append(group)
      case (let vectors?, let others):
        var part = all[vectors]
        if !others || part.name == group.name {
          (part.name, part.match) = (group.name, group.match)
        }
        used += others && part.name != group.name ? [part, group] : [part]
      }
    }
    if let error = OptimizerError(empty) { throw error }
    let rest = ParameterGroup.rest.name
    let names = Set(groups.map(\.name))
    used += all.indices.filter {
      all[$0].vectorsOf == rest && filled.contains($0) && !names.contains(all[$0].name)
    }.map { all[$0] }
    return used + [.rest]
  }
}

extension [ParameterGroup] {
  /// The index of each parameter's group: the first that matches.
  func indices(of parameters: [ParameterInfo]) -> [Int] {
    parameters.map { parameter in firstIndex { $0.match.matches(parameter) } ?? count - 1 }
  }
}
