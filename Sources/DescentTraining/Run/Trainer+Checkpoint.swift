import Descent
import DescentNN
import Foundation

// What the parts of a trainer give to a checkpoint, and take back.

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
    let (checkpoint, passedOver) = try Checkpoint.newest(of: directory, upTo: checkpoint)
    let yaml = try String(contentsOf: directory.recipe, encoding: .utf8)
    let (recipe, changes) = try Recipe.resuming(
      checkpoint.withFormatOfState(yaml), overrides: overrides)
    try self.init(recipe)
    try checkpoint.restore(archive)
    optimizer.roundWeights(parameters.memory)
    guard done.steps < steps else { throw RunError.finished(directory.path, steps: done.steps) }
    resumption = Resumption(
      checkpoint: checkpoint.file.relativePath, step: done.steps, passedOver: passedOver,
      changes: changes)
    self.passedOver = passedOver.map(\.file)
  }

  /// Writes a checkpoint after `step` steps, when the metrics have `lines` lines.
  ///
  /// - Returns: the file.
  func save(after step: Int, lines: Int, to directory: RunDirectory) throws -> URL {
    done = (step, lines)
    // The number of threads changes nothing, not even the file.
    var recipe = recipe
    recipe.run.threads = nil
    let result = result
    let file = try Checkpoint.save(
      StateArchive.saving(archive), step: step, recipe: recipe.yaml, to: directory,
      result: result.differ ? (task.model, { try result.use($0) }) : nil)
    try directory.removeCheckpoints(passedOver, keeping: recipe.checkpoint.keep, after: file)
    passedOver = []
    return file
  }

  /// Everything that training resumes from.
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.constant("data", fingerprint) { _ in .data }
    try archive.note("step", &done.steps)
    try archive.note("logged", &done.lines)
    try archive.part(nonFinite)
    try archive.part(optimizer)
    if let average = result.average { try archive.part(average) }
    try archive.scope(result.differ ? Checkpoint.training : "") { () throws(StateMismatch) in
      try task.model.archive(archive)
    }
  }
}
