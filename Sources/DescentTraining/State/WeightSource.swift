import Descent
import DescentNN
import Safetensors

/// The weights in a safetensors file, as float32; without what a checkpoint has besides.
struct WeightSource: StateSource {
  private let file: SafetensorsFile
  private let path: String
  let tensorNames: [String]

  /// Those of a safetensors file, or of the newest checkpoint of a run.
  ///
  /// - Throws: ``RunError/unusableCheckpoint(_:_:)`` for a checkpoint that is not what was written, and
  ///   errors of reading.
  init(_ path: String) throws {
    self.path = path
    let file = try SafetensorsFile(path: FileInspection.find(path).file)
    if let defect = CheckpointChecksums.defectOfSealed(file) {
      throw RunError.unusableCheckpoint(file.path, defect)
    }
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

  /// What of a model is there.
  func report(on model: any Module) -> LoadReport {
    StateArchive.matching(self) { (archive) throws(StateMismatch) in try model.archive(archive) }
  }

  /// Fills a model.
  ///
  /// - Throws: ``RunError/checkpointMismatch(_:)`` where not everything fits, or with `partially`
  ///   nothing does; nothing was changed then.
  @discardableResult
  func load(into model: any Module, partially: Bool) throws(RunError) -> LoadReport {
    let report = report(on: model)
    if report.matched.isEmpty {
      throw .checkpointMismatch("\(path) has no tensor that fits this model: \(report)")
    }
    if !report.isComplete, !partially {
      throw .checkpointMismatch("\(path) does not fit this model: \(report)")
    }
    do throws(StateMismatch) {
      return try StateArchive.restoringMatches(from: self) { (archive) throws(StateMismatch) in
        try model.archive(archive)
      }
    } catch { throw .checkpointMismatch("\(path): \(error)") }
  }

  /// Refuses weights that are NaN or infinite, here or as float32.
  func requireFinite(_ names: [String]) throws {
    for name in names {
      let values = try file.floats(of: name)
      guard let index = values.firstIndex(where: { !$0.isFinite }) else { continue }
      throw DataError.unsuitable(
        "\(file.path): \(name) is \(values[index]) at element \(index), and weights must be finite")
    }
  }
}
