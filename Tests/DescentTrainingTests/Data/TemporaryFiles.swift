import DescentTraining
import Foundation

/// A folder that is removed with its contents when the test ends.
final class TemporaryFiles: Sendable {
  let folder: String

  init() throws {
    folder =
      FileManager.default.temporaryDirectory.appending(path: "data-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { folder + "/" + name }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: path(name)))
    return path(name)
  }

  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  /// Packs a file of this folder by gzip, under the same name with `.gz`.
  func pack(_ path: String) throws -> String {
    let gzip = Process()
    gzip.executableURL = URL(filePath: "/usr/bin/env")
    gzip.arguments = ["gzip", path]
    try gzip.run()
    gzip.waitUntilExit()
    return path + ".gz"
  }
}

extension LabelledData {
  /// The examples with their classes.
  var classified: ClassificationDataset.Split {
    get throws {
      guard case .classes(let split) = self else { throw Kind.numbers }
      return split
    }
  }

  /// The examples with their numbers.
  var measured: RegressionDataset.Split {
    get throws {
      guard case .numbers(let split) = self else { throw Kind.classes }
      return split
    }
  }

  private enum Kind: Error { case classes, numbers }
}
