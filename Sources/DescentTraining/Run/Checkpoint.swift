import Descent
import DescentNN
import Foundation
import Safetensors

/// A checkpoint on disk: a safetensors file, open for reading. Opening reads the header alone, which
/// also says whether the file is whole.
///
/// | tensor | holds |
/// |---|---|
/// | `<name>` | the weights and buffers to use: averaged, where the run averages |
/// | `training/<name>` | those that training resumes from, where they differ |
/// | everything else | what `SavedState` says |
///
/// The metadata hold the step, the recipe, a fingerprint of the data, what schedules remember and the
/// trainer's counters. A file without a `rule` has weights alone: the guard writes it.
struct Checkpoint {
  /// The version of the layout.
  static let format = "1"

  /// Where it lies.
  let file: URL
  private let stored: SafetensorsFile

  /// Opens a checkpoint.
  ///
  /// - Throws: errors of reading, and ``RunError/unusableCheckpoint(_:_:)`` for a file that is no
  ///   checkpoint of this format.
  init(_ file: URL) throws {
    self.file = file
    stored = try SafetensorsFile(path: file.relativePath)
    func unusable(_ reason: String) -> RunError { .unusableCheckpoint(file.relativePath, reason) }
    guard let found = stored.metadata["format"] else {
      throw unusable("it is not a checkpoint of a run")
    }
    guard found == Self.format else {
      throw unusable("it has format \(found), and this version of descent reads \(Self.format)")
    }
    for entry in stored.entries where StoredTensor.Element(rawValue: entry.dtype.rawValue) == nil {
      throw unusable("\(entry.name) has the element type \(entry.dtype.rawValue)")
    }
  }

  /// The same, if training can be resumed from it.
  ///
  /// - Throws: also for a file that has weights alone.
  init(resuming file: URL) throws {
    try self.init(file)
    if stored.metadata["rule"] == nil {
      throw RunError.unusableCheckpoint(
        file.relativePath, "it holds weights alone, kept when training had to stop")
    }
    let needed = ["step", "data", "recipe", "schedules", "applied_steps", "state_version"]
    if needed.contains(where: { stored.metadata[$0] == nil }) {
      throw RunError.unusableCheckpoint(file.relativePath, "its metadata are incomplete")
    }
    // Counters that no run reaches would end the program where they are added up.
    let counters = ["step", "logged", "skipped", "skipped_in_a_row", "applied_steps"]
    for name in counters {
      guard let text = stored.metadata[name] else { continue }
      guard let number = Int(text), (0..<1 << 40).contains(number) else {
        throw RunError.unusableCheckpoint(file.relativePath, "its metadata have \(name)=\(text)")
      }
    }
  }

  /// Where the checkpoint after `step` lies.
  static func file(_ step: Int, of run: RunDirectory) -> URL {
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    return run.checkpoints.appendingPathComponent(name + ".safetensors")
  }

  // MARK: Reading

  /// The recipe, as YAML, of the run as it was then.
  var recipe: String? { stored.metadata["recipe"] }

  /// Fills the model's parameters and buffers with the weights to use; every one must be there, with
  /// its shape.
  func loadWeights(into model: any Module) throws(RunError) {
    try restore(.result) { archive throws(StateMismatch) in try model.archive(archive) }
  }

  /// Restores everything that training resumes from.
  ///
  /// - Parameter convertsState: whether optimizer state may have been saved in another format.
  /// - Throws: the first thing that does not fit; then nothing was changed.
  func restore(
    convertsState: Bool = false, _ archived: (StateArchive) throws(StateMismatch) -> Void
  ) throws(RunError) {
    try restore(.training, convertsState: convertsState, archived)
  }

  private func restore(
    _ part: Source.Part, convertsState: Bool = false,
    _ archived: (StateArchive) throws(StateMismatch) -> Void
  ) throws(RunError) {
    do throws(StateMismatch) {
      try StateArchive.restoring(
        from: Source(stored, part), convertsState: convertsState, archived)
    } catch { throw .checkpointMismatch("\(file.relativePath): \(error)") }
  }

  /// One of the two sets of weights in a file, with what belongs to it.
  private struct Source: StateSource {
    enum Part { case result, training }

    private let stored: SafetensorsFile
    let tensorNames: [String]

    init(_ stored: SafetensorsFile, _ part: Part) {
      self.stored = stored
      let prefix = Checkpoint.training
      let twice = Set(
        stored.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
      tensorNames =
        switch part {
        // What the model does not have is not asked for.
        case .result: []
        case .training: stored.names.filter { !twice.contains($0) }
        }
    }

    func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
      guard let entry = try? stored.entry(name),
        let element = StoredTensor.Element(rawValue: entry.dtype.rawValue)
      else { return nil }
      return (element, entry.shape)
    }

    func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
      // The name was looked up before.
      try? stored.withBytes(of: name) { bytes in
        let part = bytes.extracting(offset..<offset + memory.byteCount)
        unsafe memory.withUnsafeMutableBytes { memory in
          unsafe part.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
        }
      }
    }

    func note(_ name: String) -> String? { stored.metadata[name] }
  }

  // MARK: Writing

  /// What the names of weights begin with that training resumes from, where they are not the ones to
  /// use.
  static let training = "training/"

  /// Writes weights alone.
  static func saveWeights(
    of model: any Module, step: Int, to run: RunDirectory
  ) throws -> URL {
    let archive = StateArchive.saving { archive throws(StateMismatch) in
      try model.archive(archive)
    }
    return try write([archive], step, [:], to: run) { archives, writer in
      try writer.append(archives[0])
    }
  }

  /// Writes what `state` lists, and with it the weights to use where they are others; each tensor goes
  /// from its memory to the file, without a copy of them all.
  ///
  /// - Parameters:
  ///   - recipe: the recipe, as YAML.
  ///   - result: the model whose weights are to be used, and what has them in place while it runs a
  ///     closure; nil where they are among `state`.
  static func save(
    _ state: StateArchive, step: Int, recipe: String, to run: RunDirectory,
    result: (model: any Module, use: (() throws -> Void) throws -> Void)?
  ) throws -> URL {
    func weights() -> [StateArchive] {
      result.map { result in
        [StateArchive.saving { archive throws(StateMismatch) in try result.model.archive(archive) }]
      } ?? []
    }
    return try write([state] + weights(), step, ["recipe": recipe], to: run) { archives, writer in
      try writer.append(archives[0])
      // The weights to use lie elsewhere, or where those of training lay.
      try result?.use { for archive in weights() { try writer.append(archive) } }
    }
  }

  private static func write(
    _ archives: [StateArchive], _ step: Int, _ metadata: [String: String], to run: RunDirectory,
    _ body: ([StateArchive], inout SafetensorsWriter) throws -> Void
  ) throws -> URL {
    let file = file(step, of: run)
    let notes = archives.reduce(into: metadata) { $0.merge($1.notes) { $1 } }
    let tensors = archives.flatMap(\.tensors)
    var writer = try SafetensorsWriter(
      path: file.path,
      tensors: tensors.map {
        ($0.name, SafetensorsDType(rawValue: $0.element.rawValue)!, $0.shape)
      },
      metadata: notes.merging(["format": format, "step": "\(step)"]) { $1 })
    try body(archives, &writer)
    try writer.finish()
    return file
  }
}

extension SafetensorsWriter {
  fileprivate mutating func append(_ archive: StateArchive) throws {
    for tensor in archive.tensors {
      try tensor.forEachPart { try append($0, to: tensor.name) }
    }
  }
}
