/// The longest token that a word begins with, then the longest that the rest begins with.
struct WordPiece: Sendable {
  let vocabulary: Vocabulary
  /// The token for a word that cannot be written in others.
  let unknown: String
  /// What stands before each token but a word's first.
  let prefix: String
  /// The characters of the longest word that is looked at.
  let longestWord: Int

  /// Adds the tokens of a word.
  func encode(_ word: Span<UInt8>, _ ids: inout [Int32]) throws(Defect) {
    let start = ids.count
    var count = 0
    for index in word.indices where word[index] & 0xC0 != 0x80 { count += 1 }
    if count > longestWord { return ids.append(try unknownID()) }
    var (position, text) = (0, [UInt8]())
    while position < word.count {
      var end = word.count
      var found: Int32?
      while end > position {
        text.removeAll(keepingCapacity: true)
        if position > 0 { text += Array(prefix.utf8) }
        text.append(word.extracting(position..<end))
        found = vocabulary.id(of: text)
        if found != nil { break }
        end = startOfScalar(in: word, before: end)
      }
      guard let found else {
        ids.removeLast(ids.count - start)
        return ids.append(try unknownID())
      }
      ids.append(found)
      position = end
    }
  }

  private func unknownID() throws(Defect) -> Int32 {
    guard let id = vocabulary.id(of: unknown) else {
      throw Defect(
        "it holds a word that is none, and the vocabulary has no token “\(unknown)” for it")
    }
    return id
  }
}

/// A token for each word.
struct WordLevel: Sendable {
  let vocabulary: Vocabulary
  /// The token for a word that is none.
  let unknown: String

  /// Adds the token of a word.
  func encode(_ word: Span<UInt8>, _ ids: inout [Int32]) throws(Defect) {
    guard let id = vocabulary.id(of: word) ?? vocabulary.id(of: unknown) else {
      throw Defect(
        "it holds a word that is none, and the vocabulary has no token “\(unknown)” for it")
    }
    ids.append(id)
  }
}
