import Descent
import DescentNN
import Foundation

// What the parts of a trainer give to a checkpoint, and take back.

/// The evaluation with the lowest validation loss so far.
struct BestEvaluation: Codable, Sendable, Equatable {
  /// The steps done before it.
  let step: Int
  /// Its loss.
  let loss: Double
}

extension Trainer {
  /// Resumes the run in a folder after its newest checkpoint that can be used, or the one asked
  /// for; to the bit as if it had never stopped. What the run did later is dropped.
  ///
  /// - Parameters:
  ///   - directory: the run.
  ///   - checkpoint: the file name of one of its checkpoints; nil for the newest.
  ///   - overrides: changes of the recipe, of the form `steps=2000`.
  ///   - task: the model and data that the program has made, where they were so when the run began.
  /// - Throws: ``RecipeError`` for changes that contradict what was saved, ``RunError`` when there
  ///   is nothing to resume from or nothing left to do, and what ``init(_:)`` throws.
  public convenience init(
    resuming directory: RunDirectory, checkpoint: String? = nil, overrides: [String] = [],
    task: (any TrainingTask)? = nil
  ) throws {
    try self.init(resuming: directory, checkpoint, task) { yaml in
      try Recipe.resuming(yaml, overrides: overrides)
    }
  }

  /// The same with the recipe as the program has it now, which may name what only Swift knows, such as a
  /// rule of one's own.
  ///
  /// - Parameter recipe: may differ from what it was where what was saved does not contradict it.
  public convenience init(
    resuming directory: RunDirectory, checkpoint: String? = nil, with recipe: Recipe,
    task: any TrainingTask
  ) throws {
    let recipe = try recipe.using(task)
    try self.init(resuming: directory, checkpoint, task) { yaml in
      (recipe, try recipe.changes(from: yaml))
    }
  }

  /// - Parameter resumed: makes the recipe from the one that the run has as YAML, and says what changed.
  private convenience init(
    resuming directory: RunDirectory, _ checkpoint: String?, _ task: (any TrainingTask)?,
    _ resumed: (_ yaml: String) throws -> (recipe: Recipe, changes: [RecipeChange])
  ) throws {
    // Before anything is read that the other process may replace.
    let lock = try RunLock(directory)
    let (checkpoint, passedOver) = try Checkpoint.newest(of: directory, upTo: checkpoint)
    let yaml = try Recipe.text(of: directory.recipe.relativePath)
    let (recipe, asked) = try resumed(checkpoint.withFormatOfState(yaml))
    let changes = try recipe.changes(since: checkpoint, asked)
    try self.init(recipe, task: task)
    try (self.task as? LanguageModeling)?.requireTokens(of: directory)
    do { try restore(checkpoint) } catch let error as RunError {
      throw Recipe.blaming(changes, for: error) ?? error
    }
    if done.steps > steps {
      throw RecipeError(problems: [
        "\(directory.path) has done \(done.steps) steps, and the recipe now has \(steps): to train it longer, "
          + "add --set steps=\(2 * done.steps)"
      ])
    }
    if done.steps == steps {
      // The process that did the last step may have died before it had tidied up.
      directory.removeTemporaryFiles()
      try directory.removeCheckpoints(
        keeping: recipe.checkpoint.keep, best: best?.step, former: nil, trusted: [])
      throw RunError.finished(directory.path, steps: done.steps)
    }
    resumption = Resumption(
      checkpoint: checkpoint.file.relativePath, step: done.steps, passedOver: passedOver,
      changes: changes.map(\.description),
      rate: changes.isEmpty
        ? nil : recipe.rate(since: checkpoint, applied: optimizer.appliedSteps, of: self.task))
    self.passedOver = passedOver.map(\.file)
    self.lock = lock
  }

  /// Takes over everything that a checkpoint of the run holds.
  func restore(_ checkpoint: Checkpoint) throws {
    try checkpoint.restore(archive)
    try optimizer.roundWeights(parameters)
  }

  /// Copies what a checkpoint after `step` steps holds, when the metrics have `lines` lines.
  func fill(_ snapshot: inout CheckpointSnapshot, after step: Int, lines: Int) throws {
    done = (step, lines)
    // The number of threads changes nothing, not even the file.
    var recipe = written
    recipe.run.threads = nil
    snapshot.add(StateArchive.saving(archive))
    // The weights to use lie elsewhere, or where those of training lay.
    if result.differ { try result.use { snapshot.add(.weights(of: task.model)) } }
    snapshot.notes["recipe"] = recipe.yaml
  }

  /// Writes a checkpoint of the trainer as it is now.
  func writeCheckpoint(to file: URL) throws {
    var snapshot = CheckpointSnapshot(in: SnapshotMemory())
    try fill(&snapshot, after: done.steps, lines: done.lines)
    try CheckpointFile(snapshot, step: done.steps, to: file).commit()
  }

  /// The bytes that a checkpoint takes.
  var checkpointBytes: Int {
    let weights = result.differ ? CheckpointSnapshot.size(of: .weights(of: task.model)) : 0
    return CheckpointSnapshot.size(of: StateArchive.saving(archive)) + weights
  }

  /// Everything that training resumes from.
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.constant("data", fingerprint) { _ in .data }
    if let fileFingerprint {
      try archive.constant("base", fileFingerprint) { _ in .base }
    }
    try archive.note("step", &done.steps)
    try archive.note("logged", &done.lines)
    try archive.note("best", &best)
    try archive.part(nonFinite)
    try archive.part(optimizer)
    if let spikes { try archive.part(spikes) }
    if let average = result.average { try archive.part(average) }
    try task.archive(archive)
    try archive.scope(result.differ ? Checkpoint.training : "") { () throws(StateMismatch) in
      try task.model.archive(archive)
    }
  }
}

extension StateArchive {
  /// A model's parameters and buffers.
  static func weights(of model: any Module) -> StateArchive {
    saving { archive throws(StateMismatch) in try model.archive(archive) }
  }
}
