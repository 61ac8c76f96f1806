import Foundation

/// Writes `metrics.jsonl`: one JSON object a line.
final class MetricsLog {
  /// A value in a line.
  enum Value {
    case number(Double)
    case integer(Int)
    case flag(Bool)
    case text(String)

    /// JSON has no NaN and no infinity: they are written as null.
    var json: String {
      switch self {
      case .number(let x): x.isFinite ? "\(x)" : "null"
      case .integer(let n): "\(n)"
      case .flag(let on): "\(on)"
      case .text(let text): MetricsLog.quoted(text)
      }
    }
  }

  /// A JSON string; names of groups are the user's.
  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { $0 == "\"" || $0 == "\\" || $0 < " " }) else {
      return "\"\(text)\""
    }
    let json = try? JSONEncoder().encode(text)
    return json.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }

  private let handle: FileHandle

  /// How many lines it has.
  private(set) var lines: Int

  /// A new log, or one that goes on after its first `lines` lines: later ones are dropped.
  init(_ file: URL, keeping lines: Int = 0) throws(RunError) {
    let old = lines == 0 ? "" : (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    let kept = old.split(separator: "\n").prefix(lines).map { $0 + "\n" }
    do {
      try Data(kept.joined().utf8).write(to: file, options: .atomic)
    } catch { throw .cannotWrite(file.relativePath, error.localizedDescription) }
    guard let handle = FileHandle(forWritingAtPath: file.path) else {
      throw .cannotWrite(file.relativePath, "the file cannot be opened")
    }
    handle.seekToEndOfFile()
    (self.handle, self.lines) = (handle, kept.count)
  }

  deinit { try? handle.close() }

  /// Writes a line at once, so that a run can be watched and nothing is lost with the process.
  func write(_ fields: [(name: String, value: Value)]) throws {
    let body = fields.map { "\(Self.quoted($0.name)): \($0.value.json)" }.joined(separator: ", ")
    try handle.write(contentsOf: Data("{\(body)}\n".utf8))
    lines += 1
  }
}
