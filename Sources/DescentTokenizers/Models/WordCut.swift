/// Where a text without words can be cut all the same, with the same tokens.
///
/// SentencePiece's vocabularies see a whole text as one word, but their tokens hold “▁” at their
/// beginning alone, or in a row. No merge then joins it with what stands before, so both sides are
/// merged on their own, and become words that are seen again.
struct WordCut: Sendable {
  /// “▁”.
  static let mark: [UInt8] = [0xE2, 0x96, 0x81]
  /// What stands before the mark in some token: there a text stays whole.
  private var joined: Set<UInt32> = []

  /// Takes note of a token that is merged.
  mutating func add(_ token: Span<UInt8>) {
    var index = 1
    while index + Self.mark.count <= token.count {
      if Self.isMark(in: token, at: index) {
        let before = startOfScalar(in: token, before: index)
        joined.insert(scalar(in: token, at: before).value)
      }
      index += 1
    }
  }

  /// Nil where byte tokens may be joined with it, whose names end in “>”.
  var usable: WordCut? { joined.contains(0x3E) ? nil : self }

  @inline(__always)
  private static func isMark(in text: Span<UInt8>, at index: Int) -> Bool {
    text[index] == mark0 && index + 2 < text.count && text[index + 1] == mark1
      && text[index + 2] == mark2
  }
  private static let (mark0, mark1, mark2): (UInt8, UInt8, UInt8) = (0xE2, 0x96, 0x81)

  /// Whether a word may be cut before `index`, which is above 0.
  @inline(__always)
  func isPossible(in word: Span<UInt8>, before index: Int) -> Bool {
    guard word[index] == 0xE2, Self.isMark(in: word, at: index) else { return false }
    return !joined.contains(
      scalar(in: word, at: startOfScalar(in: word, before: index)).value)
  }
}
