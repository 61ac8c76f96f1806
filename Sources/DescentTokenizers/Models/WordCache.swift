/// The tokens of words that were seen before.
package struct WordCache: Sendable {
  private struct Entry {
    var hash: UInt64
    var text: UInt32
    var tokens: UInt32
    var textCount: UInt16
    var tokenCount: UInt16
  }

  private var entries: [Entry] = []
  private var text: [UInt8] = []
  private var tokens: [Int32] = []
  /// The number of the entry in each place, and -1 in those that are free.
  private var places = [Int32](repeating: -1, count: 1 << 10)

  /// Longer words are rarely seen again.
  static let longest = 64
  /// When so many words are known, all are forgotten: about 16 MB.
  private static let maximumCount = 1 << 18

  package init() {}

  /// Adds the tokens of a word to `ids`, if it is known.
  @inline(__always)
  package func find(_ word: Span<UInt8>, _ hash: UInt64, _ ids: inout [Int32]) -> Bool {
    var place = Int(truncatingIfNeeded: hash) & (places.count &- 1)
    while places[place] >= 0 {
      let entry = entries[Int(places[place])]
      if entry.hash == hash, equal(entry, word) {
        var token = Int(entry.tokens)
        let end = token &+ Int(entry.tokenCount)
        while token < end {
          ids.append(tokens[token])
          token &+= 1
        }
        return true
      }
      place = (place &+ 1) & (places.count &- 1)
    }
    return false
  }

  @inline(__always)
  private func equal(_ entry: Entry, _ word: Span<UInt8>) -> Bool {
    guard entry.textCount == word.count else { return false }
    let start = Int(entry.text)
    for index in word.indices where text[start &+ index] != word[index] { return false }
    return true
  }

  /// Remembers the tokens of a word that is not known.
  package mutating func add(_ word: Span<UInt8>, _ hash: UInt64, _ ids: ArraySlice<Int32>) {
    guard let count = UInt16(exactly: ids.count) else { return }
    if entries.count == Self.maximumCount {
      entries.removeAll(keepingCapacity: true)
      text.removeAll(keepingCapacity: true)
      tokens.removeAll(keepingCapacity: true)
      for place in places.indices { places[place] = -1 }
    }
    if entries.count * 2 >= places.count {
      places = [Int32](repeating: -1, count: places.count * 4)
      for (number, entry) in entries.enumerated() { put(number, entry.hash) }
    }
    put(entries.count, hash)
    entries.append(
      Entry(
        hash: hash, text: UInt32(text.count), tokens: UInt32(tokens.count),
        textCount: UInt16(word.count), tokenCount: count))
    text.append(word)
    tokens += ids
  }

  private mutating func put(_ number: Int, _ hash: UInt64) {
    var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
    while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
    places[place] = Int32(number)
  }
}
