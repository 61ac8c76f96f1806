import ArgumentParser
import Descent
import DescentLab
import DescentTraining

/// `descent recipes`
struct Recipes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the built-in recipes, or print one to copy and edit.")

  @Argument(help: "The recipe to print, as YAML.")
  var name: String?

  @Flag(help: "Print the list as JSON.")
  var json = false

  func validate() throws {
    if json, name != nil { throw ValidationError("--json is for the list: a recipe is YAML") }
  }

  func run() throws {
    try reportingErrors {
      guard let name else { return output(RecipePage.list(), json: json) }
      guard let yaml = BuiltInRecipes.yaml(name) else {
        let names = BuiltInRecipes.list.map(\.name)
        let hint = hint(for: name, among: names)
        throw RecipeError(problems: ["there is no recipe '\(name)'; \(hint)"])
      }
      output(yaml, terminator: "")
    }
  }
}
