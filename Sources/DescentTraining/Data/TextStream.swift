import DescentTokenizers

/// Tokens that come one after another, as text.
///
/// A character of several bytes comes when its last one is there, so one that is cut short by the
/// end does not come. Bytes that are no UTF-8 become “�”, one for each part of a character that was
/// broken off; but for the end, the pieces together are what the tokenizer makes of all tokens.
public struct TextStream {
  private let tokenizer: Tokenizer
  private var bytes = UTF8Assembler()
  private var subwords: SubwordStream?

  /// A stream at its beginning.
  public init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    if case .subword(let tokenizer) = tokenizer { subwords = SubwordStream(tokenizer) }
  }

  /// Takes a token.
  ///
  /// Returns the text that is certain with it, which may be none. Throws `.unsuitable` if the token
  /// is not in the vocabulary.
  public mutating func append(_ token: Int32) throws(DataError) -> String {
    do throws(TokenizerError) {
      if let text = try subwords?.append(token) { return text }
    } catch { throw DataError(error) }
    guard tokenizer == .byte, let byte = UInt8(exactly: token) else {
      return try tokenizer.decode([token])
    }
    return bytes.append(byte)
  }
}
