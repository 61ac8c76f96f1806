/// Byte-pair encoding: a word begins as its characters or bytes, and pairs are merged in a learned
/// order.
struct BytePairEncoding: Sendable {
  let vocabulary: Vocabulary
  private let merges: MergeTable
  private let options: Options

  /// What a `tokenizer.json` says of such a model besides its tokens and merges.
  struct Options: Sendable {
    /// The token for what is none.
    var unknown: String?
    /// What stands before each symbol but a word's first.
    var prefix = ""
    /// What stands behind a word's last symbol.
    var suffix = ""
    /// Whether unknown symbols that follow each other are one.
    var fusesUnknown = false
    /// Whether an unknown symbol becomes the tokens `<0x..>` of its bytes.
    var fallsBackToBytes = false
    /// Whether a word that is a token is taken as it is.
    var ignoresMerges = false

    init() {}
  }

  private let unknown: Int32?
  /// Whether words come as bytes, whose tokens are written in the ``ByteAlphabet``.
  let takesBytes: Bool
  /// With bytes: the token of each, and -1 where there is none.
  private let byteSymbols: [Int32]
  /// With bytes: the tokens as bytes; only where words are looked up.
  private let byteVocabulary: Vocabulary?
  /// With characters: the tokens of the scalars below 128.
  private let asciiSymbols: [Int32]
  private let byteTokens: [Int32?]
  private let cut: WordCut?

  /// - Parameter pairs: what is merged, two strings for each.
  /// - Throws: where a merge is not in the vocabulary.
  init(
    _ vocabulary: Vocabulary, merges pairs: ByteStrings, options: Options, takesBytes: Bool
  ) throws(Defect) {
    self.vocabulary = vocabulary
    self.options = options
    self.takesBytes = takesBytes && options.prefix.isEmpty && options.suffix.isEmpty
    unknown = options.unknown.flatMap { vocabulary.id(of: $0) }
    byteTokens = options.fallsBackToBytes ? vocabulary.byteTokens : []
    byteSymbols = ByteAlphabet.characters.map { character in
      var text: [UInt8] = []
      text.append(scalar: character)
      return vocabulary.id(of: text) ?? -1
    }
    asciiSymbols = (0..<128).map { vocabulary.id(of: [UInt8($0)]) ?? -1 }
    if self.takesBytes, options.ignoresMerges {
      byteVocabulary = try Vocabulary(ByteAlphabet.read(vocabulary.tokens))
    } else {
      byteVocabulary = nil
    }
    var table = MergeTable(capacity: pairs.count / 2)
    var cut = WordCut()
    var token: [UInt8] = []
    let prefix = options.prefix.utf8.count
    let texts = pairs.bytes.span
    for rank in 0..<pairs.count / 2 {
      let left = texts.extracting(pairs.range(2 * rank))
      let right = texts.extracting(pairs.range(2 * rank + 1))
      guard let first = vocabulary.id(of: left) else { throw Self.missing(left, rank) }
      guard let second = vocabulary.id(of: right) else { throw Self.missing(right, rank) }
      token.removeAll(keepingCapacity: true)
      token.append(left)
      token.append(right.extracting(min(prefix, right.count)..<right.count))
      guard let merged = vocabulary.id(of: token) else { throw Self.missing(token.span, rank) }
      table.set(first, second, rank: rank, token: merged)
      cut.add(token.span)
    }
    merges = table
    let canCut =
      !self.takesBytes && options.prefix.isEmpty && options.suffix.isEmpty
      && !options.ignoresMerges && vocabulary.id(of: WordCut.mark) != nil
    self.cut = canCut ? cut.usable : nil
  }

  private static func missing(_ token: Span<UInt8>, _ rank: Int) -> Defect {
    var bytes: [UInt8] = []
    bytes.append(token)
    return Defect(
      "its merge \(rank + 1) needs the token “\(String(decoding: bytes, as: UTF8.self))”, which is "
        + "not in the vocabulary")
  }

  /// Adds the tokens of a word.
  func encode(_ word: Span<UInt8>, _ state: inout EncodingState) {
    guard let cut, word.count > WordCut.mark.count else { return encodeWhole(word, &state) }
    var (start, index) = (0, 1)
    while index < word.count {
      if cut.isPossible(in: word, before: index) {
        encodeWhole(word.extracting(start..<index), &state)
        start = index
      }
      index += 1
    }
    encodeWhole(word.extracting(start..<word.count), &state)
  }

  private func encodeWhole(_ word: Span<UInt8>, _ state: inout EncodingState) {
    let isShort = word.count <= WordCache.longest
    var hash: UInt64 = 0
    if isShort {
      hash = DescentTokenizers.hash(of: word)
      if state.words.find(word, hash, &state.ids) { return }
    }
    let start = state.ids.count
    if options.ignoresMerges, let id = (byteVocabulary ?? vocabulary).id(of: word) {
      state.ids.append(id)
    } else {
      state.merger.symbols.removeAll(keepingCapacity: true)
      if takesBytes {
        addByteSymbols(word, &state.merger.symbols)
      } else {
        addSymbols(word, &state.merger.symbols)
      }
      state.merger.merge(merges)
      state.ids += state.merger.symbols
    }
    if isShort { state.words.add(word, hash, state.ids[start...]) }
  }

  /// The symbols of bytes. One that is no token is unknown, or left out.
  private func addByteSymbols(_ word: Span<UInt8>, _ symbols: inout [Int32]) {
    var wasUnknown = false
    for index in word.indices {
      let symbol = byteSymbols[Int(word[index])]
      if symbol >= 0 {
        symbols.append(symbol)
        wasUnknown = false
        continue
      }
      var character: [UInt8] = []
      character.append(scalar: ByteAlphabet.characters[Int(word[index])])
      if let tokens = fallback(character.span) {
        symbols += tokens
      } else if let unknown, !(wasUnknown && options.fusesUnknown) {
        symbols.append(unknown)
        wasUnknown = true
      }
    }
  }

  /// The tokens of the bytes of a symbol that is none; nil if one of them is missing.
  private func fallback(_ symbol: Span<UInt8>) -> [Int32]? {
    if byteTokens.isEmpty { return nil }
    var tokens: [Int32] = []
    for index in symbol.indices {
      guard let token = byteTokens[Int(symbol[index])] else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  /// The symbols of characters. An unknown one waits for the next that is known, as in the reference:
  /// bytes that stand between come before it.
  private func addSymbols(_ word: Span<UInt8>, _ symbols: inout [Int32]) {
    var (index, waiting) = (0, 0)
    var decorated: [UInt8] = []
    let isPlain = options.prefix.isEmpty && options.suffix.isEmpty
    while index < word.count {
      let length = scalarLength(word[index])
      let end = index + length
      var symbol: Int32 = -1
      if isPlain, length == 1 {
        symbol = asciiSymbols[Int(word[index])]
      } else if isPlain {
        symbol = vocabulary.id(of: word.extracting(index..<end)) ?? -1
      } else {
        decorated = index > 0 ? Array(options.prefix.utf8) : []
        decorated.append(word.extracting(index..<end))
        if end == word.count { decorated += Array(options.suffix.utf8) }
        symbol = vocabulary.id(of: decorated) ?? -1
      }
      if symbol >= 0 {
        if let unknown, waiting > 0 { symbols.append(unknown) }
        waiting = 0
        symbols.append(symbol)
      } else if let tokens = isPlain
        ? fallback(word.extracting(index..<end)) : fallback(decorated.span)
      {
        symbols += tokens
      } else if let unknown {
        if waiting > 0, !options.fusesUnknown { symbols.append(unknown) }
        waiting = 1
      }
      index = end
    }
    if let unknown, waiting > 0 { symbols.append(unknown) }
  }
}

extension ByteAlphabet {
  /// The bytes of each token that is written in the alphabet; the others are gaps.
  static func read(_ tokens: ByteStrings) -> ByteStrings {
    var result = ByteStrings(count: tokens.count)
    for id in 0..<tokens.count where tokens.has(id) {
      if let bytes = read(tokens[id]) { result.set(id, to: bytes) }
    }
    return result
  }
}
