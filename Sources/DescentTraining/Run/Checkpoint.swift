import Descent
import DescentNN
import Foundation
import Safetensors

/// Weights on disk: a safetensors file of the model's parameters and buffers under their names.
enum Checkpoint {
  /// Writes the model's weights as they are after `step` and removes all but the newest `keep`
  /// checkpoints. What schedules remember is kept in the metadata, as JSON.
  static func save(
    _ model: any Module, step: Int, to run: RunDirectory, keep: Int,
    schedules: [[String: MetricState]] = []
  ) throws -> URL {
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    let file = run.checkpoints.appendingPathComponent(name + ".safetensors")
    let tensors =
      model.namedParameters.map { ($0.name, $0.parameter.value) }
      + model.namedBuffers.map { ($0.name, $0.buffer.value) }
    var metadata = ["step": "\(step)"]
    if schedules.contains(where: { !$0.isEmpty }) {
      metadata["schedules"] = String(decoding: try JSONEncoder().encode(schedules), as: UTF8.self)
    }
    try SafetensorsFile.write(
      tensors.map { SafetensorsTensor($0.0, shape: $0.1.shape, floats: $0.1.scalars) },
      metadata: metadata, to: file.path)
    for old in run.checkpointFiles.dropLast(keep) { try FileManager.default.removeItem(at: old) }
    return file
  }

  /// Fills the model's parameters and buffers from a checkpoint; every one must be there, with its
  /// shape.
  static func load(_ file: URL, into model: any Module) throws {
    let stored = try SafetensorsFile(path: file.path)
    func tensor(_ name: String, like other: Tensor) throws -> Tensor {
      let entry = try stored.entry(name)
      guard entry.shape == other.shape else {
        throw RunError.checkpointMismatch(
          "\(file.relativePath): \(name) has shape \(entry.shape), the model has \(other.shape)")
      }
      return try Tensor(shape: entry.shape, scalars: stored.floats(of: name))
    }
    for (name, parameter) in model.namedParameters {
      parameter.value = try tensor(name, like: parameter.value)
    }
    for (name, buffer) in model.namedBuffers {
      buffer.value = try tensor(name, like: buffer.value)
    }
  }
}
