import Foundation

/// A line of `metrics.jsonl`.
public enum JournalEntry: Sendable, Equatable {
  /// A step.
  case step(StepRecord)
  /// A step that was skipped.
  case skipped(SkippedRecord)
  /// An evaluation.
  case evaluation(EvaluationRecord)

  private var record: any MetricRecord & Encodable {
    switch self {
    case .step(let record): record
    case .skipped(let record): record
    case .evaluation(let record): record
    }
  }

  /// The line, without its end. Numbers read back to the same bits.
  public var line: String {
    let fields = record.values.map { "\(MetricValue.quoted($0.key)): \($0.value.json)" }
    return "{\(fields.joined(separator: ", "))}"
  }
}

extension JournalEntry: Codable {
  /// Reads the object of a line: one with `val_loss` is an evaluation, one with `skipped` a skipped
  /// step, any other a step. Keys that it does not know are kept as diagnostics or ignored.
  public init(from decoder: any Decoder) throws {
    let line = try [String: MetricValue](from: decoder)
    if line["val_loss"] != nil {
      self = .evaluation(try EvaluationRecord(line: line))
    } else if line["skipped"] != nil {
      self = .skipped(try SkippedRecord(line: line))
    } else {
      self = .step(try StepRecord(line: line))
    }
  }

  /// Writes the object of a line.
  public func encode(to encoder: any Encoder) throws { try record.encode(to: encoder) }
}

/// Writes `metrics.jsonl`: a line for each entry, at once, so that a run can be watched and nothing
/// is lost with the process.
final class Journal {
  private let handle: FileHandle
  private let path: String
  /// How many lines it has.
  private(set) var lines: Int

  /// A new journal, or the first `lines` lines of one that is there: later ones are dropped.
  init(_ file: URL, keeping lines: Int = 0) throws(RunError) {
    path = file.relativePath
    let old = lines == 0 ? "" : (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    let kept = old.split(separator: "\n").prefix(lines).map { $0 + "\n" }
    do {
      try Data(kept.joined().utf8).write(to: file, options: .atomic)
    } catch { throw .cannotWrite(path, error.localizedDescription) }
    guard let handle = FileHandle(forWritingAtPath: file.path) else {
      throw .cannotWrite(path, "the file cannot be opened")
    }
    handle.seekToEndOfFile()
    (self.handle, self.lines) = (handle, kept.count)
  }

  deinit { try? handle.close() }

  /// Writes a line.
  func write(_ entry: JournalEntry) throws(RunError) {
    do {
      try handle.write(contentsOf: Data("\(entry.line)\n".utf8))
    } catch { throw .cannotWrite(path, error.localizedDescription) }
    lines += 1
  }
}

extension RunDirectory {
  /// What `metrics.jsonl` says so far, line by line, without a last line that is still being
  /// written.
  ///
  /// - Throws: ``DataError`` for a file that cannot be read, and the first line that is not one of
  ///   metrics.
  public func entries() throws(DataError) -> [JournalEntry] {
    let path = metrics.relativePath
    guard FileManager.default.fileExists(atPath: metrics.path) else {
      throw .missingFile(path: path, advice: "the run has not started yet")
    }
    let text: String
    do {
      text = try String(contentsOf: metrics, encoding: .utf8)
    } catch { throw .unreadable(path: path, reason: error.localizedDescription) }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeLast()
    let decoder = JSONDecoder()
    var entries: [JournalEntry] = []
    for (number, line) in lines.enumerated() where !line.isEmpty {
      do {
        entries.append(try decoder.decode(JournalEntry.self, from: Data(line.utf8)))
      } catch {
        throw .malformed(
          path: path, location: .init(line: number + 1), expected: "a JSON object with a “step”",
          found: line.count > 40 ? "“\(line.prefix(40))…”" : "“\(line)”")
      }
    }
    return entries
  }
}
