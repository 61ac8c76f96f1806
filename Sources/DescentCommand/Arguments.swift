import ArgumentParser
import Descent
import DescentFiles
import DescentTraining
import Foundation

/// A recipe and what changes in it.
struct RecipeArguments: ParsableArguments {
  @Argument(help: "A built-in recipe or a YAML file.", completion: .file(extensions: ["yaml"]))
  var recipe: String

  @OptionGroup var changes: RecipeChanges

  /// The recipe, changed and checked, with the name that its run gets.
  func load() throws -> (name: String, recipe: Recipe) {
    try loadRecipe(recipe, changes.assignments)
  }
}

/// Changes of a recipe's keys.
struct RecipeChanges: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the recipe.", valueName: "key=value"))
  var assignments: [String] = []
}

/// A built-in recipe, or a file.
func findRecipe(_ recipe: String) throws -> (name: String, yaml: String) {
  if let yaml = BuiltInRecipes.yaml(recipe) { return (recipe, yaml) }
  if !recipe.hasSuffix(".yaml"), let run = try? RunDirectory(existing: recipe) {
    throw RecipeError(problems: [
      "\(recipe) is the folder of a run: give its recipe, \(run.recipe.relativePath), or continue it "
        + "with 'descent train --resume \(recipe)'"
    ])
  }
  if FileManager.default.fileExists(atPath: recipe) {
    let name = URL(fileURLWithPath: recipe).deletingPathExtension().lastPathComponent
    return (name, try Recipe.text(of: recipe))
  }
  throw MissingRecipe(name: recipe, builtIn: BuiltInRecipes.list.map(\.name))
}

/// There is neither a file nor a built-in recipe of that name.
struct MissingRecipe: Error, CustomStringConvertible {
  let name: String
  let builtIn: [String]

  var description: String {
    let near = nearestName(to: name, among: builtIn)
    return "no file and no built-in recipe is called '\(name)'; "
      + (near.map { "did you mean '\($0)'? " } ?? "")
      + "built in: \(builtIn.joined(separator: ", "))"
  }
}

/// A built-in recipe or a file, changed and checked, with the name that its run gets.
func loadRecipe(
  _ recipe: String, _ assignments: [String]
) throws -> (name: String, recipe: Recipe) {
  let (name, yaml) = try findRecipe(recipe)
  return (name, try Recipe(yaml: yaml, overrides: assignments))
}

/// The byte-order mark that a file begins with, which is no part of its text.
func byteOrderMark(of file: String) -> String {
  let mark = "\u{FEFF}"
  guard let there = try? InputFile(path: file),
    let start = try? there.bytes(0..<min(3, there.count))
  else { return "" }
  return start == Array(mark.utf8) ? mark : ""
}

/// The formats of optimizer state, for help.
let stateFormats = StateStorage.Format.allCases.map(\.rawValue).joined(separator: ", ")

/// The parts of `key=value`, given to `option`.
func splitAssignment(
  _ text: String, of option: String = "--set"
) throws(RecipeError) -> (name: String, text: String) {
  guard let equals = text.firstIndex(of: "=") else {
    throw RecipeError(problems: ["\(option) \(text) must have the form key=value"])
  }
  return (String(text[..<equals]), String(text[text.index(after: equals)...]))
}
