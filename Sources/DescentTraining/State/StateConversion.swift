import Descent
import DescentNN
import Foundation

/// A run's checkpoint with its optimizer state in another format, or in the form of PyTorch.
public struct StateConversion {
  /// The checkpoint that was read.
  public let checkpoint: String
  /// The steps done by then.
  public let step: Int
  /// Newer checkpoints that cannot be used: why, one sentence each.
  public let passedOver: [String]
  /// The formats of the state as it is now, and why.
  public let state: [RunFacts.StateUse]
  private let run: RunDirectory
  private let trainer: Trainer

  /// Reads a run's newest checkpoint that can be used, or the one that is named, and decodes and encodes
  /// its state where the format is to be another: decoding is exact, encoding rounds once.
  ///
  /// The run's data are read as well: they say which parameters there are, and a run resumes only with
  /// them.
  ///
  /// - Parameters:
  ///   - path: the folder of a run, or one of its checkpoints.
  ///   - changes: of the recipe, all of them of `optimizer.state...`: `optimizer.state=int8`.
  ///   - task: the model and data of a run whose program has made them.
  /// - Throws: ``RecipeError`` for other changes and for formats that the rule cannot have; ``RunError``
  ///   and what ``Trainer/init(_:)`` throws.
  public init(_ path: String, changes: [String] = [], task: (any TrainingTask)? = nil) throws {
    let others = changes.filter { !$0.hasPrefix("optimizer.state") }
    if !others.isEmpty {
      throw RecipeError(
        problems: others.map { "\($0) cannot be changed here, only optimizer.state and its keys" })
    }
    let (run, name) = try RunDirectory.find(path)
    let (checkpoint, passedOver) = try Checkpoint.newest(of: run, upTo: name)
    let yaml = try checkpoint.withFormatOfState(Recipe.text(of: run.recipe.relativePath))
    let trainer = try Trainer(Recipe(yaml: yaml, overrides: changes), task: task)
    try trainer.restoreConverting(checkpoint)
    (self.run, self.trainer) = (run, trainer)
    self.checkpoint = checkpoint.file.relativePath
    step = trainer.done.steps
    self.passedOver = name == nil ? passedOver.map(\.reason) : []
    state = trainer.facts.state
  }

  /// Writes a checkpoint file, which can take its place among those of the run; or, for a path that does
  /// not end in `.safetensors`, a new run: the recipe, the metrics so far and the checkpoint.
  ///
  /// - Throws: ``RunError`` when there is something already, and errors of writing.
  public func write(to path: String) throws {
    let files = FileManager.default
    guard path.hasSuffix(".safetensors") else {
      let copy = try RunDirectory(new: path, name: "")
      try copy.write(trainer.written.yaml, to: copy.recipe)
      try trainer.task.save(to: copy)
      if files.fileExists(atPath: run.metrics.path) {
        do { try files.copyItem(at: run.metrics, to: copy.metrics) } catch {
          throw RunError.cannotWrite(copy.metrics.relativePath, SystemReason.of(error))
        }
      }
      try trainer.writeCheckpoint(to: copy.checkpoint(after: step))
      return
    }
    if files.fileExists(atPath: path) {
      throw RunError.cannotWrite(path, "there is a file already")
    }
    try trainer.writeCheckpoint(to: URL(fileURLWithPath: path))
  }

  /// Writes the state so that PyTorch, bitsandbytes or prodigyopt can go on from it: see
  /// ``PyTorchState/write(_:to:layout:)``. The weights are in the checkpoint under their names.
  public func write(to path: String, layout: PyTorchState.Layout) throws {
    try PyTorchState.write(trainer.optimizer, to: path, layout: layout)
  }
}

extension Trainer {
  /// Takes over a checkpoint whose state may be in other formats.
  fileprivate func restoreConverting(_ checkpoint: Checkpoint) throws {
    try checkpoint.restore(convertsState: true, archive)
    try optimizer.roundWeights(parameters)
  }
}

extension Checkpoint {
  /// The recipe of a run with the format of state that this checkpoint has: it may have been converted.
  func withFormatOfState(_ yaml: String) throws(RecipeError) -> String {
    guard let recipe, let own = try? Recipe(yaml: recipe).plan.state else { return yaml }
    if try Recipe(yaml: yaml).plan.state == own { return yaml }
    return try Recipe(
      yaml: yaml, overrides: own.resolved.map { "optimizer.\($0.name)=\($0.value)" }
    ).yaml
  }
}
