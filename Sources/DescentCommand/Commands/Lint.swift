import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent lint`
struct LintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lint",
    abstract: "Find what is rarely meant in a recipe, before it trains.",
    discussion: """
      Each warning says why, who says so, and what to change. A recipe is the name of a built-in one, \
      a YAML file, or the folder of a run. --fix writes the changes into the file and keeps its \
      comments; what a person has to decide is left alone.

        descent lint gpt --set optimizer.name=lion --set optimizer.lr=1e-3
        descent lint mine.yaml --fix

      Warnings do not change the exit status: 0, or 64 with --strict, as for a recipe that cannot be \
      trained at all.
      """)

  @Argument(
    help: "A built-in recipe, a YAML file, or the folder of a run.",
    completion: .file(extensions: ["yaml"]))
  var recipe: String

  @OptionGroup var changes: RecipeChanges

  @Flag(help: "Write what can be fixed into the file.")
  var fix = false

  @Flag(help: "End with status 64 where there is a warning.")
  var strict = false

  @Flag(help: "Print JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Write the page to a file.", valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var html: String?

  func validate() throws {
    if fix, !changes.assignments.isEmpty {
      throw ValidationError("--fix writes into the file as it stands: leave out --set")
    }
  }

  func run() throws {
    try reportingErrors {
      let (name, yaml) = try found()
      try OutputPaths.check([("--html", html)], keeping: [("the recipe", recipe)])
      if fix { try mend(name, yaml) } else { try show(name, yaml) }
    }
  }

  /// A recipe by name, as a file or as that of a run.
  private func found() throws -> (name: String, yaml: String) {
    if BuiltInRecipes.yaml(recipe) == nil, !recipe.hasSuffix(".yaml"),
      let run = try? RunDirectory(existing: recipe)
    {
      return (recipe, try Recipe.text(of: run.recipe.relativePath))
    }
    return try findRecipe(recipe)
  }

  private func show(_ name: String, _ yaml: String) throws {
    let report = try LintReport(yaml: yaml, overrides: changes.assignments, called: name)
    let page = LintPage.about(report)
    if let html { try OutputFile.write(page.html(), to: html) }
    output(page, json: json)
    if let refusal = report.refusal { throw refusal }
    if strict, !report.warnings.isEmpty { throw ExitCode(ExitStatus.usage) }
  }

  private func mend(_ name: String, _ yaml: String) throws {
    if BuiltInRecipes.yaml(recipe) != nil {
      throw RecipeError(problems: [
        "\(recipe) is built in: write it to a file first, descent recipes \(recipe) > "
          + "\(recipe).yaml, and fix that"
      ])
    }
    if !recipe.hasSuffix(".yaml"), (try? RunDirectory(existing: recipe)) != nil {
      throw RecipeError(problems: [
        "\(recipe) is the folder of a run, whose recipe says what was trained: copy it, and fix the "
          + "copy"
      ])
    }
    let mended = try LintFix(yaml: yaml, called: name)
    if !mended.changes.isEmpty {
      try OutputFile.write(byteOrderMark(of: recipe) + mended.yaml, to: recipe)
    }
    let report = try LintReport(yaml: mended.yaml, called: name)
    let page = LintPage.about(report)
    if let html { try OutputFile.write(page.html(), to: html) }
    if json {
      output(page, json: true)
    } else {
      output(LintPage.about(mended, file: recipe), isSpaced: false)
    }
    if let refusal = report.refusal { throw refusal }
    if strict, !report.warnings.isEmpty { throw ExitCode(ExitStatus.usage) }
  }
}
