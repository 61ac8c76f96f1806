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

  /// A new log, or one that goes on after `step`: lines of later steps are dropped, and one that an
  /// end of the process cut short.
  init(_ file: URL, goingOnAfter step: Int = 0) throws(RunError) {
    struct Line: Decodable { let step: Int }
    let kept = ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n")
      .filter { line in
        let read = try? JSONDecoder().decode(Line.self, from: Data(line.utf8))
        return read.map { $0.step <= step } ?? false
      }
    do {
      try Data(kept.map { $0 + "\n" }.joined().utf8).write(to: file, options: .atomic)
    } catch { throw .cannotWrite(file.relativePath, error.localizedDescription) }
    guard let handle = FileHandle(forWritingAtPath: file.path) else {
      throw .cannotWrite(file.relativePath, "the file cannot be opened")
    }
    handle.seekToEndOfFile()
    self.handle = handle
  }

  deinit { try? handle.close() }

  /// Writes a line at once, so that a run can be watched and nothing is lost with the process.
  func write(_ fields: [(name: String, value: Value)]) throws {
    let body = fields.map { "\(Self.quoted($0.name)): \($0.value.json)" }.joined(separator: ", ")
    try handle.write(contentsOf: Data("{\(body)}\n".utf8))
  }
}
