import Foundation

/// SentencePiece's `precompiled_charsmap`: what stands for some characters, found in a double-array
/// trie (Darts).
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// The replacements, each ended by a zero byte.
  private let texts: [UInt8]

  init(base64 text: String) throws(Defect) {
    let broken = Defect("its precompiled_charsmap is damaged")
    guard let data = Data(base64Encoded: text) else { throw broken }
    let bytes = [UInt8](data)
    func word(at index: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4 else { throw broken }
    let size = Int(word(at: 0))
    guard size % 4 == 0, size <= bytes.count - 4 else { throw broken }
    units = (0..<size / 4).map { word(at: 4 + 4 * $0) }
    texts = Array(bytes[(4 + size)...])
    guard String(validating: texts, as: UTF8.self) != nil else { throw broken }
  }

  /// The replacement of the shortest key that `text` begins with.
  private func replacement(for text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let root = units.first else { return nil }
    var node = Int(Self.offset(root))
    for byte in text {
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard units.indices.contains(node) else { return nil }
      let unit = units[node]
      if unit & (1 << 31 | 0xFF) != UInt32(byte) { return nil }
      node ^= Int(Self.offset(unit))
      if unit >> 8 & 1 == 1 {
        guard units.indices.contains(node) else { return nil }
        let start = Int(units[node] & 0x7FFF_FFFF)
        // A damaged map must not cut a character.
        guard start < texts.count, texts[start] & 0xC0 != 0x80 else { return nil }
        return texts[start...].prefix { $0 != 0 }
      }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 1 << 9) >> 6) }

  /// Replaces whole characters of up to five bytes where there is something for them, and scalars.
  func apply(to text: inout [UInt8]) {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for character in String(decoding: text, as: UTF8.self) {
      let bytes = Array(character.utf8)
      if bytes.count < 6, let replacement = replacement(for: bytes[...]) {
        result += replacement
        continue
      }
      for scalar in character.unicodeScalars {
        let bytes = Array(String(scalar).utf8)
        result += replacement(for: bytes[...]) ?? bytes[...]
      }
    }
    text = result
  }
}
