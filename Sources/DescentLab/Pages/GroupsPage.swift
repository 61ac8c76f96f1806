import Descent
public import DescentTraining

/// Which parameter falls into which group.
public enum GroupsPage {
  /// Every group with its members, their numbers and bytes.
  public static func about(_ facts: RunFacts, recipe: String) -> Document {
    Document(
      "Parameter groups of \(recipe)",
      [
        .sections(facts.filledGroups.map { section($0, of: facts) }, key: "groups"),
        .list(facts.overlaps, .notes, key: "overlaps"),
        .paragraph(
          "\(counted(facts.parameters, "weight")), \(bytes(4 * facts.parameters)); "
            + "\(bytes(facts.stateBytes)) of state"),
        .data([
          ("weights", .integer(facts.parameters)), ("weightBytes", .integer(4 * facts.parameters)),
          ("stateBytes", .integer(facts.stateBytes)),
        ]),
      ])
  }

  private static func section(_ group: RunFacts.Group, of facts: RunFacts) -> Section {
    let members = Table(
      [
        .init("name", "parameter"), .init("shape"), .init("role"), .number("weights"),
        .init("update"),
      ], key: "parameters",
      rows: group.parameters.map { member in
        [
          .text(member.name), .shape(member.shape),
          .text(member.role.rawValue), .count(member.count),
          member.updateName.map(Table.Cell.text) ?? .nothing,
        ]
      })
    let sizes = "\(bytes(4 * group.count)) of weights, \(bytes(group.stateBytes)) of state"
    return Section(
      facts.headline(of: group),
      [
        .data([
          ("name", .text(group.name)), ("match", .text(group.match)), ("rule", .text(group.rule)),
          ("frozen", .flag(group.isFrozen)), ("settings", .text(group.settings)),
          ("weights", .integer(group.count)), ("weightBytes", .integer(4 * group.count)),
          ("stateBytes", .integer(group.stateBytes)),
        ]),
        .paragraph(group.isFrozen ? sizes : sizes + "\n" + group.settings.withShortNumbers),
        .table(members),
      ])
  }
}

extension RunFacts {
  /// The groups that took a parameter.
  var filledGroups: [Group] { groups.filter { !$0.parameters.isEmpty } }

  /// `group default (the rest), adamw: 18 tensors, 804,096 weights`
  func headline(of group: Group) -> String {
    let isRest = group.match == ParameterGroup.rest.match.description && filledGroups.count > 1
    // A group that nobody named is called "group 1".
    let name = group.name.hasPrefix("group ") ? group.name : "group \(group.name)"
    return "\(name) (\(isRest ? "the rest" : group.match)), "
      + "\(group.isFrozen ? "frozen" : group.rule): "
      + "\(counted(group.parameters.count, "tensor")), \(counted(group.count, "weight"))"
  }
}
