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
    let yaml = try String(contentsOf: directory.recipe, encoding: .utf8)
    let (recipe, changes) = try Recipe.resuming(yaml, overrides: overrides)
    let (file, state, passedOver) = try Checkpoint.newest(of: directory, upTo: checkpoint)
    try self.init(recipe)
    guard state.data == fingerprint else {
      throw RunError.checkpointMismatch(
        "\(directory.path) was trained on other training data: put those back, or start a new run")
    }
    do {
      try restore(state, file)
    } catch let mismatch as StateMismatch {
      throw RunError.checkpointMismatch("\(file.relativePath): \(mismatch)")
    }
    guard state.step < steps else { throw RunError.finished(directory.path, steps: state.step) }
    resumption = Resumption(
      checkpoint: file.relativePath, step: state.step, passedOver: passedOver, changes: changes)
    unusable = passedOver.map(\.file)
  }

  private func restore(_ state: TrainingState, _ file: URL) throws {
    try Checkpoint.load(file, into: task.model, preferring: "training/")
    try optimizer.restore(state.optimizer)
    try result.average?.restore(state.average)
    unsafe parameters.withMemory { unsafe optimizer.roundWeights($0) }
    let scalars = state.scalars
    nonFinite.restore(
      skipped: scalars.skipped, inARow: scalars.skippedInARow, lossScale: scalars.lossScale,
      successes: scalars.scaleSuccesses)
    logged = scalars.logged
  }

  /// Writes a checkpoint after `step` steps, when the metrics have `lines` lines.
  ///
  /// - Returns: the file.
  func save(after step: Int, lines: Int, to directory: RunDirectory) throws -> URL {
    // The number of threads changes nothing, not even the file.
    var recipe = recipe
    recipe.run.threads = nil
    let scaler = nonFinite.scaler
    let state = TrainingState(
      step: step, recipe: recipe.yaml, data: fingerprint,
      scalars: TrainingState.Scalars(
        logged: lines, skipped: nonFinite.skipped, skippedInARow: nonFinite.skippedInARow,
        lossScale: scaler?.scale ?? 1, scaleSuccesses: scaler?.successes ?? 0),
      optimizer: optimizer.savedState, average: result.average?.state ?? [],
      training: result.differ ? task.model.namedTensors.map { ($0, $1.copied()) } : [])
    let file = try result.use {
      try Checkpoint.save(
        task.model, step: step, to: directory, keep: recipe.checkpoint.keep, unusable: unusable,
        state: state)
    }
    unusable = []
    return file
  }
}

extension Checkpoint {
  /// Writes weights alone, unless there is a whole checkpoint of that step, which is better.
  ///
  /// - Returns: the file.
  static func saveWeights(
    of model: any Module, step: Int, to directory: RunDirectory
  ) throws -> URL {
    let file = file(step, of: directory)
    if (try? state(file)) != nil { return file }
    return try save(model, step: step, to: directory, keep: .max)
  }
}
