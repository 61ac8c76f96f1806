import Synchronization

/// A tokenizer of Hugging Face's `tokenizer.json`: text becomes the ids that the package `tokenizers`
/// gives it, and ids become text.
///
/// Its model is byte-pair encoding, WordPiece, WordLevel or Unigram. May be shared between threads.
public struct SubwordTokenizer: Sendable {
  /// One more than the highest id, added tokens included.
  public let vocabularySize: Int
  /// The file, as it was read.
  public let json: [UInt8]

  let model: Model
  /// The added tokens by id.
  private let addedTokens: [Int32: AddedToken]
  /// What each id becomes before it is decoded.
  let texts: ByteStrings
  let parts: Parts
  private let idle: Idle

  /// The steps around the model.
  struct Parts: Sendable {
    var normalizers: [Normalizer] = []
    var preTokenizers: [PreTokenizer] = []
    var postProcessors: [PostProcessor] = []
    var decoders: [DecodingStep] = []
    var length: Length
    /// The added tokens that are found in the text as it is.
    var plainTokens: AddedTokenFinder
    /// Those that are found in the normalized text.
    var normalizedTokens: AddedTokenFinder

    /// Whether tokens become text by their bytes alone.
    var decodesBytes: Bool {
      guard decoders.count == 1, case .bytes = decoders[0] else { return false }
      return true
    }
  }

  /// What encoding allocated before and nobody uses now: at most one for each thread that encoded.
  private final class Idle: Sendable {
    let states = Mutex<[EncodingState]>([])
  }

  init(
    json: [UInt8], model: Model, addedTokens: [Int32: AddedToken], texts: ByteStrings, parts: Parts
  ) {
    (self.json, self.model, self.addedTokens) = (json, model, addedTokens)
    (self.texts, self.parts, vocabularySize) = (texts, parts, texts.count)
    idle = Idle()
  }

  // MARK: Tokens

  /// The text of a token, as the file has it; nil for ids that have none.
  public func token(_ id: Int32) -> String? {
    if let token = addedTokens[id] { return token.content }
    let vocabulary = model.vocabulary
    guard vocabulary.tokens.has(Int(id)) else { return nil }
    return String(decoding: vocabulary.tokens[Int(id)], as: UTF8.self)
  }

  /// The id of a token by its text; nil if there is none.
  public func id(of token: String) -> Int32? {
    if let added = addedTokens.values.first(where: { $0.content == token }) { return added.id }
    return model.vocabulary.id(of: token)
  }

  /// Whether a token is left out when ids become text, such as the mark of a beginning.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens[id]?.isSpecial ?? false }

  /// The ids of the special tokens, in order.
  public var specialTokens: [Int32] { addedTokens.keys.filter(isSpecial).sorted() }

  // MARK: Text to ids

  /// The ids of a text, as the file wants them: with the special tokens that its post-processor adds
  /// (`addingSpecialTokens`), cut and filled up where it says how long a text is.
  ///
  /// - Throws: ``TokenizerError/unencodable(_:)`` where the text holds what the vocabulary cannot
  ///   write.
  public func encode(
    _ text: String, addingSpecialTokens: Bool = true
  ) throws(TokenizerError) -> [Int32] {
    try encode(Array(text.utf8), addingSpecialTokens: addingSpecialTokens)
  }

  /// The ids of a text in UTF-8, as ``encode(_:addingSpecialTokens:)-(String,_)`` gives them.
  ///
  /// - Throws: ``TokenizerError/unencodable(_:)``, also for text that is not UTF-8.
  public func encode(
    _ text: [UInt8], addingSpecialTokens: Bool = true
  ) throws(TokenizerError) -> [Int32] {
    var ids = try tokens(of: text)
    let steps = addingSpecialTokens ? parts.postProcessors : []
    parts.length.cut(&ids, added: steps.reduce(0) { $0 + $1.count })
    for step in steps { step.apply(to: &ids) }
    parts.length.pad(&ids)
    return ids
  }

  /// The ids of a text alone: nothing is added, and nothing cut. Special tokens that the text itself
  /// holds are found.
  ///
  /// - Parameter text: valid UTF-8.
  /// - Throws: ``TokenizerError/unencodable(_:)`` for text that is no UTF-8, and where it holds what
  ///   the vocabulary cannot write.
  public func tokens(of text: [UInt8]) throws(TokenizerError) -> [Int32] {
    var state = idle.states.withLock { $0.popLast() } ?? EncodingState()
    state.ids.removeAll(keepingCapacity: true)
    do throws(Defect) {
      try encode(text, &state)
    } catch { throw .unencodable(error.problem) }
    let ids = state.ids
    // Handed over, not copied.
    state.ids = []
    idle.states.withLock { $0.append(state) }
    return ids
  }
}

extension SubwordTokenizer: Equatable {
  /// Whether both were read from the same bytes.
  public static func == (a: SubwordTokenizer, b: SubwordTokenizer) -> Bool { a.json == b.json }
}
