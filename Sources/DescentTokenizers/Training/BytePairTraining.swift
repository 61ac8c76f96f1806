/// Learns the merges of byte-pair encoding from words and how often each occurs (Sennrich 2016,
/// arXiv:1508.07909): again and again the pair that occurs most often becomes a token.
///
/// Of pairs that occur equally often the one with the lower ids comes first, as in the reference.
struct BytePairTraining {
  /// The tokens by id, as bytes.
  private(set) var tokens: ByteStrings
  /// The pairs in the order in which they are merged.
  private(set) var merges: [(left: Int32, right: Int32)] = []

  private var index: ByteStringIndex
  /// The symbols of each word, and how often it occurs.
  private var words: [[Int32]]
  private let counts: [Int]
  private var pairCounts: [Pair: Int] = [:]
  private var queue: [Candidate] = []

  private struct Pair: Hashable, Comparable {
    let left: Int32
    let right: Int32

    static func < (a: Pair, b: Pair) -> Bool { (a.left, a.right) < (b.left, b.right) }
  }

  /// A pair, how often it occurred when it was put into the queue, and the words that hold it.
  private struct Candidate {
    let pair: Pair
    var count: Int
    let words: [Int32]

    func precedes(_ other: Candidate) -> Bool {
      count != other.count ? count > other.count : pair < other.pair
    }
  }

  /// Pairs that occur less often are left alone.
  private static let leastCount = 2

  /// - Parameters:
  ///   - tokens: the first tokens: those that are no part of words, and one for each byte.
  ///   - symbols: the token of each byte, among the last 256.
  ///   - words: the words as bytes.
  ///   - counts: how often each occurs.
  init(tokens: ByteStrings, symbols: [Int32], words: ByteStrings, counts: [Int]) {
    (self.tokens, self.counts) = (tokens, counts)
    index = ByteStringIndex(capacity: tokens.count)
    for id in tokens.count - 256..<tokens.count { _ = index.insert(id, of: tokens) }
    self.words = (0..<words.count).map { number in
      words.bytes[words.range(number)].map { symbols[Int($0)] }
    }
  }

  /// Merges until there are `size` tokens, or nothing is left that occurs twice.
  mutating func run(size: Int) {
    var places: [Pair: [Int32]] = [:]
    for (number, word) in words.enumerated() {
      for (left, right) in zip(word, word.dropFirst()) {
        let pair = Pair(left: left, right: right)
        pairCounts[pair, default: 0] += counts[number]
        if places[pair]?.last != Int32(number) { places[pair, default: []].append(Int32(number)) }
      }
    }
    enqueue(places)
    while tokens.count < size, var top = dequeue() {
      let count = pairCounts[top.pair] ?? 0
      if count != top.count {
        top.count = count
        enqueue(top)
        continue
      }
      if count < Self.leastCount { break }
      merge(top)
    }
  }

  private mutating func merge(_ candidate: Candidate) {
    let pair = candidate.pair
    let text = tokens[Int(pair.left)] + tokens[Int(pair.right)]
    tokens.append(text)
    var token = Int32(tokens.count - 1)
    // Two pairs may make the same token.
    if let known = index.insert(tokens.count - 1, of: tokens) {
      token = Int32(known)
      tokens.removeLast()
    }
    merges.append((pair.left, pair.right))
    var places: [Pair: [Int32]] = [:]
    for number in candidate.words {
      let count = counts[Int(number)]
      func change(_ left: Int32, _ right: Int32, by sign: Int) {
        let pair = Pair(left: left, right: right)
        pairCounts[pair, default: 0] += sign * count
        if sign > 0, places[pair]?.last != number { places[pair, default: []].append(number) }
      }
      let word = words[Int(number)]
      var merged: [Int32] = []
      merged.reserveCapacity(word.count)
      var place = 0
      while place < word.count {
        guard place + 1 < word.count, word[place] == pair.left, word[place + 1] == pair.right else {
          merged.append(word[place])
          place += 1
          continue
        }
        if let before = merged.last {
          change(before, pair.left, by: -1)
          change(before, token, by: 1)
        }
        merged.append(token)
        place += 2
        if place < word.count {
          change(pair.right, word[place], by: -1)
          change(token, word[place], by: 1)
        }
      }
      words[Int(number)] = merged
    }
    enqueue(places)
  }

  // MARK: The queue, a heap

  private mutating func enqueue(_ places: [Pair: [Int32]]) {
    for (pair, words) in places {
      guard let count = pairCounts[pair], count > 0 else { continue }
      enqueue(Candidate(pair: pair, count: count, words: words))
    }
  }

  private mutating func enqueue(_ candidate: Candidate) {
    queue.append(candidate)
    var index = queue.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      if !queue[index].precedes(queue[parent]) { break }
      queue.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func dequeue() -> Candidate? {
    guard let last = queue.popLast() else { return nil }
    guard let top = queue.first else { return last }
    queue[0] = last
    var index = 0
    while true {
      var child = 2 * index + 1
      if child >= queue.count { break }
      if child + 1 < queue.count, queue[child + 1].precedes(queue[child]) { child += 1 }
      if !queue[child].precedes(queue[index]) { break }
      queue.swapAt(index, child)
      index = child
    }
    return top
  }
}
