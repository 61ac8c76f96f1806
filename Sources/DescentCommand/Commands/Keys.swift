import ArgumentParser
import DescentLab

/// `descent keys`
struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the keys of recipes, with defaults and meanings.",
    discussion: """
      All of them, or those of a section, of a kind of model, data or average, or of one name:

        descent keys evaluate
        descent keys gpt
        descent keys weights.rounding
      """)

  @Argument(help: "A section, a kind of thing or a key.")
  var name: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try reportingErrors { output(try KeysPage.about(name), json: json) }
  }
}
