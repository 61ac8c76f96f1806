import DescentLab
import DescentTraining
import Foundation
import Testing

/// A folder for logs that is removed with the test.
final class LogFiles: Sendable {
  let folder: String

  init() throws {
    folder =
      FileManager.default.temporaryDirectory.appending(path: "logs-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let url = URL(filePath: path(name))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return path(name)
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  func append(_ bytes: [UInt8], to name: String) throws {
    let handle = try FileHandle(forWritingTo: URL(filePath: path(name)))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
  }

  func append(_ text: String, to name: String) throws { try append(Array(text.utf8), to: name) }

  /// The logs in a file of this content.
  func logs(_ text: String, name: String = "run.csv") throws -> [RunLog] {
    try RunLog.read([write(text, to: name)])
  }

  /// The only log in a file of this content.
  func log(_ text: String, name: String = "run.csv") throws -> RunLog {
    let logs = try logs(text, name: name)
    try #require(logs.count == 1)
    return logs[0]
  }

  /// The sentence with which a file of this content is refused.
  func refusal(_ bytes: [UInt8], name: String = "run.csv") throws -> String {
    let path = try write(bytes, to: name)
    let error = #expect(throws: DataError.self) { try RunLog.read([path]) }
    return (error.map { "\($0)" } ?? "").replacing(folder + "/", with: "")
  }
}

extension RunLog {
  /// Steps and values of a metric as a text: `1:2.5 2:nan`.
  func text(_ name: String) -> String? {
    tracks[name].map { track in
      zip(track.steps, track.values).map { step, value in
        let whole = Int(exactly: value).map { "\($0)" }
        return "\(step):\(whole ?? "\(value)")"
      }.joined(separator: " ")
    }
  }

  /// All metrics so.
  var text: [String: String] {
    Dictionary(uniqueKeysWithValues: tracks.keys.map { ($0, text($0) ?? "") })
  }
}
