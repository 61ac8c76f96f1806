extension SubwordTokenizer {
  /// The text of some ids, special tokens left out unless `skippingSpecialTokens` is false. Bytes that
  /// are not UTF-8 become “�”.
  ///
  /// - Throws: ``TokenizerError/unknownID(_:vocabularySize:)``.
  public func decode(
    _ ids: [Int32], skippingSpecialTokens: Bool = true
  ) throws(TokenizerError) -> String {
    if parts.decodesBytes {
      var bytes: [UInt8] = []
      for id in ids {
        try check(id)
        if skippingSpecialTokens, isSpecial(id) { continue }
        bytes += decodedBytes(of: id)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    var tokens: [[UInt8]] = []
    for id in ids {
      try check(id)
      if skippingSpecialTokens, isSpecial(id) { continue }
      tokens.append(texts[Int(id)])
    }
    if parts.decoders.isEmpty {
      return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self)
    }
    do throws(Defect) {
      for step in parts.decoders where !tokens.isEmpty { tokens = try step.apply(to: tokens) }
    } catch { throw .unencodable(error.problem) }
    return String(decoding: Array(tokens.joined()), as: UTF8.self)
  }

  func check(_ id: Int32) throws(TokenizerError) {
    if !texts.has(Int(id)) { throw .unknownID(id, vocabularySize: vocabularySize) }
  }

  /// The bytes of a token that is written in the ``ByteAlphabet``; of another, its own.
  func decodedBytes(of id: Int32) -> [UInt8] {
    let text = texts[Int(id)]
    return ByteAlphabet.read(text) ?? text
  }
}

/// Ids that come one after another, as text, in whole characters.
///
/// The pieces together are what the tokenizer makes of all ids, but for a character that is cut short
/// by the end, and where bytes of a vocabulary like Llama 2's are no text: these are decided together
/// only once all are known, and here as they come.
public struct SubwordStream: Sendable {
  private let tokenizer: SubwordTokenizer
  private let skipsSpecialTokens: Bool
  private var bytes = UTF8Assembler()
  /// Ids whose text was given already: what comes next may depend on them.
  private var given: [Int32] = []
  private var pending: [Int32] = []

  /// More ids than these do not wait for one that completes a character.
  private static let patience = 32

  /// A stream at its beginning.
  public init(_ tokenizer: SubwordTokenizer, skippingSpecialTokens: Bool = true) {
    (self.tokenizer, skipsSpecialTokens) = (tokenizer, skippingSpecialTokens)
  }

  /// Takes an id and returns the text that is certain with it, which may be none.
  ///
  /// - Throws: ``TokenizerError/unknownID(_:vocabularySize:)``.
  public mutating func append(_ id: Int32) throws(TokenizerError) -> String {
    try tokenizer.check(id)
    if skipsSpecialTokens, tokenizer.isSpecial(id) { return "" }
    if tokenizer.parts.decodesBytes {
      return tokenizer.decodedBytes(of: id).reduce(into: "") { $0 += bytes.append($1) }
    }
    pending.append(id)
    let before = Array(try tokenizer.decode(given, skippingSpecialTokens: false).utf8)
    let text = Array(try tokenizer.decode(given + pending, skippingSpecialTokens: false).utf8)
    let isOpen = text.suffix(3).elementsEqual("\u{FFFD}".utf8)
    if isOpen, pending.count < Self.patience { return "" }
    // A decoder may change what it gave; that cannot be taken back.
    let common = zip(before, text).prefix { $0 == $1 }.count
    (given, pending) = (pending, [])
    return String(decoding: text[common...], as: UTF8.self)
  }
}
