import ArgumentParser
import Descent
import DescentLab

/// `descent optimizers`
struct Optimizers: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the optimizers, or explain one.")

  @Argument(help: "The optimizer to explain.")
  var name: String?

  @Flag(help: "Print a JSON array with all there is to know about each.")
  var json = false

  func run() throws {
    try reportingErrors {
      let rules = try name.map { [try Rules.named($0)] } ?? Rules.all
      if json {
        output(JSONValue.array(rules.map { OptimizerPage.about($0).json }).text)
      } else {
        output(name == nil ? OptimizerPage.list() : OptimizerPage.about(rules[0]))
      }
    }
  }
}
