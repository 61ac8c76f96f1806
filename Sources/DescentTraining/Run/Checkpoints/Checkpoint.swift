public import Descent
public import DescentNN
public import Foundation
public import Safetensors

/// A checkpoint on disk: a safetensors file, open for reading. Opening reads the header alone, which
/// also says whether the file is whole; ``verify()`` reads all of it and compares the checksums.
///
/// ```swift
/// let checkpoint = try Checkpoint(newestOf: run)
/// print(checkpoint.step, checkpoint.tensors.map(\.name))
/// try checkpoint.loadWeights(into: model)
/// let momentum = try checkpoint.floats(of: "state/exp_avg/w")
/// ```
///
/// | tensor | holds |
/// |---|---|
/// | `<name>` | the weights and buffers to use: averaged, where the run averages |
/// | `training/<name>` | those that training resumes from, where they differ |
/// | everything else | what `SavedState` says |
///
/// The metadata hold the step, the recipe, a fingerprint of the data, what schedules remember, the
/// trainer's counters and checksums. A file without a `rule` has weights alone: the guard writes it.
public struct Checkpoint: Sendable {
  /// The version of the layout.
  static let format = "2"

  /// Where it lies.
  public let file: URL
  let stored: SafetensorsFile

  /// Opens a checkpoint.
  ///
  /// - Throws: errors of reading, and ``RunError/unusableCheckpoint(_:_:)`` for a file that is no
  ///   checkpoint of this format.
  public init(_ file: URL) throws {
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

  /// The newest checkpoint of a run that can be read; its checksums are compared.
  ///
  /// - Throws: ``DataError`` where there is none, or what is wrong with the newest.
  public init(newestOf run: RunDirectory) throws {
    self = try Checkpoint.newestWeights(of: run).checkpoint
  }

  /// The steps done by then.
  public var step: Int { stored.metadata["step"].flatMap { Int($0) } ?? 0 }

  /// Reads the whole file and compares it with its checksums, and its step with its name.
  ///
  /// - Throws: ``RunError/unusableCheckpoint(_:_:)`` where it is not what was written.
  public func verify() throws(RunError) {
    if let named = RunDirectory.step(of: file), named != step {
      throw .unusableCheckpoint(
        file.relativePath, "its name says step \(named), but it was written after step \(step)")
    }
    if let defect = CheckpointChecksums.defect(of: stored) {
      throw .unusableCheckpoint(file.relativePath, defect)
    }
  }

  // MARK: Reading

  /// What is in it, in the order of the file: weights and buffers under their names, and the rest as the
  /// table above says.
  public var tensors: [SafetensorsEntry] { stored.entries }

  /// What it says besides.
  public var metadata: [String: String] { stored.metadata }

  /// Whether it holds more than weights: the state of an optimizer.
  public var hasState: Bool { stored.metadata["rule"] != nil }

  /// The elements of a tensor of any float type, by its name.
  ///
  /// State in 8 bits is codes: it is read by loading it into an optimizer, whose `state` says what they
  /// mean.
  ///
  /// - Throws: `SafetensorsError` for a name that is not there, or elements that are no floats.
  public func floats(of name: String) throws(SafetensorsError) -> [Float] {
    try stored.floats(of: name)
  }

  /// The recipe, as YAML, of the run as it was then.
  public var recipe: String? { stored.metadata["recipe"] }

  /// What told the data to train on apart from others; nil where weights alone were kept.
  var dataFingerprint: String? { stored.metadata["data"] }

  /// Fills the model's parameters and buffers with the weights to use; every one must be there, with
  /// its shape.
  public func loadWeights(into model: any Module) throws(RunError) {
    try restore(.result) { archive throws(StateMismatch) in try model.archive(archive) }
  }

  /// Fills a model with the weights that training goes on with, and an optimizer with its state; what a
  /// run has besides, such as averages, stays where it is.
  ///
  /// - Throws: the first thing that does not fit; then nothing was changed.
  public func load(_ model: any Module, _ optimizer: Optimizer<Float>) throws(RunError) {
    guard hasState else {
      throw .unusableCheckpoint(file.relativePath, "it has weights and no state of an optimizer")
    }
    let prefix = stored.names.contains { $0.hasPrefix(Self.training) } ? Self.training : ""
    try restore(.optimizer) { archive throws(StateMismatch) in
      try archive.part(optimizer)
      try archive.scope(prefix) { () throws(StateMismatch) in try model.archive(archive) }
    }
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
    let source = Source(stored, part)
    do throws(StateMismatch) {
      try StateArchive.restoring(from: source, convertsState: convertsState, archived)
    } catch { throw .checkpointMismatch("\(file.relativePath): \(error)") }
    if let failure = source.failure { throw .unusableCheckpoint(file.relativePath, "\(failure)") }
  }

  /// One of the two sets of weights in a file, with what belongs to it.
  private final class Source: StateSource {
    enum Part { case result, optimizer, training }

    /// What kept a tensor from being read.
    private(set) var failure: SafetensorsError?

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
        // Averages and what else belongs to a run alone stay.
        case .optimizer:
          stored.names.filter { name in
            !twice.contains(name)
              && !["average/", "memory/average/", "spike/"].contains(where: name.hasPrefix)
          }
        }
    }

    func tensor(_ name: String) -> (element: StoredTensor.Element, shape: [Int])? {
      guard let entry = try? stored.entry(name),
        let element = StoredTensor.Element(rawValue: entry.dtype.rawValue)
      else { return nil }
      return (element, entry.shape)
    }

    func read(_ name: String, at offset: Int, into memory: inout MutableRawSpan) {
      do throws(SafetensorsError) {
        try stored.read(name, from: offset, into: &memory)
      } catch { failure = failure ?? error }
    }

    func note(_ name: String) -> String? { stored.metadata[name] }
  }

  /// What the names of weights begin with that training resumes from, where they are not the ones to
  /// use.
  static let training = "training/"
}
