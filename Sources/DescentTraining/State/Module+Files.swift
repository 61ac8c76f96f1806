public import Descent
public import DescentNN
import Foundation
import Safetensors

extension Module {
  /// Writes the parameters and buffers to a safetensors file, under their paths: whole, or not at all.
  ///
  /// - Throws: `SafetensorsError` where the file cannot be written.
  public func save(to path: String) throws {
    try ModelFile.write(.weights(of: self), to: path)
  }

  /// Writes the parameters and buffers and all that an optimizer for them remembers to one file, as a
  /// checkpoint does: with checksums, and the weights to use under their paths.
  ///
  /// - Throws: `SafetensorsError` where the file cannot be written; ``OptimizerError`` where the
  ///   optimizer is for other parameters.
  public func save(with optimizer: Optimizer<Float>, to path: String) throws {
    try ModelFile.write(self, optimizer, to: path)
  }

  /// Fills the parameters and buffers from a safetensors file that has their paths as names, or from the
  /// newest checkpoint of a run: the weights to use, averaged where the run averages. Floats of any width
  /// are taken.
  ///
  /// - Parameters:
  ///   - path: a safetensors file, or the folder of a run.
  ///   - partially: whether tensors that do not match by name and shape are left as they are.
  /// - Returns: what matched, what was missing, and what was not used.
  /// - Throws: ``RunError/checkpointMismatch(_:)`` where something does not match and `partially` is
  ///   false, or nothing does; ``RunError/unusableCheckpoint(_:_:)`` for a file that is not what was
  ///   written; errors of reading. Nothing was changed then.
  @discardableResult
  public func load(from path: String, partially: Bool = false) throws -> LoadReport {
    try WeightSource(path).load(into: self, partially: partially)
  }

  /// Fills the parameters and buffers with the weights that training goes on with, and the optimizer with
  /// its state, from a file of ``save(with:to:)``, a checkpoint, or the newest checkpoint of a run. The
  /// optimizer must have been made with the same rule for the same parameters.
  ///
  /// - Throws: ``RunError`` where something does not fit, or there is no state; errors of reading. Nothing
  ///   was changed then.
  public func load(with optimizer: Optimizer<Float>, from path: String) throws {
    let checkpoint = try Checkpoint(URL(fileURLWithPath: FileInspection.find(path).file))
    try checkpoint.verify()
    try checkpoint.load(self, optimizer)
  }
}

/// Files with a model, and perhaps an optimizer.
private enum ModelFile {
  static func write(_ weights: StateArchive, to path: String) throws {
    var writer = try SafetensorsWriter(
      path: path,
      tensors: weights.tensors.map {
        ($0.name, SafetensorsDType(rawValue: $0.element.rawValue)!, $0.shape)
      })
    for tensor in weights.tensors {
      try tensor.forEachPart { try writer.append($0, to: tensor.name) }
    }
    try writer.finish()
  }

  static func write(_ model: any Module, _ optimizer: Optimizer<Float>, to path: String) throws {
    let isElsewhere = optimizer.evaluatesElsewhere
    var snapshot = CheckpointSnapshot(in: SnapshotMemory())
    snapshot.add(
      StateArchive.saving { (archive) throws(StateMismatch) in
        try archive.part(optimizer)
        try archive.scope(isElsewhere ? Checkpoint.training : "") { () throws(StateMismatch) in
          try model.archive(archive)
        }
      })
    if isElsewhere {
      try model.parameters.widened {
        try optimizer.withEvaluationWeights(model.parameters.memory) {
          snapshot.add(.weights(of: model))
        }
      }
    }
    try CheckpointFile(
      snapshot, step: optimizer.appliedSteps, to: URL(fileURLWithPath: path), isTrusted: true
    ).commit()
  }
}
