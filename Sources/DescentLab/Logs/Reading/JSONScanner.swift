/// Reads JSON from bytes without making values of it: logs have millions of numbers, most of their
/// keys are always the same, and what is not a number is seldom wanted.
///
/// `NaN`, `Infinity` and `-Infinity`, as Python writes them, are numbers.
struct JSONScanner {
  /// What stands at a place.
  enum Token {
    case number(Double)
    case flag(Bool)
    case null
    /// The bytes between the quotes; escapes are still in them.
    case text(Range<Int>)
    case object, list
  }

  /// Why it is not JSON.
  struct Failure: Error {}

  var index: Int
  let end: Int

  init(_ range: Range<Int>) { (index, end) = (range.lowerBound, range.upperBound) }

  @inline(__always)
  mutating func skipSpace(_ text: Span<UInt8>) {
    while index < end, text[index] <= 0x20 { index += 1 }
  }

  /// Skips `byte`, if it is next.
  @inline(__always)
  mutating func skip(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
    skipSpace(text)
    guard index < end, text[index] == byte else { return false }
    index += 1
    return true
  }

  @inline(__always)
  mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) throws(Failure) {
    if !skip(byte, text) { throw Failure() }
  }

  /// The key of a member and its colon.
  @inline(__always)
  mutating func key(_ text: Span<UInt8>) throws(Failure) -> Range<Int> {
    try expect(0x22, text)
    let key = try restOfString(text)
    try expect(0x3A, text)
    return key
  }

  /// Goes behind the end of a string whose first quote has been read.
  @inline(__always)
  mutating func restOfString(_ text: Span<UInt8>) throws(Failure) -> Range<Int> {
    let start = index
    while index < end {
      let byte = text[index]
      if byte == 0x22 {
        index += 1
        return start..<index - 1
      }
      index += byte == 0x5C ? 2 : 1
    }
    throw Failure()
  }

  /// The value that comes next; of an object or a list only its first bracket.
  @inline(__always)
  mutating func value(_ text: Span<UInt8>) throws(Failure) -> Token {
    skipSpace(text)
    guard index < end else { throw Failure() }
    switch text[index] {
    case 0x30...0x39, 0x2D, 0x4E, 0x49:  // digits, -, N, I
      guard let x = NumberScanner.number(text, &index, end: end) else { throw Failure() }
      return .number(x)
    case 0x22:
      index += 1
      return .text(try restOfString(text))
    case 0x7B:
      index += 1
      return .object
    case 0x5B:
      index += 1
      return .list
    case 0x74: return try word("true", .flag(true), text)
    case 0x66: return try word("false", .flag(false), text)
    case 0x6E: return try word("null", .null, text)
    default: throw Failure()
    }
  }

  private mutating func word(
    _ word: StaticString, _ token: Token, _ text: Span<UInt8>
  ) throws(Failure) -> Token {
    let count = word.utf8CodeUnitCount
    guard index + count <= end else { throw Failure() }
    for i in 0..<count where unsafe text[index + i] != word.utf8Start[i] { throw Failure() }
    index += count
    return token
  }

  /// Goes behind the end of an object or a list whose first bracket has been read.
  mutating func skipRest(_ text: Span<UInt8>) throws(Failure) {
    var depth = 1
    while index < end {
      let byte = text[index]
      index += 1
      switch byte {
      case 0x22: _ = try restOfString(text)
      case 0x7B, 0x5B: depth += 1
      case 0x7D, 0x5D:
        depth -= 1
        if depth == 0 { return }
      default: break
      }
    }
    throw Failure()
  }

  /// Reads the elements of a list whose bracket has been read.
  mutating func elements(
    _ text: Span<UInt8>, _ body: (inout JSONScanner) throws(Failure) -> Void
  ) throws(Failure) {
    if skip(0x5D, text) { return }
    while true {
      try body(&self)
      if skip(0x2C, text) { continue }
      try expect(0x5D, text)
      return
    }
  }

  /// A list of numbers whose bracket has been read; null is NaN.
  ///
  /// - Parameter allowsTexts: whether texts may say numbers, as Python's writers give `"NaN"`.
  mutating func numbers(
    _ text: Span<UInt8>, allowsTexts: Bool = false
  ) throws(Failure) -> [Double] {
    var numbers: [Double] = []
    try elements(text) { scanner throws(Failure) in
      switch try scanner.value(text) {
      case .number(let x): numbers.append(x)
      case .null: numbers.append(.nan)
      case .text(let range) where allowsTexts:
        guard let x = NumberScanner.number(text, range) else { throw Failure() }
        numbers.append(x)
      default: throw Failure()
      }
    }
    return numbers
  }

  /// A string with its escapes replaced.
  static func string(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
    var bytes: [UInt8] = []
    var i = range.lowerBound
    while i < range.upperBound {
      guard text[i] == 0x5C, i + 1 < range.upperBound else {
        bytes.append(text[i])
        i += 1
        continue
      }
      let letter = text[i + 1]
      i += 2
      switch letter {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "u"):
        var code = hexadecimal(text, i..<range.upperBound)
        i += code == nil ? 0 : 4
        if let high = code, (0xD800..<0xDC00).contains(high), i + 1 < range.upperBound,
          text[i] == 0x5C, text[i + 1] == UInt8(ascii: "u"),
          let low = hexadecimal(text, (i + 2)..<range.upperBound), (0xDC00..<0xE000).contains(low)
        {
          code = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
          i += 6
        }
        bytes += Array(String(Unicode.Scalar(code ?? 0xFFFD) ?? "\u{FFFD}").utf8)
      default: bytes.append(letter)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func hexadecimal(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
    guard range.count >= 4 else { return nil }
    var code: UInt32 = 0
    for i in range.lowerBound..<range.lowerBound + 4 {
      guard let digit = Character(Unicode.Scalar(text[i])).hexDigitValue else { return nil }
      code = code << 4 | UInt32(digit)
    }
    return code
  }
}

/// Names that come again and again, told by their bytes.
struct NameTable {
  private var names: [[UInt8]] = []
  private var numbers: [[UInt8]: Int] = [:]
  /// The number that followed the last one the time before.
  private var next: [Int] = []
  private var last = 0

  /// The number of a name; nil for one that is new.
  @inline(__always)
  mutating func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
    if last < next.count {
      let guess = next[last]
      if guess < names.count, matches(guess, text, range) {
        last = guess
        return guess
      }
    }
    return find(text, range)
  }

  @inline(__always)
  private func matches(_ guess: Int, _ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let count = range.count
    if names[guess].count != count { return false }
    return unsafe names[guess].withUnsafeBufferPointer { name in
      for i in 0..<count where unsafe name[i] != text[range.lowerBound &+ i] { return false }
      return true
    }
  }

  private mutating func find(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
    let name = range.map { text[$0] }
    guard let number = numbers[name] else { return nil }
    if last < next.count { next[last] = number }
    last = number
    return number
  }

  /// Takes in a new name.
  mutating func add(_ text: Span<UInt8>, _ range: Range<Int>) -> Int {
    let name = range.map { text[$0] }
    let number = names.count
    names.append(name)
    numbers[name] = number
    next.append(number)
    if last < next.count { next[last] = number }
    last = number
    return number
  }
}
