/// Splits the bytes of a CSV file into rows and cells, without copying cells.
package struct CSVReader {
  let path: String
  /// What stands between cells.
  let separator: Separator
  private var bytes: [UInt8]
  private var position = 0
  private var nextLine = 1
  /// The line on which the last row began, from 1.
  package private(set) var line = 0

  /// What may stand between cells.
  package enum Separator: UInt8 {
    case comma = 0x2C
    /// Where the comma is the decimal point.
    case semicolon = 0x3B
    case tab = 0x09
  }

  /// A reader at the first row.
  ///
  /// - Parameters:
  ///   - path: the file, for messages.
  ///   - bytes: the table, or how it begins.
  ///   - separator: what stands between cells; nil is what the first rows suggest.
  ///   - isWhole: whether the bytes are all of the table.
  package init(path: String, bytes: [UInt8], separator: Separator? = nil, isWhole: Bool = true) {
    self.path = path
    self.bytes = bytes
    self.separator = separator ?? Self.separator(of: bytes, areAll: isWhole)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }  // a byte order mark
  }

  /// The separator that cuts the first rows into equally many cells, more than one: the comma,
  /// unless its cells hold tabs, or the cells between semicolons are numbers with decimal commas.
  private static func separator(of bytes: [UInt8], areAll: Bool) -> Separator {
    func cells(_ separator: Separator) -> [String]? {
      var reader = CSVReader(path: "", bytes: bytes, separator: separator)
      var (row, all): ([Range<Int>], [String]) = ([], [])
      var width = 0
      for _ in 0..<10 {
        guard (try? reader.next(&row)) == true, areAll || !reader.isAtEnd else { break }
        if width == 0 { width = row.count }
        guard row.count == width, width > 1 else { return nil }
        all += row.map { reader.text($0) }
      }
      return all.isEmpty ? nil : all
    }
    let commas = cells(.comma)
    func isDecimal(_ cell: String) -> Bool {
      Float(cell.replacing(",", with: ".", maxReplacements: 1)) != nil
    }
    if let found = cells(.semicolon),
      commas == nil || found.allSatisfy({ !$0.contains(",") || isDecimal($0) })
    {
      return .semicolon
    }
    if commas.map({ $0.contains { $0.contains("\t") } }) ?? true, cells(.tab) != nil { return .tab }
    return .comma
  }

  /// Refuses what is written in another encoding.
  static func requireUTF8(_ bytes: [UInt8], _ path: String) throws(DataError) {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw DataError.malformed(path: path, expected: "a table in UTF-8", found: "one in UTF-16")
    }
  }

  private static let quote = UInt8(ascii: "\"")
  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  /// Puts the cells of the next row that is not blank into `row`; false at the end.
  ///
  /// A cell is the range of its bytes without spaces around it, with quotes if it has them.
  package mutating func next(_ row: inout [Range<Int>]) throws(DataError) -> Bool {
    row.removeAll(keepingCapacity: true)
    skipBlankLines()
    line = nextLine
    if position == bytes.count { return false }
    while true {
      row.append(try cell(column: row.count + 1))
      if position == bytes.count { return true }
      position += 1
      if bytes[position - 1] == separator.rawValue { continue }
      if bytes[position - 1] == Self.carriageReturn, position < bytes.count,
        bytes[position] == Self.newline
      {
        position += 1
      }
      nextLine += 1
      return true
    }
  }

  private mutating func skipBlankLines() {
    var ahead = position
    while ahead < bytes.count {
      switch bytes[ahead] {
      case 0x20, 0x09: ahead += 1
      case Self.newline, Self.carriageReturn:
        let isPair = bytes[ahead...].starts(with: [Self.carriageReturn, Self.newline])
        ahead += isPair ? 2 : 1
        nextLine += 1
        position = ahead
      default: return
      }
    }
    position = ahead
  }

  // MARK: Tables that come in pieces

  /// Where a reader was.
  struct Mark {
    fileprivate let position: Int
    /// The line that follows, and that of the last row.
    let nextLine, line: Int
  }

  /// Where it is, to come back to.
  var mark: Mark { Mark(position: position, nextLine: nextLine, line: line) }

  /// Whether all bytes have been read.
  var isAtEnd: Bool { position == bytes.count }

  /// The bytes that are there, read or not.
  var size: Int { bytes.count }

  /// Goes back to where it was, before any more bytes came.
  mutating func goBack(to mark: Mark) {
    (position, nextLine, line) = (mark.position, mark.nextLine, mark.line)
  }

  /// Takes in more bytes, and lets go of those that were read.
  mutating func append(_ more: [UInt8]) {
    bytes.removeSubrange(..<position)
    bytes += more
    position = 0
  }

  /// A row as it is written, quotes included, without the spaces around its cells.
  func source(of row: ArraySlice<Range<Int>>) -> [UInt8] {
    var source: [UInt8] = []
    for (index, cell) in row.enumerated() {
      if index > 0 { source.append(separator.rawValue) }
      source += bytes[cell]
    }
    return source
  }

  /// Whether a byte around a cell does not belong to it.
  private func isPadding(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 && separator != .tab
  }

  /// Reads up to the separator or line end behind the cell.
  private mutating func cell(column: Int) throws(DataError) -> Range<Int> {
    while position < bytes.count, isPadding(bytes[position]) { position += 1 }
    let start = position
    if position < bytes.count, bytes[position] == Self.quote {
      try skipQuoted(column: column)
    }
    let quotedEnd = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == separator.rawValue || byte == Self.newline || byte == Self.carriageReturn { break }
      position += 1
    }
    var end = position
    while end > start, isPadding(bytes[end - 1]) { end -= 1 }
    if quotedEnd > start, end > quotedEnd {
      throw DataError.malformed(
        path: path, location: .init(line: nextLine, column: column),
        expected: "a \(separator) after the closing quote",
        found: "“\(String(decoding: bytes[quotedEnd..<min(end, quotedEnd + 20)], as: UTF8.self))”")
    }
    return start..<end
  }

  private mutating func skipQuoted(column: Int) throws(DataError) {
    let start = nextLine
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == Self.newline { nextLine += 1 }
      if byte == Self.quote {
        if position == bytes.count || bytes[position] != Self.quote { return }
        position += 1  // a doubled quote stands for one
      }
    }
    throw DataError.malformed(
      path: path, location: .init(line: start, column: column), expected: "a closing quote",
      found: "the end of the file")
  }

  /// The text of a cell, without its quotes.
  package func text(_ cell: Range<Int>) -> String {
    guard !cell.isEmpty, bytes[cell.lowerBound] == Self.quote else {
      return String(decoding: bytes[cell], as: UTF8.self)
    }
    let inner = cell.lowerBound + 1..<cell.upperBound - 1
    return String(decoding: bytes[inner], as: UTF8.self)
      .split(separator: "\"\"", omittingEmptySubsequences: false).joined(separator: "\"")
  }

  /// The text of a cell with an answer: a number with a decimal comma has a point.
  func answer(_ cell: Range<Int>) -> String {
    let text = text(cell)
    guard separator == .semicolon, text.contains(","), !text.contains(".") else { return text }
    let number = text.replacing(",", with: ".", maxReplacements: 1)
    return CSVClasses.number(number) == nil ? text : number
  }

  /// A cell for a message.
  func quoted(_ cell: Range<Int>) -> String {
    // A cell may be as long as the file.
    let text = cell.count > 1000 ? text(cell.lowerBound..<cell.lowerBound + 1000) : text(cell)
    return text.isEmpty ? "an empty cell" : text.quotedShort
  }

  /// The finite number in a cell; nil if there is none.
  func number(_ cell: Range<Int>) -> Float? {
    var i = cell.lowerBound
    let isNegative = i < cell.upperBound && bytes[i] == UInt8(ascii: "-")
    if isNegative { i += 1 }
    // Up to seven digits and a power of ten up to 10 are exact, so one division rounds correctly.
    var digits: UInt32 = 0
    var (digitCount, decimals) = (0, 0)
    var hasPoint = false
    while i < cell.upperBound {
      let digit = bytes[i] &- UInt8(ascii: "0")
      if digit < 10 {
        digits = digits &* 10 &+ UInt32(digit)
        digitCount += 1
        if hasPoint { decimals += 1 }
      } else if bytes[i] == UInt8(ascii: "."), !hasPoint {
        hasPoint = true
      } else {
        return slowNumber(cell)
      }
      i += 1
    }
    if digitCount == 0 || digitCount > 7 { return slowNumber(cell) }
    let magnitude = decimals == 0 ? Float(digits) : Float(digits) / Self.powersOfTen[decimals]
    return isNegative ? -magnitude : magnitude
  }

  private static let powersOfTen: [Float] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7]

  private func slowNumber(_ cell: Range<Int>) -> Float? {
    var text = text(cell)
    if separator == .semicolon, !text.contains(".") {
      text = text.replacing(",", with: ".", maxReplacements: 1)
    }
    // The library also reads hexadecimal digits and the names of what is not finite.
    guard text.utf8.allSatisfy({ Self.decimal.contains($0) }), let value = Float(text),
      value.isFinite
    else { return nil }
    return value
  }

  private static let decimal = Set("0123456789+-.eE".utf8)
}

extension String {
  /// The beginning of a text from a file, quoted for a message of one line.
  var quotedShort: String {
    let line = prefix(41).map { $0.isNewline ? " " : $0 }
    return "“\(String(line.prefix(40)))\(line.count > 40 ? "…" : "")”"
  }
}
