import ArgumentParser
import Descent
import DescentNN
import DescentTraining
import Foundation

/// `descent train`
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a recipe.",
    discussion: """
      A recipe is a name that `descent recipes` lists, or a YAML file. Any of its keys can be \
      changed: descent train gpt --set data.path=book.txt --set optimizer.lr=3e-4

      The run is kept in a folder: the resolved recipe, one line of metrics a step, checkpoints. \
      Ctrl-C ends it after the step, with a checkpoint.

      A run that has stopped goes on, with the same bits as if it had not: \
      descent train --resume runs/gpt-1, and for longer with --set steps=4000. The data, the model \
      and the kind of optimizer stay what they were. Give one of its checkpoints to go back to it: \
      what the run did later is dropped.
      """)

  @Argument(help: "A built-in recipe or a YAML file.", completion: .file(extensions: ["yaml"]))
  var recipe: String?

  @Option(
    help: ArgumentHelp(
      "Go on with a run that has stopped, or from one of its checkpoints.", valueName: "run"),
    completion: .directory)
  var resume: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the recipe.", valueName: "key=value"))
  var assignments: [String] = []

  @Option(name: .customLong("out"), help: "The run's folder (default: runs/<recipe>-<n>).")
  var folder: String?

  @Flag(help: "Print nothing but errors and the last line.")
  var quiet = false

  func validate() throws {
    if recipe == nil, resume == nil {
      throw ValidationError("give a recipe to train, or --resume and the folder of a run")
    }
    if resume != nil, folder != nil {
      throw ValidationError("--resume goes on in the run's own folder: leave --out out")
    }
  }

  func run() throws {
    Interrupt.watch()
    try reportingErrors {
      if let resume, recipe != nil {
        writeError("Note: \(resume) goes on with the recipe that it was begun with")
      }
      let (trainer, directory) = try resume.map(goOn) ?? begin(recipe!)
      for warning in trainer.recipe.scheduleWarnings(steps: trainer.steps) {
        writeError("Warning: \(warning)")
      }
      let result = try trainer.run(in: directory, observer: Progress(quiet: quiet))
      output(Self.summary(of: result))
      if let warning = result.recomputation?.warning { writeError("Warning: \(warning)") }
      if result.interrupted {
        writeError("interrupted after step \(result.steps); weights are in \(result.checkpoint)")
        writeError("to go on: descent train --resume \(directory.path)")
        throw ExitCode(ExitStatus.interrupted)
      }
      if !quiet, let model = try trainer.recipe.model.languageModel(in: directory) {
        output("\nwhat it writes:\n\(try model.sample(tokens: 300, temperature: 0.8))")
        output("\nmore: descent sample \(directory.path) --prompt \"...\"")
      }
    }
  }

  private func begin(_ recipe: String) throws -> (Trainer, RunDirectory) {
    let (name, yaml) = try Self.find(recipe)
    let trainer = try Trainer(Recipe(yaml: yaml, overrides: assignments))
    let directory = try RunDirectory(new: folder, name: name)
    if !quiet { output("training \(name) in \(directory.path)") }
    return (trainer, directory)
  }

  private func goOn(_ folder: String) throws -> (Trainer, RunDirectory) {
    let (directory, checkpoint) = try RunDirectory.find(folder)
    let trainer = try Trainer(
      resuming: directory, checkpoint: checkpoint, overrides: assignments)
    guard let resumption = trainer.resumption else { return (trainer, directory) }
    for file in resumption.passedOver { writeError("Warning: \(file.reason)") }
    if !quiet { output("going on with \(directory.path) after step \(resumption.step)") }
    for change in resumption.changes where !quiet { output("  \(change)") }
    return (trainer, directory)
  }

  /// A built-in recipe, or a file.
  static func find(_ recipe: String) throws -> (name: String, yaml: String) {
    if let yaml = BuiltInRecipes.yaml(recipe) { return (recipe, yaml) }
    let file = URL(fileURLWithPath: recipe)
    if FileManager.default.fileExists(atPath: recipe) {
      let text = try String(contentsOf: file, encoding: .utf8)
      return (file.deletingPathExtension().lastPathComponent, text)
    }
    let names = BuiltInRecipes.list.map(\.name).joined(separator: ", ")
    throw DataError.missingFile(
      path: recipe, advice: "it is not a built-in recipe either; those are \(names)")
  }

  private static func summary(of result: TrainingResult) -> String {
    var parts = ["\(result.steps) steps in \(fixed(result.trainingSeconds, 1)) s"]
    if let evaluation = result.evaluation {
      if let accuracy = evaluation.accuracy {
        parts.append("\(fixed(100 * accuracy, 2)) % of the held-out examples are right")
      }
      parts.append("validation loss \(fixed(evaluation.loss, 4))")
    }
    if result.skipped > 0 { parts.append("\(result.skipped) steps were skipped") }
    if let lost = result.lostUpdates, lost.lost > 0 {
      parts.append("\(short(100 * lost.share)) % of the updates of weights were rounded away")
    }
    let plan = result.recomputation.map {
      " with \($0.recomputed) of \($0.layers) layers recomputed"
    }
    parts.append(
      "\(bytes(result.activationBytes)) of activations at the peak"
        + (result.recomputation?.choice == Recomputation.none ? "" : plan ?? ""))
    return parts.joined(separator: ", ") + "\nweights: \(result.checkpoint)"
  }
}
