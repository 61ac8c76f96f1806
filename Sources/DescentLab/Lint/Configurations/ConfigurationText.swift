import DescentTraining
import TOMLKit

/// The formats in which tools keep their configurations.
enum ConfigurationFormat: String {
  case json = "JSON"
  case yaml = "YAML"
  case toml = "TOML"

  /// A table's heading in TOML.
  private static var table: Regex<Substring> { /\[\[?[^\[\],:]+\]\]?\s*(?:#.*)?/ }

  /// The most bytes of a configuration, in any format.
  static let longest = YAMLValue.byteLimit
  /// The deepest that values may nest.
  static let depth = 32

  /// The format that a text is written in, by how it begins: JSON by a brace, TOML by `[table]` or
  /// `key = value`.
  init(of text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.drop { $0 == " " || $0 == "\t" }
      if line.isEmpty || line.hasPrefix("#") { continue }
      if line.hasPrefix("{") || line.hasPrefix("[") && line.wholeMatch(of: Self.table) == nil {
        self = .json
      } else if line.hasPrefix("[") || line.prefixMatch(of: /["'\w.\- ]+=/) != nil {
        self = .toml
      } else {
        self = .yaml
      }
      return
    }
    self = .yaml
  }

  /// Reads a text.
  ///
  /// - Throws: where and why it is not of this format.
  func read(_ text: String, path: String) throws(DataError) -> ConfigurationValue {
    switch self {
    case .json:
      return try JSONTree.read(text, path: path)
    case .toml:
      do {
        // The library makes a table of each part of a key, and takes them apart by recursion.
        if Self.longestKey(text) > Self.depth { throw TooDeep() }
        return try .init(toml: try TOMLTable(string: text), depth: 0)
      } catch let error as TOMLParseError {
        throw .unsuitable(
          "\(path) is not valid TOML: line \(error.source.begin.line) cannot be read")
      } catch is TooDeep {
        throw .unsuitable("\(path) nests values deeper than \(Self.depth) levels")
      } catch { throw .unsuitable("\(path) is not valid TOML") }
    case .yaml:
      do throws(YAMLValue.Problem) {
        return ConfigurationValue(try YAMLValue(yaml: text))
      } catch { throw .unsuitable("\(path) \(error.text)") }
    }
  }
}

extension ConfigurationFormat {
  /// The most dots in a key of TOML, plus one. What stands in quotation marks and comments is none.
  fileprivate static func longestKey(_ text: String) -> Int {
    let bytes = Array(text.utf8)
    var (longest, parts, index) = (1, 1, 0)
    while index < bytes.count {
      switch bytes[index] {
      case 0x2E:  // .
        parts += 1
        longest = max(longest, parts)
      case 0x22, 0x27:  // " and '
        index = endOfText(bytes, index)
      case 0x23:  // #
        while index + 1 < bytes.count, bytes[index + 1] != 0x0A { index += 1 }
      case 0x0A, 0x3D, 0x2C, 0x5B, 0x5D, 0x7B, 0x7D: parts = 1  // end of line, = , [ ] { }
      default: break
      }
      index += 1
    }
    return longest
  }

  /// The last quotation mark of a text that begins with one, or with three.
  private static func endOfText(_ bytes: [UInt8], _ start: Int) -> Int {
    let quote = bytes[start]
    let isLong = bytes[start...].prefix(3) == [quote, quote, quote]
    var index = start + (isLong ? 3 : 1)
    while index < bytes.count {
      if bytes[index] == 0x5C, quote == 0x22 {
        index += 1
      } else if bytes[index] == quote,
        !isLong || bytes[index...].prefix(3) == [quote, quote, quote]
      {
        return index + (isLong ? 2 : 0)
      } else if bytes[index] == 0x0A, !isLong {
        return index
      }
      index += 1
    }
    return index
  }
}

/// Values nest deeper than ``ConfigurationFormat/depth``.
private struct TooDeep: Error {}

/// Reads JSON into a tree. `NaN` and `Infinity`, as Python writes them, are numbers.
struct JSONTree {
  private var scanner: JSONScanner
  private var isTooDeep = false

  private init(_ count: Int) { scanner = JSONScanner(0..<count) }

  /// The value that a text is.
  static func read(_ text: String, path: String) throws(DataError) -> ConfigurationValue {
    let bytes = Array(text.utf8)
    var reader = JSONTree(bytes.count)
    do throws(JSONScanner.Failure) {
      let value = try reader.value(bytes.span, depth: 0)
      reader.scanner.skipSpace(bytes.span)
      if reader.scanner.index == bytes.count { return value }
    } catch {}
    if reader.isTooDeep {
      throw .unsuitable("\(path) nests values deeper than \(ConfigurationFormat.depth) levels")
    }
    let index = min(reader.scanner.index, bytes.count)
    throw .malformed(
      path: path, location: .init(line: 1 + bytes[..<index].count { $0 == 0x0A }),
      expected: "JSON",
      found: index == bytes.count ? "the end of the file" : "something else")
  }

  private mutating func value(
    _ text: Span<UInt8>, depth: Int
  ) throws(JSONScanner.Failure) -> ConfigurationValue {
    if depth > ConfigurationFormat.depth {
      isTooDeep = true
      throw JSONScanner.Failure()
    }
    scanner.skipSpace(text)
    let start = scanner.index
    switch try scanner.value(text) {
    case .null: return .null
    case .flag(let on): return .flag(on)
    case .number(let x):
      return .number(x, written: JSONScanner.string(text, start..<scanner.index))
    case .text(let range): return .text(JSONScanner.string(text, range))
    case .list:
      var items: [ConfigurationValue] = []
      if scanner.skip(0x5D, text) { return .list(items) }
      repeat { items.append(try value(text, depth: depth + 1)) } while scanner.skip(0x2C, text)
      try scanner.expect(0x5D, text)
      return .list(items)
    case .object:
      var entries: [(key: String, value: ConfigurationValue)] = []
      if scanner.skip(0x7D, text) { return .map(entries) }
      repeat {
        let key = JSONScanner.string(text, try scanner.key(text))
        entries.append((key, try value(text, depth: depth + 1)))
      } while scanner.skip(0x2C, text)
      try scanner.expect(0x7D, text)
      return .map(entries)
    }
  }
}

extension ConfigurationValue {
  /// A table of TOML. Whole numbers and others are told apart by how they are written.
  fileprivate init(toml table: TOMLTable, depth: Int) throws {
    if depth > ConfigurationFormat.depth { throw TooDeep() }
    self = .map(
      try table.keys.map { ($0, try table[$0].map { try Self(toml: $0, depth: depth) } ?? .null) })
  }

  private init(toml value: some TOMLValueConvertible, depth: Int) throws {
    if depth > ConfigurationFormat.depth { throw TooDeep() }
    if let text = value.string {
      self = .text(text)
    } else if let on = value.bool {
      self = .flag(on)
    } else if let n = value.int {
      self = .number(Double(n), written: "\(n)")
    } else if let x = value.double {
      self = .number(x, written: "\(x)")
    } else if let table = value.table {
      self = try .init(toml: table, depth: depth + 1)
    } else if let array = value.array {
      self = .list(try array.map { try Self(toml: $0, depth: depth + 1) })
    } else {
      // Dates and times, which no key of a training has.
      self = .text(value.debugDescription)
    }
  }
}
