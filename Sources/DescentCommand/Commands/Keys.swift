import ArgumentParser
import DescentLab

/// `descent keys`
struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the keys of recipes, with defaults and meanings.",
    discussion: """
      Those of all sections but optimizers and schedules, or those of one section, of one kind of \
      model, data, optimizer, schedule and so on, or a single key:

        descent keys evaluate
        descent keys gpt
        descent keys weights.rounding
      """)

  @Argument(help: "A section, a kind such as gpt, or a key.")
  var name: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try reportingErrors { output(try KeysPage.about(name), json: json) }
  }
}
