import ArgumentParser
import DescentLab
import DescentNN
import DescentTraining
import Foundation

/// `descent train`
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a recipe.",
    discussion: """
      A recipe is a name that `descent recipes` lists, or a YAML file. Any of its keys can be \
      changed:

        descent train gpt --set data.path=book.txt --set optimizer.lr=3e-4

      The run is kept in a folder: the resolved recipe, a line of metrics for each step, checkpoints. \
      Ctrl-C ends the run after the current step, with a checkpoint.

      --resume continues a run that has stopped, with the same bits as if it had not, or for \
      longer. The data, the model and the optimizer stay what they were. Given one of its \
      checkpoints, the run continues from there, and what it did later is dropped.

        descent train --resume runs/gpt-1
        descent train --resume runs/gpt-1 --set steps=4000

      --from begins a new run with the weights of another, or of any safetensors file whose tensors \
      have the model's names and shapes:

        descent train gpt --from runs/gpt-1 --set steps=500

      --quick trains the short form that a recipe declares, to see in seconds that all goes together.
      """)

  @Argument(help: "A built-in recipe or a YAML file.", completion: .file(extensions: ["yaml"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "Continue a run that has stopped, from its last checkpoint or the given one.",
      valueName: "run"),
    completion: .directory)
  var resume: String?

  @OptionGroup var changes: RecipeChanges

  @OptionGroup var start: StartOptions

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("The run's folder (default: runs/<recipe>-<n>).", valueName: "folder"))
  var folder: String?

  @Flag(help: "Train the recipe's short form, as its section `quick` says.")
  var quick = false

  @Flag(help: "Print nothing but errors and the result.")
  var quiet = false

  func validate() throws {
    if recipe == nil, resume == nil {
      throw ValidationError("give a recipe to train, or --resume and the folder of a run")
    }
    if resume != nil, !start.areUnset {
      throw ValidationError("--resume goes on with what the run has: leave out \(start.given)")
    }
    if resume != nil, quick {
      throw ValidationError("--resume goes on with the recipe that the run has: leave out --quick")
    }
    if resume != nil, folder != nil {
      throw ValidationError("--resume continues in the run's own folder: leave out --out")
    }
  }

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    StandardOutput.onlyAccompaniesWork()
    try reportingErrors {
      let (trainer, directory, yaml) = try resume.map(resumed) ?? started(recipe ?? "")
      let given = try Recipe.written(
        yaml: yaml, overrides: changes.assignments, quick: quick)
      for warning in LintReport.warnings(
        of: trainer.recipe, task: trainer.task, given: given)
      {
        writeError("Warning: \(LintPage.line(warning))")
      }
      let result: TrainingResult
      do {
        result = try trainer.run(in: directory, observer: Progress(quiet: quiet))
      } catch let error as RunError where error.isNonFinite {
        diagnose(directory)
        throw error
      }
      output(RunPage.end(result, after: trainer.resumption?.step ?? 0))
      if let target = trainer.recipe.target, let outcome = try? directory.outcome(of: target) {
        output(RunPage.target(outcome), isSpaced: false)
      }
      // A short form shows that all goes together; its few steps say nothing of the training.
      if !result.interrupted, !quick { diagnose(directory) }
      if let warning = result.recomputation?.warning { writeError("Warning: \(warning)") }
      if result.interrupted {
        let failure = StandardOutput.failure
        if let failure { writeError("Error: \(failure)") }
        writeError("interrupted after step \(result.steps); weights are in \(result.checkpoint)")
        writeError("to continue: descent train --resume \(directory.path)")
        if case .refused = failure { throw ExitCode(ExitStatus.internalError) }
        throw ExitCode(ExitStatus.interrupted)
      }
      if !quiet,
        let model = try trainer.recipe.model.languageModel(
          in: directory, of: trainer.recipe)
      {
        output("\na sample of what it writes:\n\(try model.sample(tokens: 300, temperature: 0.8))")
        output("\nmore: descent sample \(directory.path) --prompt \"...\"")
      }
    }
  }

  /// What the run's numbers show; a log that cannot be read fails nothing here.
  private func diagnose(_ directory: RunDirectory) {
    guard !quiet, let diagnosis = try? Diagnosis.read(directory.path).first else { return }
    output(diagnosis.brief(more: "descent diagnose \(directory.path)"))
  }

  private func started(_ recipe: String) throws -> (Trainer, RunDirectory, yaml: String) {
    let (name, yaml) = try findRecipe(recipe)
    var recipe = try Recipe(yaml: yaml, overrides: changes.assignments, quick: quick)
    if let from = start.from { recipe.run.from = from }
    recipe.run.from = try recipe.beginning(partially: start.partial)
    let trainer = try Trainer(recipe)
    let beginnings = try start.apply(to: trainer)
    // What begins with the newest run of a recipe means one of the whole recipe.
    let directory = try RunDirectory(new: folder, name: quick ? "\(name)-quick" : name)
    if !quiet {
      output((["training \(name) in \(directory.path)"] + beginnings).joined(separator: "\n"))
    }
    return (trainer, directory, yaml)
  }

  private func resumed(_ folder: String) throws -> (Trainer, RunDirectory, yaml: String) {
    if recipe != nil { writeError("Note: \(folder) continues with the recipe it was started with") }
    let (directory, checkpoint) = try RunDirectory.find(folder)
    let trainer = try Trainer(
      resuming: directory, checkpoint: checkpoint, overrides: changes.assignments)
    let yaml = try Recipe.text(of: directory.recipe.relativePath)
    guard let resumption = trainer.resumption else { return (trainer, directory, yaml) }
    for file in resumption.passedOver { writeError("Warning: \(file.reason)") }
    if !quiet { output(RunPage.resumed(resumption, in: directory.path), isSpaced: false) }
    return (trainer, directory, yaml)
  }
}
