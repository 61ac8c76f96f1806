import DescentCompute
import Foundation
import Safetensors

/// The checksums of a checkpoint, in its metadata.
///
/// | key | holds |
/// |---|---|
/// | `crc32c` | a JSON object with the CRC-32C of each tensor's bytes, by its name |
/// | `crc32c_header` | that of all other metadata and of each tensor's name, type and shape |
enum CheckpointChecksums {
  private static let tensors = "crc32c"
  private static let header = "crc32c_header"

  /// The metadata with the checksums.
  static func seal(
    _ metadata: [String: String], _ tensors: [(name: String, dtype: String, shape: [Int])],
    _ sums: [String: CRC32C]
  ) -> [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let texts = sums.mapValues(\.text)
    // A dictionary of texts always can be encoded.
    let json = (try? encoder.encode(texts)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    var sealed = metadata.merging([Self.tensors: json]) { $1 }
    sealed[header] = headerSum(sealed, tensors).text
    return sealed
  }

  /// What is wrong with a file; nil when it is what was written.
  static func defect(of file: SafetensorsFile) -> String? {
    let entries = file.entries.map { ($0.name, $0.dtype.rawValue, $0.shape) }
    guard let text = file.metadata[tensors], let found = file.metadata[header],
      let sums = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    else { return "its checksums are missing" }
    guard headerSum(file.metadata, entries).text == found else {
      return "its header is not what was written: its checksum differs"
    }
    for name in file.names {
      let sum = try? file.withBytes(of: name) { CRC32C(of: $0).text }
      guard let sum, sum == sums[name] else {
        return "\(name) is not what was written: its checksum differs"
      }
    }
    return nil
  }

  /// The same, of a file that need not be a checkpoint: nil where there are no checksums.
  static func defectOfSealed(_ file: SafetensorsFile) -> String? {
    file.metadata[header] == nil ? nil : defect(of: file)
  }

  private static func headerSum(
    _ metadata: [String: String], _ tensors: [(name: String, dtype: String, shape: [Int])]
  ) -> CRC32C {
    let notes = metadata.filter { $0.key != header }.sorted { $0.key < $1.key }
    let entries = tensors.sorted { $0.name < $1.name }
    return CRC32C(
      of: notes.map { "\($0.key)=\($0.value)\n" }.joined()
        + entries.map { "\($0.name) \($0.dtype) \($0.shape)\n" }.joined())
  }
}
