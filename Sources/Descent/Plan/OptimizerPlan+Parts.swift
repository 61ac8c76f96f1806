/// What a plan does with some parameters: those of one group in use.
package struct PlanPart: Sendable {
  /// The group; its scalars and vectors are a part of their own where decay is kept off them.
  package let group: ParameterGroup
  /// The number of the group in the plan, from 1; nil for what no group takes.
  package let number: Int?
  /// Whether it was made to keep weight decay off scalars and vectors.
  package let isVectors: Bool
  /// The rule with the group's hyperparameters.
  package let rule: any Rule
  /// How its state is stored.
  package let storage: StateStorage
  /// The schedules that it follows.
  package let schedules: [NamedSchedule]
  /// Its parameters.
  package let parameters: [ParameterInfo]
}

extension OptimizerPlan {
  /// What the plan does with each of some parameters, frozen groups left out; a group without
  /// parameters has no part.
  ///
  /// - Throws: what cannot be set.
  package func parts(for parameters: [ParameterInfo]) throws(OptimizerError) -> [PlanPart] {
    let all = groupsInUse
    let groupOf = all.indices(of: parameters)
    var parts: [PlanPart] = []
    for (index, group) in all.enumerated() where !group.isFrozen {
      let members = zip(parameters, groupOf).filter { $1 == index && $0.trainable }.map(\.0)
      if members.isEmpty { continue }
      let resolved = try resolved(group)
      let name = group.vectorsOf ?? group.name
      parts.append(
        PlanPart(
          group: group, number: groups?.firstIndex { $0.name == name }.map { $0 + 1 },
          isVectors: group.vectorsOf != nil, rule: resolved.rule, storage: resolved.storage,
          schedules: resolved.schedules, parameters: members))
    }
    return parts
  }
}

extension StateStorage {
  /// The format of a slot of a parameter's state.
  package func formatInUse(of slot: Slot, for parameter: ParameterInfo) -> Format {
    format(of: slot, for: parameter).0
  }
}
