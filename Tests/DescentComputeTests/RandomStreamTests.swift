import DescentCompute
import Testing

@Suite struct RandomStreamTests {
  /// Counter, key and result of Philox 4x32-10, from the known answers published with Random123.
  static let known: [(SIMD4<UInt32>, SIMD2<UInt32>, SIMD4<UInt32>)] = [
    (
      SIMD4(repeating: 0), SIMD2(repeating: 0),
      SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
    ),
    (
      SIMD4(repeating: .max), SIMD2(repeating: .max),
      SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
    ),
    (
      SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), SIMD2(0xa409_3822, 0x299f_31d0),
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
    ),
  ]

  @Test(arguments: 0..<3)
  func `known answers`(index: Int) {
    let (counter, key, result) = Self.known[index]
    #expect(RandomStream.philox(counter: counter, key: key) == result)
  }

  @Test func `a stream continues from its saved position`() {
    var random = RandomStream(seed: 7, stream: 3)
    for _ in 0..<13 { _ = random.nextWord() }
    var resumed = RandomStream(seed: 7, stream: 3, position: random.position)
    #expect((0..<50).map { _ in random.next() } == (0..<50).map { _ in resumed.next() })
    #expect(random == resumed)
  }

  @Test func `words crossing blocks are those of the blocks`() {
    var random = RandomStream(seed: 1 << 40 | 5, stream: 1 << 33 | 2, position: 2)
    let words = (0..<6).map { _ in random.nextWord() }
    let (a, b) = (random.block(0), random.block(1))
    #expect(words == [a.z, a.w, b.x, b.y, b.z, b.w])
  }

  @Test func `seeds and streams differ`() {
    var streams = [
      RandomStream(seed: 1), RandomStream(seed: 2), RandomStream(seed: 1, stream: 1),
      RandomStream(seed: 1 << 32), RandomStream(seed: 1, stream: 1 << 32),
    ]
    let firsts = streams.indices.map { streams[$0].next() }
    #expect(Set(firsts).count == streams.count)
  }

  /// Mean, variance and fourth moment of n numbers, each within five standard errors.
  @Test func `normal numbers have the moments of N(0, 1)`() {
    var random = RandomStream(seed: 1)
    var x = [Float](repeating: 0, count: 100_001)
    var span = x.mutableSpan
    random.fillNormal(&span)
    let n = Double(x.count)
    func moment(_ p: Int) -> Double {
      x.reduce(0.0) { sum, v in sum + (0..<p).reduce(1.0) { q, _ in q * Double(v) } } / n
    }
    #expect(abs(moment(1)) < 5 / n.squareRoot())
    #expect(abs(moment(2) - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(moment(4) - 3) < 5 * (96 / n).squareRoot())
    #expect(x.allSatisfy { $0.isFinite })
  }

  @Test func `uniform numbers fill 0..<1`() {
    var random = RandomStream(seed: 9)
    var x = [Float](repeating: -1, count: 40_000)
    var span = x.mutableSpan
    random.fillUniform(&span)
    #expect(x.allSatisfy { $0 >= 0 && $0 < 1 })
    var bins = [Int](repeating: 0, count: 10)
    for v in x { bins[Int(v * 10)] += 1 }
    #expect(bins.allSatisfy { abs($0 - 4000) < 5 * 60 })
  }

  @Test(arguments: [1, 2, 3, 10, 1000])
  func `a permutation holds each number once`(count: Int) {
    var random = RandomStream(seed: 4)
    let order = random.permutation(of: count)
    #expect(order.sorted() == Array(0..<count))
    if count >= 10 { #expect(order != Array(0..<count)) }
  }

  @Test func `whole numbers are equally likely`() {
    var random = RandomStream(seed: 4)
    var bins = [Int](repeating: 0, count: 6)
    for _ in 0..<60_000 { bins[random.integer(below: 6)] += 1 }
    #expect(bins.allSatisfy { abs($0 - 10_000) < 5 * 92 })
  }
}
