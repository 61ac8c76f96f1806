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

      Configurations of other tools are read too: TrainingArguments of Hugging Face (JSON or YAML), \
      kohya's TOML, OneTrainer's JSON, axolotl's YAML. Then the page has the true learning-rate \
      curve, the examples and steps, what the tool does without saying so, and an equivalent recipe. \
      Such a file is read and never changed, also with --fix.

        descent lint training_args.json --examples 52000 --ranks 4

      Warnings do not change the exit status: 0, or 64 with --strict, as for a recipe that cannot be \
      trained at all.
      """)

  @Argument(
    help: "A built-in recipe, a file, or the folder of a run.", completion: .file())
  var recipe: String

  @OptionGroup var changes: RecipeChanges

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of another tool's configuration: the examples in a pass over the data.", valueName: "n"))
  var examples: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of another tool's configuration: the processes that share a step.", valueName: "n"))
  var ranks: Int?

  @Flag(help: "Write what can be fixed into the file.")
  var fix = false

  @Flag(help: "End with status 64 where there is a warning.")
  var strict = false

  @OptionGroup var page: PageOptions

  func validate() throws {
    if recipe.isEmpty { throw ValidationError("the name of the recipe is empty") }
    if fix, !changes.assignments.isEmpty {
      throw ValidationError("--fix writes into the file as it stands: leave out --set")
    }
    for (option, value) in [("--examples", examples), ("--ranks", ranks)] {
      if let value, !(1...1_000_000_000_000).contains(value) {
        throw ValidationError("\(option) \(value) must be from 1 to 1e12")
      }
    }
  }

  func run() throws {
    try reportingErrors {
      try OutputPaths.check([page.use], keeping: [("the recipe", recipe)])
      if let configuration = try configuration() { return try show(configuration) }
      let (name, yaml) = try found()
      if examples != nil || ranks != nil {
        // What is wrong with the file comes first.
        _ = try Recipe(yaml: yaml)
        throw RecipeError(problems: [
          "--examples and --ranks are for configurations of other tools: a recipe says its own"
        ])
      }
      if fix { try mend(name, yaml) } else { try show(name, yaml) }
    }
  }

  private var isBuiltIn: Bool { BuiltInRecipes.yaml(recipe) != nil }

  /// The folder of a run that is given; nil for anything else.
  private var directory: RunDirectory? {
    isBuiltIn || recipe.hasSuffix(".yaml") ? nil : try? RunDirectory(existing: recipe)
  }

  /// The configuration of another tool that is given: what is in the file decides, not its name.
  private func configuration() throws -> ForeignConfiguration? {
    guard !isBuiltIn, directory == nil, FileManager.default.fileExists(atPath: recipe) else {
      return nil
    }
    return try ForeignConfiguration.read(path: recipe, examples: examples, ranks: ranks)
  }

  private func show(_ configuration: ForeignConfiguration) throws {
    let refusal = RecipeError(problems: [
      "\(recipe) is a configuration of \(configuration.tool), which lint reads and does not change: "
        + (fix ? "make the changes above yourself" : "leave out --set")
    ])
    if !changes.assignments.isEmpty { throw refusal }
    let name = URL(fileURLWithPath: recipe).lastPathComponent
    let report = try LintReport(configuration, called: name)
    try finish(report, LintPage.about(report, of: configuration))
    if fix { throw refusal }
  }

  /// A recipe by name, as a file or as that of a run.
  private func found() throws -> (name: String, yaml: String) {
    guard let directory else { return try findRecipe(recipe) }
    return (recipe, try Recipe.text(of: directory.recipe.relativePath))
  }

  private func show(_ name: String, _ yaml: String) throws {
    let report = try LintReport(yaml: yaml, overrides: changes.assignments, called: name)
    try finish(report, LintPage.about(report))
  }

  private func mend(_ name: String, _ yaml: String) throws {
    if isBuiltIn {
      throw RecipeError(problems: [
        "\(recipe) is built in: write it to a file first, descent recipes \(recipe) > "
          + "\(recipe).yaml, and fix that"
      ])
    }
    if directory != nil {
      throw RecipeError(problems: [
        "\(recipe) is the folder of a run, whose recipe says what was trained: copy it, and fix the "
          + "copy"
      ])
    }
    let mended = try LintFix(yaml: yaml, called: name)
    if !mended.changes.isEmpty {
      try OutputFile.write(byteOrderMark(of: recipe) + mended.yaml, to: recipe)
    }
    if !page.json { output(LintPage.about(mended, file: recipe), isSpaced: false) }
    let report = try LintReport(yaml: mended.yaml, called: name)
    try finish(report, LintPage.about(report), isPrinted: page.json)
  }

  /// Writes and prints the page, and ends as the warnings ask for.
  private func finish(_ report: LintReport, _ document: Document, isPrinted: Bool = true) throws {
    try page.show(document, isPrinted: isPrinted)
    if let refusal = report.refusal { throw refusal }
    if strict, !report.warnings.isEmpty { throw ExitCode(ExitStatus.usage) }
  }
}
