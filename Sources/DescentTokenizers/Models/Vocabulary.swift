/// The tokens of a model: their texts and their ids.
struct Vocabulary: Sendable {
  /// The text of each id.
  private(set) var tokens: ByteStrings
  private var index: ByteStringIndex

  /// Tokens by id.
  ///
  /// - Throws: where two are equal.
  init(_ tokens: ByteStrings) throws(Defect) {
    self.tokens = tokens
    index = ByteStringIndex(capacity: tokens.count)
    for id in 0..<tokens.count where tokens.has(id) {
      guard let other = index.insert(id, of: tokens) else { continue }
      let name = String(decoding: tokens[id].prefix(100), as: UTF8.self)
      throw Defect("its token “\(name)” has the ids \(other) and \(id)")
    }
  }

  /// One more than the highest id.
  var size: Int { tokens.count }

  func id(of text: Span<UInt8>) -> Int32? { index.find(text, in: tokens).map { Int32($0) } }

  func id(of text: [UInt8]) -> Int32? { id(of: text.span) }

  func id(of text: String) -> Int32? { id(of: Array(text.utf8)) }

  /// The ids of `<0x00>` to `<0xFF>`; nil for those that are no tokens.
  var byteTokens: [Int32?] {
    (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return id(of: "<0x\(digits.count < 2 ? "0" : "")\(digits)>")
    }
  }
}
