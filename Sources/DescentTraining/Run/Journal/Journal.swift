import Foundation

/// A line of `metrics.jsonl`.
public enum JournalEntry: Sendable, Equatable {
  /// A step.
  case step(StepRecord)
  /// A step that was skipped.
  case skipped(SkippedRecord)
  /// An evaluation.
  case evaluation(EvaluationRecord)
  /// A spike that the run went back from.
  case spike(SpikeRecord)
  /// What was measured at a step.
  case instruments(InstrumentRecord)

  var record: any MetricRecord & Encodable {
    switch self {
    case .step(let record): record
    case .skipped(let record): record
    case .evaluation(let record): record
    case .spike(let record): record
    case .instruments(let record): record
    }
  }

  /// The line, without its end. Numbers read back to the same bits.
  public var line: String {
    MetricValue.object(record.line)
  }
}

extension JournalEntry: Codable {
  /// Reads the object of a line: one with `val_loss` is an evaluation, one with `skipped` a skipped
  /// step, one with `went_back_to` a spike, one with `instrument_seconds` what was measured, any other a
  /// step. Keys that it does not know are kept as diagnostics or ignored.
  public init(from decoder: any Decoder) throws {
    let line = try [String: MetricValue](from: decoder)
    if line["val_loss"] != nil {
      self = .evaluation(try EvaluationRecord(line: line))
    } else if line["skipped"] != nil {
      self = .skipped(try SkippedRecord(line: line))
    } else if line["went_back_to"] != nil {
      self = .spike(try SpikeRecord(line: line))
    } else if line["instrument_seconds"] != nil {
      self = .instruments(try InstrumentRecord(line: line))
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
  /// What is wrong with the lines that were there: a sentence each.
  let defects: [String]
  /// Where its numbers are written, too.
  private let events: EventFileWriter?

  /// A new journal, or the first `lines` lines of one that is there: later ones are dropped.
  init(
    _ file: URL, keeping lines: Int = 0, events: EventFileWriter? = nil
  ) throws(RunError) {
    self.events = events
    path = file.relativePath
    var status = stat()
    if unsafe stat(file.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw .cannotWrite(path, isFolder ? "it is a folder" : "it is not a regular file")
    }
    var old = Data()
    if lines > 0 {
      do { old = try Data(contentsOf: file) } catch let error as CocoaError
        where error.code == .fileReadNoSuchFile
      {} catch { throw .cannotWrite(path, SystemReason.of(error)) }
    }
    var (end, count, defects): (Int, Int, [String]) = (0, 0, [])
    while count < lines, let newline = old[end...].firstIndex(of: 0x0A) {
      let line = old[end..<newline]
      if !line.isEmpty {
        count += 1
        if String(validating: line, as: UTF8.self) == nil || line.first != 0x7B || line.last != 0x7D
        {
          defects.append("line \(count) of \(path) cannot be read; it is left as it is")
        }
      }
      end = newline + 1
    }
    if count < lines { defects.append("\(path) has lost \(lines - count) of its \(lines) lines") }
    (self.lines, self.defects) = (count, defects)
    let descriptor = unsafe open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
    guard descriptor >= 0 else {
      throw .cannotWrite(path, SystemReason.of(code: errno))
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      try handle.truncate(atOffset: UInt64(end))
      try handle.seekToEnd()
    } catch { throw .cannotWrite(path, SystemReason.of(error)) }
  }

  /// Writes a line.
  func write(_ entry: JournalEntry) throws(RunError) {
    do {
      try handle.write(contentsOf: Data("\(entry.line)\n".utf8))
    } catch { throw .cannotWrite(path, SystemReason.of(error)) }
    lines += 1
    try events?.write(entry)
  }

  /// Waits until its lines are on the disk.
  var synchronize: @Sendable () throws -> Void {
    let (handle, path, events) = (handle, path, events?.synchronize)
    return {
      do { try handle.synchronize() } catch {
        throw RunError.cannotWrite(path, SystemReason.of(error))
      }
      try events?()
    }
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
    let data: Data
    do {
      data = try Data(contentsOf: metrics)
    } catch { throw .unreadable(path: path, reason: SystemReason.of(error)) }
    var lines = data.split(separator: 0x0A, omittingEmptySubsequences: false)
    if !lines.isEmpty { lines.removeLast() }
    let decoder = JSONDecoder()
    var entries: [JournalEntry] = []
    for (number, line) in lines.enumerated() where !line.isEmpty {
      do {
        entries.append(try decoder.decode(JournalEntry.self, from: line))
      } catch {
        let line = String(decoding: line, as: UTF8.self)
        throw .malformed(
          path: path, location: .init(line: number + 1), expected: "a JSON object with a “step”",
          found: line.count > 40 ? "“\(line.prefix(40))…”" : "“\(line)”")
      }
    }
    return entries
  }
}
