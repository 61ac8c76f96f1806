import Foundation

/// A folder that is removed with its contents when the test ends.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appending(path: "safetensors-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  func write(_ bytes: [UInt8], to name: String = "file.safetensors") throws -> String {
    let path = file(name)
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  var contents: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
  }
}

/// A file with `header` and `dataCount` zero bytes behind it.
func safetensors(header: String, dataCount: Int = 0) -> [UInt8] {
  let length = UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    + Array(header.utf8) + [UInt8](repeating: 0, count: dataCount)
}

/// What Python's safetensors 0.8.0 wrote for
///
///     {"scalar": float32(2.5), "empty": zeros((0, 3), float64), "half": float16[1, -2, 65504,
///      6e-8], "flags": [True, False, True], "count": int64[[-1, 2**40]],
///      "weight é": float32[[1.5, -0.25]]}, metadata={"format": "np"}
let pythonFile = [UInt8](
  Data(
    base64Encoded: """
      kAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJucCJ9LCJjb3VudCI6eyJkdHlwZSI6Ikk2NCIsInNo\
      YXBlIjpbMSwyXSwiZGF0YV9vZmZzZXRzIjpbMCwxNl19LCJlbXB0eSI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpb\
      MCwzXSwiZGF0YV9vZmZzZXRzIjpbMTYsMTZdfSwic2NhbGFyIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJk\
      YXRhX29mZnNldHMiOlsxNiwyMF19LCJ3ZWlnaHQgw6kiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzEsMl0sImRh\
      dGFfb2Zmc2V0cyI6WzIwLDI4XX0sImhhbGYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzRdLCJkYXRhX29mZnNl\
      dHMiOlsyOCwzNl19LCJmbGFncyI6eyJkdHlwZSI6IkJPT0wiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlsz\
      NiwzOV19fSAgICAg//////////8AAAAAAAEAAAAAIEAAAMA/AACAvgA8AMD/ewEAAQAB
      """)!)
