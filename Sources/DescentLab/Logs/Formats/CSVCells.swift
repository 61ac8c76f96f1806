/// How a table is written.
struct CSVDialect: Equatable {
  /// What stands between cells.
  let delimiter: UInt8
  /// What ends a line: a line feed, or a carriage return where there is no line feed.
  var newline: UInt8 = 0x0A

  /// Whether a comma may stand before decimals: tables that need commas for that have other delimiters.
  var hasDecimalCommas: Bool { delimiter != UInt8(ascii: ",") }

  /// Whether a cell says a number.
  func isNumber(_ cell: String) -> Bool {
    let bytes = Array(cell.utf8)
    return number(bytes.span, bytes.indices) != nil
  }

  /// The number that a cell says, with decimals behind a point or a comma, maybe in percent.
  func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Double? {
    if let x = Self.number(text, range, point: UInt8(ascii: ".")) { return x }
    return hasDecimalCommas ? Self.number(text, range, point: UInt8(ascii: ",")) : nil
  }

  private static func number(
    _ text: Span<UInt8>, _ range: Range<Int>, point: UInt8
  ) -> Double? {
    var index = range.lowerBound
    guard let x = NumberScanner.number(text, &index, end: range.upperBound, point: point) else {
      return nil
    }
    if index == range.upperBound { return x }
    while index < range.upperBound, text[index] == 0x20 { index += 1 }
    return index + 1 == range.upperBound && text[index] == UInt8(ascii: "%") ? x / 100 : nil
  }
}

/// The cells of a line of a table.
struct CSVCells {
  private let dialect: CSVDialect
  private let delimiter: UInt8
  private(set) var index: Int
  let end: Int
  private var isOver = false

  /// Whether a comma was taken as a decimal point.
  private(set) var hadDecimalComma = false

  init(_ range: Range<Int>, _ dialect: CSVDialect) {
    (index, end, self.dialect) = (range.lowerBound, range.upperBound, dialect)
    delimiter = dialect.delimiter
  }

  /// What a cell says.
  enum Cell {
    case number(Double)
    case empty
    /// Its bytes, without quotes around them.
    case text(Range<Int>)
  }

  /// The next cell; nil behind the last.
  @inline(__always)
  mutating func next(_ text: Span<UInt8>) -> Cell? {
    if isOver { return nil }
    var i = index
    while i < end, text[i] == 0x20 { i += 1 }
    var j = i
    if let x = NumberScanner.number(text, &j, end: end) {
      while j < end, text[j] == 0x20 { j += 1 }
      if j == end || text[j] == delimiter {
        leave(at: j)
        return .number(x)
      }
    } else if i < end, text[i] == delimiter {
      leave(at: i)
      return .empty
    }
    return word(text, from: i)
  }

  /// Goes on behind a cell that ends at `place`.
  @inline(__always)
  private mutating func leave(at place: Int) {
    isOver = place >= end
    index = place + 1
  }

  private mutating func word(_ text: Span<UInt8>, from start: Int) -> Cell {
    let range = nextText(text, from: start)
    return meaning(text, range)
  }

  /// The bytes of the next cell, whatever it says; nil behind the last.
  mutating func nextText(_ text: Span<UInt8>) -> Range<Int>? {
    if isOver { return nil }
    var i = index
    while i < end, text[i] == 0x20 { i += 1 }
    return nextText(text, from: i)
  }

  private mutating func nextText(_ text: Span<UInt8>, from start: Int) -> Range<Int> {
    var i = start
    if i < end, text[i] == 0x22 {
      i += 1
      while i < end {
        if text[i] == 0x22 {
          if i + 1 < end, text[i + 1] == 0x22 { i += 1 } else { break }
        }
        i += 1
      }
      let content = start + 1..<max(start + 1, min(i, end))
      while i < end, text[i] != delimiter { i += 1 }
      leave(at: i)
      return content
    }
    while i < end, text[i] != delimiter { i += 1 }
    var last = i
    while last > start, text[last - 1] == 0x20 { last -= 1 }
    leave(at: i)
    return start..<last
  }

  /// What a text in a cell means.
  private mutating func meaning(_ text: Span<UInt8>, _ range: Range<Int>) -> Cell {
    if range.isEmpty { return .empty }
    if let x = dialect.number(text, range) {
      if dialect.hasDecimalCommas {
        hadDecimalComma = hadDecimalComma || range.contains { text[$0] == UInt8(ascii: ",") }
      }
      return .number(x)
    }
    if range.count <= 5 {
      switch NumberScanner.string(text, range).lowercased() {
      case "none", "null", "na", "n/a", "-", "<na>": return .empty
      case "true": return .number(1)
      case "false": return .number(0)
      default: break
      }
    }
    return .text(range)
  }

  /// A cell as a text, `""` in it read as one quote.
  static func string(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
    NumberScanner.string(text, range).replacing("\"\"", with: "\"")
  }

  /// The end of the line that begins at `start`: the next `newline` that no quotes enclose, or simply
  /// the next one where they do not end soon.
  @inline(__always)
  static func endOfLine(_ text: Span<UInt8>, from start: Int, _ newline: UInt8) -> Int? {
    var (i, hasQuote) = (start, false)
    while i < text.count {
      let byte = text[i]
      if byte == newline { break }
      if byte == 0x22 { hasQuote = true }
      i += 1
    }
    if !hasQuote { return i < text.count ? i : nil }
    return endOfQuotedLine(text, from: start, newline)
  }

  private static func endOfQuotedLine(
    _ text: Span<UInt8>, from start: Int, _ newline: UInt8
  ) -> Int? {
    var (isQuoted, first) = (false, Int?.none)
    for i in start..<text.count {
      if text[i] == 0x22 { isQuoted.toggle() }
      guard text[i] == newline else {
        if let first, i - first > longestCell { return first }
        continue
      }
      if !isQuoted { return i }
      if first == nil { first = i }
    }
    return nil
  }

  private static let longestCell = 64 << 10
}
