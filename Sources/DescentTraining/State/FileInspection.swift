import Descent
import DescentNN
import Foundation
public import Safetensors

/// What lies in a safetensors file: a checkpoint of a run or any other; and how far it is from another.
///
/// Tensors are read in pieces, so that a file may be larger than the memory.
public struct FileInspection: Sendable {
  /// The file.
  public let path: String
  /// Its size in bytes.
  public let bytes: Int
  /// Its metadata.
  public let metadata: [String: String]
  /// Every tensor, in the order of names.
  public let tensors: [Tensor]
  /// What it was compared with; nil where it was not.
  public let against: Comparison?
  /// Why newer checkpoints of the run were passed over.
  public let passedOver: [String]
  /// What is wrong with a checkpoint that is not what was written; nil where nothing is, or nobody knows.
  public let defect: String?

  /// A tensor of the file.
  public struct Tensor: Sendable {
    /// Its name.
    public let name: String
    /// The type of its elements.
    public let dtype: SafetensorsDType
    /// Its shape.
    public let shape: [Int]
    /// Its bytes.
    public let bytes: Int
    /// What its elements are like.
    public let statistics: TensorStatistics
    /// How far it is from the one it was compared with; nil where there is none of its shape.
    public let difference: TensorDifference?
    /// Whether it is 8-bit codes, whose numbers mean nothing.
    public var isCodes: Bool {
      name.hasPrefix("state/") && dtype == .u8
        && (name.hasSuffix(".codes") || name.hasSuffix(".tapered"))
    }
    /// Whether it counts the updates of a parameter.
    public var isCount: Bool { name.hasPrefix("state/step/") }
  }

  /// What a file was compared with.
  public struct Comparison: Sendable {
    /// The file, or what it is.
    public let name: String
    /// Tensors that it has and the file has not.
    public let missing: [String]
    /// Tensors that the file has and it has not.
    public let extra: [String]
    /// Tensors whose shapes differ: the one of the file and the other.
    public let reshaped: [(name: String, shape: [Int], other: [Int])]
  }

  /// A slot of the optimizer state in a checkpoint.
  public struct Slot: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The format.
    public let format: String
    /// How many parameters have it.
    public var count: Int
    /// Their bytes.
    public var bytes: Int
  }

  /// Reads a file, or the newest checkpoint of a run that can be read.
  ///
  /// - Parameters:
  ///   - path: a safetensors file, or the folder of a run.
  ///   - other: what it is compared with, the same. By default the checkpoint of a run is compared with
  ///     the oldest that is left, or where that is the same with the weights that the recipe begins with,
  ///     if the run's data are there; other files are not compared.
  /// - Throws: `SafetensorsError` for a file that is missing or malformed, ``RunError`` and
  ///   ``DataError`` for a folder that is no run or has no checkpoint.
  public init(_ path: String, against other: String? = nil) throws {
    let (found, passedOver) = try Self.find(path)
    let file = try SafetensorsFile(path: found)
    let reference: (file: SafetensorsFile, name: String)? =
      if let other {
        try (SafetensorsFile(path: Self.find(other).file), Self.find(other).file)
      } else if Self.isFolder(path) {
        try? Self.beginning(of: RunDirectory(existing: path), but: found)
      } else { nil }
    self.path = found
    self.passedOver = passedOver
    defect = CheckpointChecksums.defectOfSealed(file)
    metadata = file.metadata
    let attributes = try? FileManager.default.attributesOfItem(atPath: found)
    bytes = (attributes?[.size] as? Int) ?? 0
    let entries = file.entries.sorted { $0.name < $1.name }
    tensors = try entries.map { entry in
      Tensor(
        name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: entry.byteRange.count,
        statistics: try TensorStatistics(of: entry.name, in: file),
        difference: try reference.flatMap { reference in
          guard reference.file.contains(entry.name) else { return nil }
          return try TensorDifference(of: entry.name, in: file, from: reference.file)
        })
    }
    against = try reference.map { reference in
      // Against weights alone, state is not missing.
      let metadata = [file, reference.file].map(\.metadata)
      let haveState = metadata.allSatisfy { $0["state_version"] != nil }
      func absent(_ names: [String], in other: SafetensorsFile) -> [String] {
        names.filter { name in
          let isState = metadata.contains { Self.isState(name, in: $0) }
          return !other.contains(name) && (haveState || !isState)
        }.sorted()
      }
      return Comparison(
        name: reference.name,
        missing: absent(reference.file.names, in: file),
        extra: absent(file.names, in: reference.file),
        reshaped: try entries.compactMap { entry in
          guard reference.file.contains(entry.name) else { return nil }
          let other = try reference.file.entry(entry.name).shape
          return other == entry.shape ? nil : (entry.name, entry.shape, other)
        })
    }
  }

  // MARK: What follows

  /// The weights and buffers; of a file that is no checkpoint, everything.
  public var weights: [Tensor] { tensors.filter { !Self.isState($0.name, in: metadata) } }

  /// What a checkpoint has besides: optimizer state, averages, the weights of training.
  public var state: [Tensor] { tensors.filter { Self.isState($0.name, in: metadata) } }

  /// How often the parameters were updated, from the least to the most often; nil where that is not known.
  public var updates: ClosedRange<Int>? {
    let counts = state.filter { $0.name.hasPrefix("state/step/") }.compactMap {
      Int(exactly: $0.statistics.largest)
    }
    return counts.min().flatMap { least in counts.max().map { least...$0 } }
  }

  /// The slots of the optimizer state, each in each format.
  public var slots: [Slot] {
    var slots: [Slot] = []
    for tensor in state where tensor.name.hasPrefix("state/") {
      let name = String(tensor.name.split(separator: "/")[1])
      if name == "step" { continue }
      let isPart = tensor.name.hasSuffix(".scales") && tensor.dtype == .f32
      let format =
        tensor.isCodes || isPart
        ? "int8" : tensor.dtype == .bf16 ? "bfloat16" : tensor.dtype == .f64 ? "float64" : "float32"
      if let index = slots.firstIndex(where: { ($0.name, $0.format) == (name, format) }) {
        slots[index].count += isPart ? 0 : 1
        slots[index].bytes += tensor.bytes
      } else {
        slots.append(Slot(name: name, format: format, count: isPart ? 0 : 1, bytes: tensor.bytes))
      }
    }
    return slots
  }

  /// The weights that are the same, to the bit, in the file that this one was compared with.
  public var unmoved: [String] {
    weights.filter { $0.difference?.isSame ?? false }.map(\.name)
  }

  /// The recipe of a checkpoint's run.
  public var recipe: Recipe? { metadata["recipe"].flatMap { try? Recipe(yaml: $0) } }

  static func isState(_ name: String, in metadata: [String: String]) -> Bool {
    metadata["state_version"] != nil
      && ["state/", "memory/", "preconditioner/", "average/", Checkpoint.training].contains {
        name.hasPrefix($0)
      }
  }

  // MARK: Finding files

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// The file itself, or the newest checkpoint of a run.
  package static func find(_ path: String) throws -> (file: String, passedOver: [String]) {
    guard isFolder(path) else { return (path, []) }
    let (checkpoint, passedOver) = try Checkpoint.newestWeights(of: RunDirectory(existing: path))
    return (checkpoint.file.relativePath, passedOver.map(\.reason))
  }

  /// The oldest checkpoint of a run, or if that is `file` the weights that the recipe begins with.
  private static func beginning(
    of run: RunDirectory, but file: String
  ) throws -> (file: SafetensorsFile, name: String)? {
    if let oldest = run.checkpointFiles.first?.relativePath, oldest != file {
      return (try SafetensorsFile(path: oldest), oldest)
    }
    let trainer = try Trainer(Recipe(yaml: String(contentsOf: run.recipe, encoding: .utf8)))
    let initial = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    // The file is open, so it need not stay.
    defer { try? FileManager.default.removeItem(at: initial) }
    let archive = StateArchive.saving { (archive) throws(StateMismatch) in
      try trainer.task.model.archive(archive)
    }
    try SafetensorsFile.write(
      archive.tensors.map {
        let tensor = StoredTensor($0)
        return SafetensorsTensor(
          tensor.name, dtype: SafetensorsDType(rawValue: tensor.element.rawValue)!,
          shape: tensor.shape, bytes: tensor.bytes)
      }, to: initial.path)
    return (try SafetensorsFile(path: initial.path), "the weights that the recipe begins with")
  }
}
