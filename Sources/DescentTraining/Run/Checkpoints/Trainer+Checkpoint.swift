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
  /// - Throws: ``RecipeError`` for changes that contradict what was saved, ``RunError`` when there
  ///   is nothing to resume from or nothing left to do, and what ``init(_:)`` throws.
  public convenience init(
    resuming directory: RunDirectory, checkpoint: String? = nil, overrides: [String] = []
  ) throws {
    // Before anything is read that the other process may replace.
    let lock = try RunLock(directory)
    let (checkpoint, passedOver) = try Checkpoint.newest(of: directory, upTo: checkpoint)
    let yaml = try Recipe.text(of: directory.recipe.relativePath)
    let (recipe, changes) = try Recipe.resuming(
      checkpoint.withFormatOfState(yaml), overrides: overrides)
    try self.init(recipe)
    do { try restore(checkpoint) } catch let error as RunError {
      throw Recipe.blaming(changes, for: error) ?? error
    }
    if done.steps >= steps {
      // The process that did the last step may have died before it had tidied up.
      directory.removeTemporaryFiles()
      try directory.removeCheckpoints(
        keeping: recipe.checkpoint.keep, best: best?.step, former: nil, trusted: [])
      throw RunError.finished(directory.path, steps: done.steps)
    }
    resumption = Resumption(
      checkpoint: checkpoint.file.relativePath, step: done.steps, passedOver: passedOver,
      changes: changes.map(\.description))
    self.passedOver = passedOver.map(\.file)
    self.lock = lock
  }

  /// Takes over everything that a checkpoint of the run holds.
  func restore(_ checkpoint: Checkpoint) throws {
    try checkpoint.restore(archive)
    try optimizer.roundWeights(parameters.memory)
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
    try archive.note("step", &done.steps)
    try archive.note("logged", &done.lines)
    try archive.note("best", &best)
    try archive.part(nonFinite)
    try archive.part(optimizer)
    if let spikes { try archive.part(spikes) }
    if let average = result.average { try archive.part(average) }
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
