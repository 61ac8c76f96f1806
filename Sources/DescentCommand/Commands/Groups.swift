import ArgumentParser
import Descent
import DescentTraining
import Foundation

/// `descent groups`
struct Groups: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show which parameters of a recipe fall into which group, with counts and bytes.",
    discussion: """
      Groups are tried in order, and the first that matches takes a parameter; the rest fall into \
      the group default. A group that matches nothing is an error, one that comes too late for some \
      parameter is noted.
      """)

  @Argument(help: "A built-in recipe or a YAML file.", completion: .file(extensions: ["yaml"]))
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the recipe.", valueName: "key=value"))
  var assignments: [String] = []

  func run() throws {
    try reportingErrors {
      let facts = try Trainer(Recipe(yaml: Train.find(recipe).yaml, overrides: assignments)).facts
      for group in facts.groups where !group.parameters.isEmpty {
        output(group.headline)
        output("  \(bytes(4 * group.count)) of weights, \(bytes(group.stateBytes)) of state")
        if !group.isFrozen { output("  \(group.settings)") }
        let width = group.parameters.map(\.name.count).max() ?? 0
        for member in group.parameters {
          let shape = member.shape.map(String.init).joined(separator: "×")
          output(
            "    \(member.name.padding(toLength: width, withPad: " ", startingAt: 0))  "
              + "\(shape.padding(toLength: 14, withPad: " ", startingAt: 0))"
              + "\(member.role.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0))"
              + "\(grouped(member.count))\(member.treatment.map { "  \($0)" } ?? "")")
        }
      }
      for overlap in facts.overlaps { output("note: \(overlap)") }
      output(
        "\(grouped(facts.parameters)) weights, \(bytes(4 * facts.parameters)); "
          + "\(bytes(facts.stateBytes)) of state")
    }
  }
}
