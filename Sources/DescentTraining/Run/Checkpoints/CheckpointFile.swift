import Descent
import DescentCompute
import Foundation
import Safetensors

/// A number that is NaN or infinite is in what was to be kept.
struct NonFiniteTensor: Error, CustomStringConvertible {
  let name: String
  let index: Int

  var description: String { "\(name) is not finite at element \(index)" }
}

/// A checkpoint that is being written: under a temporary name until ``commit()``.
struct CheckpointFile: ~Copyable {
  private let writer: SafetensorsWriter

  /// Writes a snapshot beside its place, and waits until it is on the disk.
  ///
  /// - Parameter isTrusted: whether numbers that are not finite may be kept.
  /// - Throws: ``NonFiniteTensor`` for numbers that must not be kept, and errors of writing.
  init(_ snapshot: CheckpointSnapshot, step: Int, to file: URL, isTrusted: Bool = false) throws {
    let tensors = snapshot.tensors
    var sums: [String: CRC32C] = [:]
    for tensor in tensors {
      try snapshot.withBytes(of: tensor) { bytes in
        if !isTrusted, let index = tensor.firstNonFinite(in: bytes) {
          throw NonFiniteTensor(name: tensor.name, index: index)
        }
        sums[tensor.name] = CRC32C(of: bytes)
      }
    }
    let metadata = CheckpointChecksums.seal(
      snapshot.notes.merging(["format": Checkpoint.format, "step": "\(step)"]) { $1 },
      tensors.map { ($0.name, $0.element.rawValue, $0.shape) }, sums)
    var writer = try SafetensorsWriter(
      path: file.path,
      tensors: tensors.map {
        ($0.name, SafetensorsDType(rawValue: $0.element.rawValue)!, $0.shape)
      },
      metadata: metadata)
    for tensor in tensors {
      try snapshot.withBytes(of: tensor) { try writer.append($0, to: tensor.name) }
    }
    try writer.synchronize()
    self.writer = writer
  }

  /// Gives the file its name.
  consuming func commit() throws { try writer.finish() }
}
