import ArgumentParser
import Descent
import DescentTraining

/// `descent recipes`
struct Recipes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the built-in recipes, or print one to copy and edit.")

  @Argument(help: "The recipe to print.")
  var name: String?

  func run() throws {
    try reportingErrors {
      let all = BuiltInRecipes.list
      guard let name else {
        let width = all.map(\.name.count).max() ?? 0
        for (name, summary) in all {
          output("\(name)\(String(repeating: " ", count: width - name.count))  \(summary)")
        }
        return
      }
      guard let yaml = BuiltInRecipes.yaml(name) else {
        let names = all.map(\.name)
        let hint =
          nearestName(to: name, among: names).map { "did you mean '\($0)'?" }
          ?? "there are: \(names.joined(separator: ", "))"
        throw RecipeError(problems: ["there is no recipe '\(name)'; \(hint)"])
      }
      output(yaml, terminator: "")
    }
  }
}
