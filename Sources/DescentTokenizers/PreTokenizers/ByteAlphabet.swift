/// The characters that stand for bytes in the vocabularies of GPT-2 and its followers: those that can
/// be seen stand for themselves, the others for those from U+0100 on.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [UInt32] = {
    var next: UInt32 = 256
    return (0..<256).map { (byte: UInt32) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each character below U+0144; -1 for others.
  private static let bytes: [Int16] = {
    var bytes = [Int16](repeating: -1, count: 256 + 68)
    for (byte, character) in characters.enumerated() { bytes[Int(character)] = Int16(byte) }
    return bytes
  }()

  /// The byte that a character stands for.
  static func byte(of character: UInt32) -> UInt8? {
    guard character < bytes.count else { return nil }
    return UInt8(exactly: bytes[Int(character)])
  }

  /// Bytes as characters, in UTF-8.
  static func written(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count * 2)
    for byte in bytes { result.append(scalar: characters[Int(byte)]) }
    return result
  }

  /// The bytes that a text of such characters stands for; nil if it has any other.
  static func read(_ text: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    for character in text.scalars {
      guard let byte = byte(of: character) else { return nil }
      result.append(byte)
    }
    return result
  }
}
