import Descent
import DescentNN
import Foundation
import Safetensors

/// All that a run needs to go on as if it had never stopped.
struct TrainingState {
  /// The steps done.
  var step: Int
  /// The recipe, as YAML.
  var recipe: String
  /// What tells the data apart from others.
  var data: String
  var scalars: Scalars
  var optimizer: OptimizerState
  /// What the average of the weights remembers.
  var average: [StoredTensor]
  /// The weights and buffers that training goes on from, where they are not the ones to use.
  var training: [(name: String, value: Tensor)]

  /// Numbers that the trainer itself remembers from step to step.
  struct Scalars: Codable {
    /// Lines of the metrics so far.
    var logged: Int
    /// Steps that were skipped, whose batches are not tried again.
    var skipped: Int
    var skippedInARow: Int
    /// The loss scale, 1 for none, and the steps since it changed.
    var lossScale: Float
    var scaleSuccesses: Int
  }
}

/// A checkpoint on disk: a safetensors file.
///
/// | tensor | holds |
/// |---|---|
/// | `<name>` | the weights and buffers to use: averaged, where the run averages |
/// | `training/<name>` | those that training goes on from, where they differ |
/// | `state/...`, `memory/...`, `preconditioner/...` | what ``OptimizerState`` says |
/// | `average/...`, `memory/average/...` | what ``AveragedWeights/state`` says |
///
/// The metadata hold the step, the recipe, what schedules remember and the loss scale. A file without
/// a `rule` has weights alone: the guard writes it.
enum Checkpoint {
  /// The version of the layout.
  static let format = "1"

  /// Writes the model's weights as they are, and what is needed to go on; then removes the `unusable`
  /// checkpoints and all but the newest `keep`. Without a state the file has weights alone, and
  /// nothing is removed.
  static func save(
    _ model: any Module, step: Int, to run: RunDirectory, keep: Int, unusable: [URL] = [],
    state: TrainingState? = nil
  ) throws -> URL {
    let file = file(step, of: run)
    var tensors = model.namedTensors.map {
      SafetensorsTensor($0.name, shape: $0.value.shape, floats: $0.value.scalars)
    }
    var metadata = ["format": format, "step": "\(step)"]
    if let state {
      tensors += state.training.map {
        SafetensorsTensor("training/\($0.name)", shape: $0.value.shape, floats: $0.value.scalars)
      }
      tensors += (state.optimizer.tensors + state.average).map {
        SafetensorsTensor(
          $0.name, dtype: SafetensorsDType(rawValue: $0.element.rawValue)!, shape: $0.shape,
          bytes: $0.bytes)
      }
      metadata["recipe"] = state.recipe
      metadata["data"] = state.data
      metadata["rule"] = state.optimizer.rule
      metadata["state_version"] = "\(state.optimizer.version)"
      metadata["applied_steps"] = "\(state.optimizer.appliedSteps)"
      metadata["schedules"] = try json(state.optimizer.schedules)
      metadata["trainer"] = try json(state.scalars)
    }
    try SafetensorsFile.write(tensors, metadata: metadata, to: file.path)
    guard state != nil else { return file }
    for old in unusable where old != file { try? FileManager.default.removeItem(at: old) }
    for old in run.checkpointFiles.dropLast(keep) { try FileManager.default.removeItem(at: old) }
    return file
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// Where the checkpoint after `step` lies.
  static func file(_ step: Int, of run: RunDirectory) -> URL {
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    return run.checkpoints.appendingPathComponent(name + ".safetensors")
  }

  /// Fills the model's parameters and buffers from a checkpoint; every one must be there, with its
  /// shape. With a prefix, from those that have it, where there are any.
  static func load(_ file: URL, into model: any Module, preferring prefix: String = "") throws {
    let stored = try SafetensorsFile(path: file.path)
    func tensor(_ name: String, like other: Tensor) throws -> Tensor {
      let name = stored.contains(prefix + name) ? prefix + name : name
      let entry = try stored.entry(name)
      guard entry.shape == other.shape else {
        throw RunError.checkpointMismatch(
          "\(file.relativePath): \(name) has shape \(entry.shape), the model has \(other.shape)")
      }
      return try Tensor(shape: entry.shape, scalars: stored.floats(of: name))
    }
    // Nothing changes before everything is there.
    let parameters = try model.namedParameters.map { ($1, try tensor($0, like: $1.value)) }
    let buffers = try model.namedBuffers.map { ($1, try tensor($0, like: $1.value)) }
    for (parameter, value) in parameters { parameter.value = value }
    for (buffer, value) in buffers { buffer.value = value }
  }

  /// What a run needs to go on.
  ///
  /// - Throws: errors of reading, and ``RunError/unusableCheckpoint(_:_:)`` for a file that is not a
  ///   checkpoint, or has weights alone. `training` stays empty: ``load(_:into:preferring:)`` reads it.
  static func state(_ file: URL) throws -> TrainingState {
    let stored = try SafetensorsFile(path: file.relativePath)
    let metadata = stored.metadata
    func unusable(_ reason: String) -> RunError { .unusableCheckpoint(file.relativePath, reason) }
    guard let found = metadata["format"] else {
      throw unusable("it is not a checkpoint of a run")
    }
    guard found == format else {
      throw unusable("it has format \(found), and this version of descent reads format \(format)")
    }
    guard let rule = metadata["rule"] else {
      throw unusable("it holds weights alone, kept when training had to stop")
    }
    func decoded<T: Decodable>(_ key: String) -> T? {
      metadata[key].flatMap { try? JSONDecoder().decode(T.self, from: Data($0.utf8)) }
    }
    guard let step: Int = decoded("step"), step >= 0,
      let applied: Int = decoded("applied_steps"), applied >= 0,
      let version: Int = decoded("state_version"),
      let recipe = metadata["recipe"], let data = metadata["data"],
      let schedules: [[String: MetricState]] = decoded("schedules"),
      let scalars: TrainingState.Scalars = decoded("trainer")
    else { throw unusable("its metadata are incomplete") }
    func tensors(_ belongs: (String) -> Bool) throws -> [StoredTensor] {
      try stored.entries.filter { belongs($0.name) }.map { entry in
        guard let element = StoredTensor.Element(rawValue: entry.dtype.rawValue) else {
          throw unusable("\(entry.name) has the element type \(entry.dtype.rawValue)")
        }
        return StoredTensor(
          entry.name, element, shape: entry.shape, bytes: try stored.bytes(of: entry.name))
      }
    }
    let isAverage = { (name: String) in
      name.hasPrefix("average/") || name.hasPrefix("memory/average/")
    }
    let optimizer = try tensors { name in
      ["state/", "memory/", "preconditioner/"].contains { name.hasPrefix($0) } && !isAverage(name)
    }
    return TrainingState(
      step: step, recipe: recipe, data: data, scalars: scalars,
      optimizer: OptimizerState(
        version: version, rule: rule, appliedSteps: applied, schedules: schedules,
        tensors: optimizer),
      average: try tensors(isAverage), training: [])
  }
}

extension Module {
  /// The weights and buffers, by name.
  var namedTensors: [(name: String, value: Tensor)] {
    namedParameters.map { ($0.name, $0.parameter.value) }
      + namedBuffers.map { ($0.name, $0.buffer.value) }
  }
}
