/// The tokens that a word most likely consists of, each on its own (Kudo 2018, arXiv:1804.10959).
struct Unigram: Sendable {
  let vocabulary: Vocabulary
  /// The logarithm of each token's probability.
  private let scores: [Double]
  private let unknown: Int32?
  private let unknownScore: Double
  private let trie: ByteTrie
  /// Empty where unknown text does not become its bytes.
  private let byteTokens: [Int32?]

  init(
    _ vocabulary: Vocabulary, scores: [Double], unknown: Int?, fallsBackToBytes: Bool
  ) throws(Defect) {
    if let unknown, !vocabulary.tokens.has(unknown) {
      throw Defect("its unk_id \(unknown) is not in the vocabulary")
    }
    self.vocabulary = vocabulary
    self.scores = scores
    self.unknown = unknown.map { Int32($0) }
    unknownScore = (scores.min() ?? .infinity) - 10
    byteTokens = fallsBackToBytes ? vocabulary.byteTokens : []
    var trie = ByteTrie()
    let texts = vocabulary.tokens.bytes.span
    for id in 0..<vocabulary.size {
      let range = vocabulary.tokens.range(id)
      if !range.isEmpty { trie.insert(texts.extracting(range), value: Int32(id)) }
    }
    self.trie = trie
  }

  /// Adds the tokens of a word: the best path through its places.
  func encode(_ word: Span<UInt8>, _ state: inout EncodingState) throws(Defect) {
    state.paths.begin(word.count)
    var start = 0
    while start < word.count {
      let score = state.paths.score(at: start)
      let length = scalarLength(word[start])
      var hasSingle = false
      var (node, index): (Int32, Int) = (0, start)
      while index < word.count, let child = trie.child(of: node, word[index]) {
        node = child
        index += 1
        let id = trie.value(of: node)
        if id < 0 { continue }
        state.paths.offer(start..<index, id, score + scores[Int(id)])
        if index - start == length { hasSingle = true }
      }
      if !hasSingle {
        guard let unknown else { throw Self.noUnknown }
        state.paths.offer(start..<start + length, unknown, score + unknownScore)
      }
      start += length
    }
    // Unknown characters that follow each other are one; its text may even be a token.
    state.paths.collect()
    var step = state.paths.steps.count - 1
    while step >= 0 {
      let (range, id) = state.paths.steps[step]
      step -= 1
      if id != unknown {
        state.ids.append(id)
        continue
      }
      var end = range.upperBound
      while step >= 0, state.paths.steps[step].id == unknown {
        end = state.paths.steps[step].range.upperBound
        step -= 1
      }
      try addUnknown(word.extracting(range.lowerBound..<end), &state.ids)
    }
  }

  private static let noUnknown = Defect(
    "it holds a character that is in no token, and there is no token for what is unknown")

  private func addUnknown(_ text: Span<UInt8>, _ ids: inout [Int32]) throws(Defect) {
    if let id = vocabulary.id(of: text) { return ids.append(id) }
    if !byteTokens.isEmpty {
      var tokens: [Int32] = []
      for index in text.indices {
        guard let token = byteTokens[Int(text[index])] else { break }
        tokens.append(token)
      }
      if tokens.count == text.count {
        ids += tokens
        return
      }
    }
    guard let unknown else { throw Self.noUnknown }
    ids.append(unknown)
  }
}

/// The best way to each place of a word.
struct UnigramPaths: Sendable {
  private var scores: [Double] = []
  /// Where the last token of the way begins; -1 for no way.
  private var starts: [Int] = []
  private var ids: [Int32] = []
  /// The tokens of the best way, from the last to the first.
  private(set) var steps: [(range: Range<Int>, id: Int32)] = []

  mutating func begin(_ count: Int) {
    scores.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    ids.removeAll(keepingCapacity: true)
    for _ in 0...count {
      scores.append(0)
      starts.append(-1)
      ids.append(0)
    }
  }

  func score(at place: Int) -> Double { scores[place] }

  /// A token that leads from one place to another.
  mutating func offer(_ range: Range<Int>, _ id: Int32, _ score: Double) {
    let end = range.upperBound
    if starts[end] < 0 || score > scores[end] {
      (scores[end], starts[end], ids[end]) = (score, range.lowerBound, id)
    }
  }

  /// Follows the way back from the end.
  mutating func collect() {
    steps.removeAll(keepingCapacity: true)
    var end = starts.count - 1
    while end > 0, starts[end] >= 0 {
      steps.append((starts[end]..<end, ids[end]))
      end = starts[end]
    }
  }
}
