import DescentFiles
import DescentTraining
import Foundation

/// What a file is, told by how it begins.
enum LogKind: Equatable {
  case events
  case lines
  case document
  case table(CSVDialect)
  /// An empty file: nothing is there yet, or nothing ever was.
  case empty
  /// Not a log, and why.
  case none(String)

  /// As much as is looked at.
  private static let headSize = 64 << 10
  private static let longHeadSize = 8 << 20

  /// Looks at a file.
  ///
  /// - Throws: `DataError` where it cannot be read.
  static func of(_ path: String) throws(DataError) -> LogKind {
    let file: InputFile
    var head: [UInt8]
    do {
      file = try InputFile(path: path)
      head = try file.bytes(0..<min(file.count, headSize))
      // A header of thousands of columns is longer.
      if !head.contains(0x0A), file.count > headSize {
        head = try file.bytes(0..<min(file.count, longHeadSize))
      }
    } catch { throw DataError(error) }
    return of(head, isWhole: head.count == file.count)
  }

  /// Looks at how a file begins.
  static func of(_ head: [UInt8], isWhole: Bool) -> LogKind {
    if EventFile.begins(head.span) { return .events }
    if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
      return .none("it is text in UTF-16: save it as UTF-8")
    }
    var start = head.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    while start < head.count, head[start] <= 0x20 { start += 1 }
    guard start < head.count else {
      let start = isWhole ? "it holds nothing but" : "it begins with nothing but"
      if head.contains(0) { return .none("\(start) zero bytes") }
      return isWhole ? .empty : .none("\(start) white space")
    }
    switch head[start] {
    case 0x7B: return object(head, start)
    case 0x5B: return .document
    default:
      return head.contains(0)
        ? .none("it is a binary file of another format") : table(head, start, isWhole)
    }
  }

  // MARK: JSON

  /// An object a line, or one object.
  ///
  /// - Parameter tries: how many lines may turn out to be no object.
  private static func object(_ head: [UInt8], _ start: Int, tries: Int = 20) -> LogKind {
    let text = head.span
    let end = text.firstIndex(of: 0x0A, from: start) ?? head.count
    var scanner = JSONScanner(start..<end)
    scanner.index += 1
    var keys: Set<String> = []
    var lists: Set<String> = []
    do throws(JSONScanner.Failure) {
      if !scanner.skip(0x7D, text) {
        repeat {
          let key = JSONScanner.string(text, try scanner.key(text))
          keys.insert(key)
          switch try scanner.value(text) {
          case .list:
            lists.insert(key)
            try scanner.skipRest(text)
          case .object: try scanner.skipRest(text)
          default: break
          }
        } while scanner.skip(0x2C, text)
        try scanner.expect(0x7D, text)
      }
    } catch {
      // Not whole in its line: a document, or the cut line of a log that has just begun.
      if keys.contains("log_history") || end < head.count { return cutObject(head, end, tries) }
      return StepName.rank(in: keys) != nil && lists.isEmpty ? .lines : .document
    }
    if keys.contains("log_history") { return .document }
    let isLast = end + 1 >= head.count
    if !lists.isEmpty, isLast, StepName.rank(in: keys.subtracting(lists)) == nil {
      return .document
    }
    return .lines
  }

  /// A first line that is no object: of a document, unless the next one is one.
  private static func cutObject(_ head: [UInt8], _ end: Int, _ tries: Int) -> LogKind {
    let next = head[min(end + 1, head.count)...].prefix { $0 != 0x0A }
    if tries > 0, next.first == 0x7B, next.last == 0x7D || next.dropLast().last == 0x7D {
      return object(head, end + 1, tries: tries - 1)
    }
    return .document
  }

  // MARK: Tables

  private static func table(_ head: [UInt8], _ start: Int, _ isWhole: Bool) -> LogKind {
    let text = head[start...]
    // A carriage return at the end may be half of the end of a line.
    let newline: UInt8 = !text.contains(0x0A) && text.dropLast().contains(0x0D) ? 0x0D : 0x0A
    var lines = text.split(
      separator: newline, maxSplits: 60, omittingEmptySubsequences: true)
    if !isWhole, lines.count > 1 { lines.removeLast() }
    let comments = lines.prefix { $0.first == UInt8(ascii: "#") }
    lines.removeFirst(comments.count)
    guard let first = lines.first else { return .none("it holds nothing but comments") }
    let dialect = CSVDialect(delimiter: delimiter(of: first), newline: newline)
    var names = names(first, dialect)
    if names.allSatisfy(\.isEmpty) { return .none("no table, no JSON and no events are in it") }
    var rows = lines.dropFirst()
    if names.allSatisfy({ dialect.isNumber($0) || $0.isEmpty }) {
      let header = comments.last.map { self.names($0.dropFirst(), dialect) } ?? []
      guard header.count == names.count, !header.allSatisfy(dialect.isNumber) else {
        return .none(
          "its first line is numbers: a table needs a header with the names of its columns")
      }
      (names, rows) = (header, lines[...])
    }
    if names.count == 1, MetricName(names[0]).key == nil {
      return .none("no table, no JSON and no events are in it")
    }
    if String(validating: first, as: UTF8.self) == nil, names.count < 2 {
      return .none("its header is not text in UTF-8")
    }
    let looksFilled =
      rows.isEmpty
      || rows.contains { row in
        self.names(row, dialect).contains(where: dialect.isNumber)
      }
    let isKnown = names.contains { MetricName($0).key != nil || StepName.rank($0) != nil }
    if rows.isEmpty, !isKnown { return .none("no table, no JSON and no events are in it") }
    return looksFilled || isKnown
      ? .table(dialect) : .none("no column of it holds numbers")
  }

  private static func names(_ line: ArraySlice<UInt8>, _ dialect: CSVDialect) -> [String] {
    var line = line
    while line.last == 0x0D { line.removeLast() }
    let bytes = Array(line)
    return CSVLog.names(bytes.span, bytes.indices, dialect).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
  }

  /// The one of tab, semicolon and comma that stands most often outside quotes.
  private static func delimiter(of line: ArraySlice<UInt8>) -> UInt8 {
    var (counts, isQuoted): ([UInt8: Int], Bool) = ([:], false)
    for byte in line {
      if byte == 0x22 { isQuoted.toggle() }
      if !isQuoted { counts[byte, default: 0] += 1 }
    }
    let (comma, semicolon, tab) = (UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"))
    return [comma, semicolon, tab].max { counts[$0, default: 0] < counts[$1, default: 0] } ?? comma
  }
}

extension StepName {
  /// The best rank among names.
  static func rank(in names: Set<String>) -> Int? { names.compactMap { rank($0) }.min() }
}
