import DescentFiles
import Foundation

/// What a list needs of a `metrics.jsonl`, read from its end, and later only what was added.
///
/// Evaluations before that end are looked for by ``lookBack(in:)``, when there is time.
struct MetricsScan: Sendable {
  /// The steps done, and the loss of the last one.
  private(set) var step = 0
  private(set) var loss: Double?
  /// The last evaluation, and the best.
  private(set) var last: RunSummary.Evaluation?
  private(set) var best: RunSummary.Evaluation?
  /// Whether the last line is an evaluation, or a step that was left out.
  private(set) var endsWithEvaluation = false
  private(set) var endsWithSkip = false
  /// How long the last steps took.
  private var seconds: [Double] = []
  /// What was read: from here to there.
  private var start = 0
  private var end = 0
  /// The last bytes that were read: where they are others now, the file was written anew.
  private var tail: [UInt8] = []
  private var number: UInt64 = 0

  /// How much of a file is read the first time.
  static let firstLook = 16 << 10
  private static let piece = 1 << 20

  /// Whether evaluations before the part that was read are missing.
  var isComplete: Bool { start == 0 }

  /// What a step takes, in seconds.
  var secondsPerStep: Double? {
    seconds.isEmpty ? nil : seconds.reduce(0, +) / Double(seconds.count)
  }

  /// Reads what was added; all from the end, where the file is another one.
  mutating func advance(_ path: String, _ stamp: FileStamp) throws(FileError) {
    let file = try InputFile(path: path)
    var isSame = stamp.number == number && file.count >= end
    if isSame, !tail.isEmpty { isSame = try file.bytes(end - tail.count..<end) == tail }
    if !isSame || end == 0 { try begin(file) }
    number = stamp.number
    while end < file.count {
      let bytes = try file.bytes(end..<min(file.count, end + Self.piece))
      // A line that is still being written is read the next time.
      guard let newline = bytes.lastIndex(of: 0x0A) else {
        if bytes.count < Self.piece { break }
        end += bytes.count
        continue
      }
      take(bytes[...newline])
      end += newline + 1
      tail = bytes[...newline].suffix(64)
    }
  }

  private mutating func begin(_ file: InputFile) throws(FileError) {
    self = MetricsScan()
    // A line with histograms may be longer than the first look.
    var length = Self.firstLook
    while length < file.count, length < 64 << 20 {
      let bytes = try file.bytes(file.count - length..<file.count)
      if let newline = bytes.firstIndex(of: 0x0A), newline < bytes.count - 1,
        bytes[(newline + 1)...].contains(0x0A)
      {
        start = file.count - length + newline + 1
        end = start
        return
      }
      length *= 4
    }
  }

  /// Looks for evaluations in what was not read yet.
  mutating func lookBack(in path: String) throws(FileError) {
    guard start > 0 else { return }
    let file = try InputFile(path: path)
    var older = MetricsScan()
    while older.end < start {
      let bytes = try file.bytes(older.end..<min(start, older.end + Self.piece))
      guard let newline = bytes.lastIndex(of: 0x0A) else {
        older.end += bytes.count
        continue
      }
      older.takeEvaluations(bytes[...newline])
      older.end += newline + 1
    }
    takeOver(older)
  }

  /// Takes over what another one of the same file found before the part that this one read.
  mutating func complete(with other: MetricsScan) {
    guard other.number == number, other.isComplete, start > 0 else { return }
    takeOver(other)
  }

  private mutating func takeOver(_ older: MetricsScan) {
    start = 0
    if last == nil { last = older.last }
    if let other = older.best, other.loss < best?.loss ?? .infinity { best = other }
  }

  // MARK: Lines

  private mutating func take(_ bytes: ArraySlice<UInt8>) {
    takeEvaluations(bytes)
    // The last lines alone say how it stands.
    var (lines, rest): ([ArraySlice<UInt8>], ArraySlice<UInt8>) = ([], bytes.dropLast())
    while lines.count < 24, !rest.isEmpty {
      let from = rest.lastIndex(of: 0x0A).map { $0 + 1 } ?? rest.startIndex
      lines.append(rest[from...])
      rest = rest[..<max(rest.startIndex, from - 1)]
    }
    for line in lines.reversed() {
      guard let at = Self.number("step", in: line) else { continue }
      endsWithEvaluation = Self.hasKey("val_loss", in: line)
      endsWithSkip = Self.hasKey("skipped", in: line)
      if let gone = Self.number("went_back_to", in: line) {
        step = StepName.whole(gone) ?? step
      } else if !endsWithSkip {
        step = StepName.whole(at) ?? step
      }
      if endsWithEvaluation || endsWithSkip { continue }
      if Self.hasKey("loss", in: line) { loss = Self.number("loss", in: line) ?? .nan }
      if let time = Self.number("seconds", in: line), time >= 0 {
        seconds = seconds.suffix(23) + [time]
      }
    }
  }

  private mutating func takeEvaluations(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while let newline = rest.firstIndex(of: 0x0A) {
      let line = rest[..<newline]
      rest = rest[(newline + 1)...]
      // The key is the second one of its line.
      guard Self.hasKey("val_loss", in: line.prefix(64)) else { continue }
      guard let step = Self.number("step", in: line), let step = StepName.whole(step)
      else { continue }
      // What was not finite is written as null.
      let loss = Self.number("val_loss", in: line) ?? .nan
      last = .init(loss: loss, step: step)
      if loss.isFinite, loss < best?.loss ?? .infinity { best = last }
    }
  }

  private static func hasKey(_ key: StaticString, in line: ArraySlice<UInt8>) -> Bool {
    place(of: key, in: line) != nil
  }

  /// Where the value of a key begins.
  private static func place(of key: StaticString, in line: ArraySlice<UInt8>) -> Int? {
    let count = key.utf8CodeUnitCount
    var index = line.startIndex
    while index + count + 2 < line.endIndex {
      guard line[index] == 0x22 else {
        index += 1
        continue
      }
      var length = 0
      while length < count, unsafe line[index + 1 + length] == key.utf8Start[length] { length += 1 }
      if length == count, line[index + 1 + count] == 0x22 {
        var place = index + count + 2
        while place < line.endIndex, line[place] == 0x3A || line[place] == 0x20 { place += 1 }
        return place
      }
      index += 1
    }
    return nil
  }

  private static func number(_ key: StaticString, in line: ArraySlice<UInt8>) -> Double? {
    guard let place = place(of: key, in: line) else { return nil }
    let text = line[place...].prefix { $0 != 0x2C && $0 != 0x7D && $0 > 0x20 }
    return Double(String(decoding: text, as: UTF8.self))
  }
}
