/// What turns words into tokens.
enum Model: Sendable {
  case bytePairs(BytePairEncoding)
  case wordPiece(WordPiece)
  case wordLevel(WordLevel)
  case unigram(Unigram)

  static let known = ["BPE", "Unigram", "WordLevel", "WordPiece"]

  var vocabulary: Vocabulary {
    switch self {
    case .bytePairs(let model): model.vocabulary
    case .wordPiece(let model): model.vocabulary
    case .wordLevel(let model): model.vocabulary
    case .unigram(let model): model.vocabulary
    }
  }

  /// Adds the tokens of a word, which is not empty.
  @inline(__always)
  func encode(_ word: Span<UInt8>, _ state: inout EncodingState) throws(Defect) {
    if case .bytePairs(let model) = self { return model.encode(word, &state) }
    let isShort = word.count <= WordCache.longest
    let hash = isShort ? hash(of: word) : 0
    if isShort, state.words.find(word, hash, &state.ids) { return }
    let start = state.ids.count
    switch self {
    case .bytePairs: break
    case .wordPiece(let model): try model.encode(word, &state.ids)
    case .wordLevel(let model): try model.encode(word, &state.ids)
    case .unigram(let model): try model.encode(word, &state)
    }
    if isShort { state.words.add(word, hash, state.ids[start...]) }
  }
}
