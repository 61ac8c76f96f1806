/// A token that is found in a text before anything else is done with it.
struct AddedToken: Sendable {
  let id: Int32
  let content: String
  /// Whether it must not be part of a word.
  let isSingleWord: Bool
  /// Whether it takes the white space before it.
  let stripsLeft: Bool
  /// Whether it takes the white space behind it.
  let stripsRight: Bool
  /// Whether it is looked for in the normalized text, itself normalized.
  let isNormalized: Bool
  /// Whether it is left out when tokens are turned into text.
  let isSpecial: Bool
}

/// The added tokens that are looked for together: in a text as it is, or normalized.
struct AddedTokenFinder: Sendable {
  private var trie = ByteTrie()
  private let tokens: [AddedToken]

  /// Tokens with the text that each is found by.
  init(_ tokens: [(token: AddedToken, text: [UInt8])]) {
    self.tokens = tokens.map(\.token)
    for (number, (_, text)) in tokens.enumerated() where !text.isEmpty {
      trie.insert(text.span, value: Int32(number))
    }
  }

  var isEmpty: Bool { trie.isEmpty }

  /// Goes through a text in order: its tokens, and what lies between.
  func forEach(
    in text: Span<UInt8>, _ body: (Range<Int>, _ id: Int32?) throws(Defect) -> Void
  ) throws(Defect) {
    var (start, index) = (0, 0)
    while index < text.count, !trie.isEmpty {
      guard trie.begins(with: text[index]), let found = trie.longest(in: text, at: index) else {
        index += 1
        continue
      }
      let token = tokens[Int(found.value)]
      var (lower, upper) = (index, index + found.count)
      index = upper
      if token.isSingleWord, Self.isWord(text, before: lower) || Self.isWord(text, at: upper) {
        continue
      }
      if token.stripsLeft {
        while lower > start, Self.isSpace(text, startOfScalar(in: text, before: lower)) {
          lower = startOfScalar(in: text, before: lower)
        }
        // White space that was taken already is not taken twice.
        lower = max(lower, start)
      }
      if token.stripsRight {
        while upper < text.count, Self.isSpace(text, upper) { upper += scalarLength(text[upper]) }
      }
      if start < lower { try body(start..<lower, nil) }
      try body(lower..<upper, token.id)
      start = upper
    }
    if start < text.count { try body(start..<text.count, nil) }
  }

  private static func isWord(_ text: Span<UInt8>, at index: Int) -> Bool {
    guard index < text.count else { return false }
    return contains(KnownSets.rustWord, scalar(in: text, at: index).value)
  }

  private static func isWord(_ text: Span<UInt8>, before index: Int) -> Bool {
    index > 0 && isWord(text, at: startOfScalar(in: text, before: index))
  }

  private static func isSpace(_ text: Span<UInt8>, _ index: Int) -> Bool {
    contains(KnownSets.whitespace, scalar(in: text, at: index).value)
  }

  private static func contains(_ set: ScalarSet, _ value: UInt32) -> Bool {
    var (low, high) = (0, set.ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if set.ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < set.ranges.count && set.ranges[low].contains(value)
  }
}
