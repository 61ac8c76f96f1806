/// Bytes that come one after another, as text: a character of several bytes comes with its last.
///
/// Bytes that are no UTF-8 become “�”, one for each part of a character that was broken off; but for
/// a character that is cut short by the end, the pieces together are what `String(decoding:as:)`
/// makes of all bytes.
package struct UTF8Assembler: Sendable {
  /// The bytes of a character that is not complete.
  private var pending: [UInt8] = []

  /// No bytes yet.
  package init() {}

  /// Takes a byte and returns the text that is certain with it, which may be none.
  package mutating func append(_ byte: UInt8) -> String {
    var text = ""
    if !pending.isEmpty, Self.rest(of: pending + [byte]) == nil { text = flush() }
    pending.append(byte)
    if Self.rest(of: pending) ?? 0 == 0 { text += flush() }
    return text
  }

  private mutating func flush() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes complete a character that begins with `bytes`; nil if none does (Unicode 16,
  /// table 3-7: well-formed byte sequences).
  private static func rest(of bytes: [UInt8]) -> Int? {
    let (length, second): (Int, ClosedRange<UInt8>) =
      switch bytes.first ?? 0 {
      case 0x00...0x7F: (1, 0x80...0xBF)
      case 0xC2...0xDF: (2, 0x80...0xBF)
      case 0xE0: (3, 0xA0...0xBF)
      case 0xED: (3, 0x80...0x9F)
      case 0xE1...0xEF: (3, 0x80...0xBF)
      case 0xF0: (4, 0x90...0xBF)
      case 0xF1...0xF3: (4, 0x80...0xBF)
      case 0xF4: (4, 0x80...0x8F)
      default: (0, 0x80...0xBF)
      }
    guard bytes.count <= length else { return nil }
    for (index, byte) in bytes.enumerated().dropFirst() {
      if !(index == 1 ? second : 0x80...0xBF).contains(byte) { return nil }
    }
    return length - bytes.count
  }
}
