import ArgumentParser
import DescentLab
import DescentTraining

/// `descent groups`
struct Groups: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show which parameters of a recipe fall into which group, with counts and bytes.",
    discussion: """
      Groups are tried in order, and the first one that matches takes the parameter. The rest fall \
      into the group "default". A group that matches nothing is an error; a group that comes too \
      late for some of its parameters is noted.
      """)

  @OptionGroup var recipe: RecipeArguments

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try reportingErrors {
      let (name, recipe) = try recipe.load()
      output(GroupsPage.about(try Trainer(recipe).facts, recipe: name), json: json)
    }
  }
}
