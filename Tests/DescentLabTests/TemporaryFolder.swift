import Foundation

/// The path of a folder that is not there yet, and goes when the test ends.
func inFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}
