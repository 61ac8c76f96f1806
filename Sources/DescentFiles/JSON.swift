/// A JSON value. Objects keep their order; numbers keep their spelling.
package enum JSON {
  case object([(key: String, value: JSON)])
  case array([JSON])
  case string(String)
  case number(String)
  case bool(Bool)
  case null
}

/// Why a text is not JSON, and where.
package enum JSONFailure: Error {
  case syntax(String, byte: Int)
  /// A key occurs twice in one object; `depth` is 0 for the outermost object.
  case duplicateKey(String, depth: Int, byte: Int)
}

extension JSON {
  /// `text` as a JSON string with quotes, escaping no more than the format asks for.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{c}": result += "\\f"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A recursive-descent parser for files whose sizes nobody vouches for. The general-purpose decoders
/// keep neither duplicate keys nor the order of keys, and hold all of a file at once.
package struct JSONParser {
  private let text: [UInt8]
  package private(set) var position = 0

  /// What is read nests a few values deep; more is an attack on the stack.
  package static let maximumDepth = 32
  /// A value that is kept has a handful of parts; more is an attack on the memory, where a comma
  /// costs as much as a value.
  package static let maximumCount = 1000

  package init(text: [UInt8]) { self.text = text }

  package func failure(_ problem: String) -> JSONFailure { .syntax(problem, byte: position) }

  private var next: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte <= 0x20,
      byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    {
      position += 1
    }
  }

  /// Whether the next value begins with `character`.
  package mutating func begins(with character: Unicode.Scalar) -> Bool {
    skipSpace()
    return next == UInt8(ascii: character)
  }

  /// Takes `character` if it comes next, after white space.
  package mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// Takes `character`, which must come next.
  package mutating func expect(_ character: Unicode.Scalar) throws(JSONFailure) {
    if !skip(character) { throw failure("“\(character)” is missing") }
  }

  /// Reads a value; `depth` says how deep it lies.
  package mutating func value(depth: Int) throws -> JSON {
    if depth > Self.maximumDepth { throw failure("values are nested too deep") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  /// Reads an object, whose values `body` reads by their keys.
  package mutating func members(
    depth: Int, _ body: (inout JSONParser, _ key: String) throws -> Void
  ) throws {
    try expect("{")
    // Strings are compared as characters, so two spellings of “é” are one key: a dictionary of
    // Swift could not hold both.
    var keys: Set<String> = []
    if skip("}") { return }
    repeat {
      skipSpace()
      let start = position
      let key = try string()
      if !keys.insert(key).inserted {
        throw JSONFailure.duplicateKey(key, depth: depth, byte: start)
      }
      try expect(":")
      try body(&self, key)
    } while skip(",")
    try expect("}")
  }

  private mutating func object(depth: Int) throws -> JSON {
    var members: [(key: String, value: JSON)] = []
    try self.members(depth: depth) { parser, key in
      if members.count == Self.maximumCount { throw parser.failure("an object has too many parts") }
      members.append((key, try parser.value(depth: depth + 1)))
    }
    return .object(members)
  }

  private mutating func array(depth: Int) throws -> JSON {
    var values: [JSON] = []
    try elements { parser in
      if values.count == Self.maximumCount {
        throw parser.failure("an array has too many elements")
      }
      values.append(try parser.value(depth: depth + 1))
    }
    return .array(values)
  }

  /// Reads an array, whose elements `body` reads.
  package mutating func elements(_ body: (inout JSONParser) throws -> Void) throws {
    try expect("[")
    if skip("]") { return }
    repeat { try body(&self) } while skip(",")
    try expect("]")
  }

  /// Throws unless nothing follows but white space.
  package mutating func end() throws(JSONFailure) {
    skipSpace()
    if position < text.count { throw failure("text after the end of the value") }
  }

  private mutating func word(_ word: String, _ value: JSON) throws(JSONFailure) -> JSON {
    if !text[position...].starts(with: word.utf8) { throw failure("a value is missing") }
    position += word.utf8.count
    return value
  }

  private mutating func number() throws(JSONFailure) -> String {
    let start = position
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
    func digits() throws(JSONFailure) {
      if !isDigit(next) {
        throw failure(start == position ? "a value is missing" : "a digit is missing")
      }
      while isDigit(next) { position += 1 }
    }
    if next == UInt8(ascii: "-") { position += 1 }
    let leadingZero = next == UInt8(ascii: "0")
    let first = position
    try digits()
    if leadingZero && position > first + 1 { throw failure("a number begins with zero") }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  /// Reads a string.
  package mutating func string() throws(JSONFailure) -> String {
    skipSpace()
    let start = position
    var bytes: [UInt8] = []
    try string(into: &bytes)
    guard let string = String(validating: bytes, as: UTF8.self) else {
      throw JSONFailure.syntax("a string is not UTF-8", byte: start)
    }
    return string
  }

  /// Reads a string and adds its bytes to `bytes`: UTF-8 if the text is.
  package mutating func string(into bytes: inout [UInt8]) throws(JSONFailure) {
    try expect("\"")
    // Most strings hold no escape and are taken as they are.
    var first = position
    while let byte = next, byte != UInt8(ascii: "\"") {
      if byte < 0x20 { throw failure("a control character stands in a string") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        bytes += text[first..<position - 1]
        bytes += try escape()
        first = position
      }
    }
    bytes += text[first..<position]
    try expect("\"")
  }

  /// The bytes that the escape after a backslash stands for.
  private mutating func escape() throws(JSONFailure) -> [UInt8] {
    guard let byte = next else { throw failure("a string has no end") }
    position += 1
    switch Unicode.Scalar(byte) {
    case "\"", "\\", "/": return [byte]
    case "b": return [0x08]
    case "f": return [0x0C]
    case "n": return [0x0A]
    case "r": return [0x0D]
    case "t": return [0x09]
    case "u": break
    default: throw failure("an escape is unknown")
    }
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code), text[position...].starts(with: "\\u".utf8) {
      position += 2
      let low = try hexadecimal()
      if (0xDC00..<0xE000).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("a surrogate stands alone") }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func hexadecimal() throws(JSONFailure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("an escape lacks its four hexadecimal digits")
      }
      position += 1
      code = code << 4 | UInt32(digit)
    }
    return code
  }
}
