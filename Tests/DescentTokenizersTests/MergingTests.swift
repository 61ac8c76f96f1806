import DescentTokenizers
import Foundation
import Testing

@Suite struct MergingTests {
  /// Merges one after another, looking at all pairs each time.
  private func slow(_ symbols: [Int32], _ table: MergeTable) -> [Int32] {
    var symbols = symbols
    while true {
      let merges = zip(symbols, symbols.dropFirst()).map { table.merge($0, $1) }
      guard let best = merges.min(), best != MergeTable.none,
        let place = merges.firstIndex(of: best)
      else { return symbols }
      symbols.replaceSubrange(place...place + 1, with: [MergeTable.token(of: best)])
    }
  }

  @Test func `long and short words are merged alike`() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var table = MergeTable(capacity: 60)
      for rank in 0..<60 {
        table.set(
          Int32.random(in: 0..<8, using: &generator), Int32.random(in: 0..<8, using: &generator),
          rank: rank, token: Int32(rank % 8))
      }
      let count = Int.random(in: 0..<120, using: &generator)
      let word = (0..<count).map { _ in Int32.random(in: 0..<8, using: &generator) }
      var merger = SymbolMerger()
      merger.symbols = word
      merger.merge(table)
      #expect(merger.symbols == slow(word, table), "\(word)")
    }
  }

  @Test(arguments: ["gpt2", "llama3", "llama2", "gemma", "t5"])
  func `the time of a long word grows with its length`(_ family: String) throws {
    let tokenizer = try Vectors.tokenizer(family)
    let clock = ContinuousClock()
    func time(_ text: String) throws -> Duration {
      try clock.measure { _ = try tokenizer.encode(text) }
    }
    for unit in ["a", "ab", " ", "中", "A", "\n "] {
      let short = try time(String(repeating: unit, count: 20_000))
      let long = try time(String(repeating: unit, count: 200_000))
      #expect(long < short * 60 + .milliseconds(200), "\(unit.debugDescription)")
    }
  }

  @Test func `words that are seen again are told apart`() {
    var (cache, ids) = (WordCache(), [Int32]())
    func hash(_ word: [UInt8]) -> UInt64 { UInt64(truncatingIfNeeded: word.hashValue) }
    for number in 0..<300_000 as Range<Int32> {
      let word = Array("w\(number)".utf8)
      cache.add(word.span, hash(word), [number, number][...])
    }
    let word = Array("w299999".utf8)
    #expect(cache.find(word.span, hash(word), &ids) && ids == [299_999, 299_999])
    // Forgotten when there were too many.
    let first = Array("w0".utf8)
    #expect(!cache.find(first.span, hash(first), &ids))
  }
}
