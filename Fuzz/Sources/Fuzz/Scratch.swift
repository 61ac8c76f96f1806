import Foundation

/// A folder for the files that readers are given, in memory where the system has such a place.
enum Scratch {
  /// `Scripts/fuzz.sh` names it, and removes it.
  static let folder =
    ProcessInfo.processInfo.environment["FUZZ_SCRATCH"]
    ?? FileManager.default.temporaryDirectory.path + "/descent-fuzz"

  static func prepare() {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch { fatalError("\(folder) cannot be made: \(error)") }
  }

  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// Writes a file and returns its path.
  @discardableResult
  static func write(_ bytes: [UInt8], to name: String) -> String {
    let path = path(name)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { fatalError("\(path) cannot be written") }
    defer { close(descriptor) }
    let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    guard written == bytes.count else { fatalError("\(path) cannot be written") }
    return path
  }

  static func read(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(name))))
  }
}
