internal import Foundation

/// A counter-based generator of random numbers (Philox 4x32-10).
///
/// Number n of a stream is a pure function of (seed, stream, n): a stream can be entered at any
/// position, saved as three numbers, and shared by threads that each compute their own part.
///
/// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
public struct RandomStream: RandomNumberGenerator, Sendable, Equatable, Codable {
  /// What all streams of a run have in common.
  public let seed: UInt64
  /// Which of the seed's independent sequences this is.
  public let stream: UInt64
  /// The number of 32-bit words taken so far; may be set, to go anywhere in the stream.
  public var position: UInt64

  /// The stream `stream` of `seed`, from the word at `position` on.
  public init(seed: UInt64, stream: UInt64 = 0, position: UInt64 = 0) {
    (self.seed, self.stream, self.position) = (seed, stream, position)
  }

  /// The next 32 random bits.
  public mutating func nextWord() -> UInt32 {
    defer { position += 1 }
    return block(position / 4)[Int(position % 4)]
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let low = UInt64(nextWord())
    return UInt64(nextWord()) << 32 | low
  }

  /// A number in [0, 1), a multiple of 2⁻²⁴.
  public mutating func uniform() -> Float { Self.uniform(nextWord()) }

  /// A number from N(0, 1).
  public mutating func normal() -> Float {
    let (u, v) = (nextWord(), nextWord())
    return Self.normals(u, v).0
  }

  /// A whole number in 0 ..< `bound`, each equally likely.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0)
    return Int(next(upperBound: UInt64(bound)))
  }

  /// The numbers 0 ..< `count` in a random order.
  public mutating func permutation(of count: Int) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(i, integer(below: i + 1))
    }
    return order
  }

  /// Fills `x` with numbers in [0, 1).
  package mutating func fillUniform(_ x: inout MutableSpan<Float>) {
    fill(&x) { words in
      SIMD4(
        Self.uniform(words.x), Self.uniform(words.y), Self.uniform(words.z),
        Self.uniform(words.w))
    }
  }

  /// Fills `x` with numbers from N(mean, deviation²).
  package mutating func fillNormal(
    _ x: inout MutableSpan<Float>, mean: Float = 0, deviation: Float = 1
  ) {
    fill(&x) { words in
      let (a, b) = Self.normals(words.x, words.y)
      let (c, d) = Self.normals(words.z, words.w)
      return mean + deviation * SIMD4(a, b, c, d)
    }
  }

  /// Fills from whole blocks; the words that are left of the last block are not used.
  private mutating func fill(
    _ x: inout MutableSpan<Float>, _ numbers: (SIMD4<UInt32>) -> SIMD4<Float>
  ) {
    let first = (position + 3) / 4
    for start in stride(from: 0, to: x.count, by: 4) {
      let values = numbers(block(first + UInt64(start / 4)))
      for lane in 0..<min(4, x.count - start) { x[start + lane] = values[lane] }
    }
    position = 4 * (first + UInt64((x.count + 3) / 4))
  }

  private static func uniform(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

  /// Box–Muller: two words give two normal numbers.
  private static func normals(_ u: UInt32, _ v: UInt32) -> (Float, Float) {
    // (0, 1], so that the logarithm is finite.
    let radius = (-2 * log((Double(u) + 1) * 0x1p-32)).squareRoot()
    let angle = 2 * Double.pi * Double(v) * 0x1p-32
    return (Float(radius * cos(angle)), Float(radius * sin(angle)))
  }

  /// The four words of block `index`.
  package func block(_ index: UInt64) -> SIMD4<UInt32> {
    Self.philox(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// Ten rounds of Philox 4x32.
  package static func philox(
    counter: SIMD4<UInt32>, key: SIMD2<UInt32>
  ) -> SIMD4<UInt32> {
    var (c, k) = (counter, key)
    for _ in 0..<10 {
      let a = c.x.multipliedFullWidth(by: 0xD251_1F53)
      let b = c.z.multipliedFullWidth(by: 0xCD9E_8D57)
      c = SIMD4(b.high ^ c.y ^ k.x, b.low, a.high ^ c.w ^ k.y, a.low)
      k = SIMD2(k.x &+ 0x9E37_79B9, k.y &+ 0xBB67_AE85)
    }
    return c
  }
}
