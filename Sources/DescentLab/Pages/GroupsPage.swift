import Descent
public import DescentTraining

/// Which parameter falls into which group.
public enum GroupsPage {
  /// Every group with its members, their numbers and bytes.
  public static func about(_ facts: RunFacts, recipe: String) -> Document {
    Document(
      "Parameter groups of \(recipe)",
      [
        .sections(facts.groups.filter { !$0.parameters.isEmpty }.map(section), key: "groups"),
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

  private static func section(_ group: RunFacts.Group) -> Section {
    let members = Table(
      [
        .init("name", "parameter"), .init("shape"), .init("role"), .number("weights"),
        .init("treatment"),
      ], key: "parameters",
      rows: group.parameters.map { member in
        [
          .text(member.name), .shape(member.shape),
          .text(member.role.rawValue), .count(member.count),
          member.treatment.map(Table.Cell.text) ?? .nothing,
        ]
      })
    let sizes = "\(bytes(4 * group.count)) of weights, \(bytes(group.stateBytes)) of state"
    return Section(
      group.headline,
      [
        .data([
          ("name", .text(group.name)), ("match", .text(group.match)), ("rule", .text(group.rule)),
          ("frozen", .flag(group.isFrozen)), ("settings", .text(group.settings)),
          ("weights", .integer(group.count)), ("weightBytes", .integer(4 * group.count)),
          ("stateBytes", .integer(group.stateBytes)),
        ]),
        .paragraph(group.isFrozen ? sizes : sizes + "\n" + group.settings),
        .table(members),
      ])
  }
}

extension RunFacts.Group {
  /// `group default (everything else), adamw: 18 tensors, 804,096 weights`
  var headline: String {
    "group \(name) (\(match)), \(isFrozen ? "frozen" : rule): "
      + "\(counted(parameters.count, "tensor")), \(counted(count, "weight"))"
  }
}
