public import Descent
import DescentNN
import Safetensors

extension Trainer {
  /// Begins a new run with the weights and buffers of another: of a run (its newest checkpoint, the
  /// weights to use), of a checkpoint, or of any safetensors file with the names of this model. Floats of
  /// any width are taken. The optimizer begins anew.
  ///
  /// - Parameter partially: whether tensors that do not match by name and shape are left as they are.
  /// - Returns: what matched, what was missing, and what was not used.
  /// - Throws: ``RunError/checkpointMismatch(_:)`` when something does not match and `partially` is
  ///   false, or nothing does; ``RunError/unusableCheckpoint(_:_:)`` for a checkpoint that is not what
  ///   was written; ``DataError`` for weights that are not finite; errors of reading. Then
  ///   nothing was changed.
  @discardableResult
  public func begin(
    withWeightsOf path: String, partially: Bool = false
  ) throws -> LoadReport {
    precondition(done.steps == 0, "a run that has begun has its weights")
    let file = try SafetensorsFile(path: FileInspection.find(path).file)
    if let defect = CheckpointChecksums.defectOfSealed(file) {
      throw RunError.unusableCheckpoint(file.path, defect)
    }
    let source = WeightSource(file)
    let model = task.model
    let report = StateArchive.matching(source) { (archive) throws(StateMismatch) in
      try model.archive(archive)
    }
    if report.matched.isEmpty {
      throw RunError.checkpointMismatch("\(path) has no tensor that fits this model: \(report)")
    }
    if !report.isComplete, !partially {
      throw RunError.checkpointMismatch(
        "\(path) does not fit this model: \(report). Give --partial to take what matches")
    }
    try source.refuseNonFinite(report.matched)
    do throws(StateMismatch) {
      _ = try StateArchive.restoringMatches(from: source) { (archive) throws(StateMismatch) in
        try model.archive(archive)
      }
    } catch { throw RunError.checkpointMismatch("\(path): \(error)") }
    try optimizer.roundWeights(parameters.memory)
    // It has seen the weights of before.
    try result.average?.begin(parameters.memory)
    return report
  }

  /// Begins a new run with the state of a PyTorch optimizer: see
  /// ``PyTorchState/restore(_:from:)``. Schedules begin anew.
  ///
  /// - Throws: what does not fit; then nothing was changed.
  public func begin(withPyTorchState path: String) throws {
    precondition(done.steps == 0, "a run that has begun has its state")
    try PyTorchState.restore(optimizer, from: path)
  }
}

/// The weights in a safetensors file, as float32; without what a checkpoint has besides.
private struct WeightSource: StateSource {
  private let file: SafetensorsFile
  let tensorNames: [String]

  init(_ file: SafetensorsFile) {
    self.file = file
    tensorNames = file.names.filter { !FileInspection.isState($0, in: file.metadata) }
  }

  func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
    guard file.contains(name), let entry = try? file.entry(name) else { return nil }
    switch entry.dtype {
    case .f32, .f16, .bf16, .f64: return (.float32, entry.shape)
    case .bool, .u8, .i8, .f8e4m3, .f8e5m2: return (.uint8, entry.shape)
    default: return (.int64, entry.shape)
    }
  }

  func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
    // The name and the type were looked up before.
    guard let values = try? file.floats(of: name) else { return }
    let bytes = values.littleEndianBytes
    unsafe memory.withUnsafeMutableBytes {
      unsafe $0.copyBytes(from: bytes[offset..<offset + $0.count])
    }
  }

  func note(_ name: String) -> String? { nil }

  /// Refuses weights that are NaN or infinite, here or as float32.
  func refuseNonFinite(_ names: [String]) throws {
    for name in names {
      let values = try file.floats(of: name)
      guard let index = values.firstIndex(where: { !$0.isFinite }) else { continue }
      throw DataError.unsuitable(
        "\(file.path): \(name) is \(values[index]) at element \(index), and weights must be finite")
    }
  }
}
