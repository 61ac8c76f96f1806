/// The merges of byte-pair encoding: which pairs of tokens become one, and in which order.
package struct MergeTable: Sendable {
  /// Pairs and what is known of them, in turn; a free place has the pair `free`.
  private var places: [UInt64]
  private var mask: Int
  private static let free = UInt64.max

  /// What ``merge(_:_:)`` gives for a pair that stays apart.
  package static let none = UInt64.max

  package init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    places = [UInt64](repeating: Self.free, count: size * 2)
    mask = size - 1
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func place(of key: UInt64) -> Int {
    var hash = key &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 32
    return Int(truncatingIfNeeded: hash) & mask
  }

  /// Says that a pair becomes `token`. Of two lines for one pair the last holds.
  package mutating func set(_ left: Int32, _ right: Int32, rank: Int, token: Int32) {
    let key = Self.key(left, right)
    var place = place(of: key)
    while places[2 * place] != Self.free, places[2 * place] != key { place = (place + 1) & mask }
    places[2 * place] = key
    places[2 * place + 1] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: token))
  }

  /// The rank of a pair's merge in the high half, and the token that it makes in the low one.
  @inline(__always)
  package func merge(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = Self.key(left, right)
    var place = place(of: key)
    while true {
      let found = places[2 &* place]
      if found == key { return places[2 &* place &+ 1] }
      if found == Self.free { return Self.none }
      place = (place &+ 1) & mask
    }
  }

  @inline(__always)
  package static func token(of merge: UInt64) -> Int32 {
    Int32(bitPattern: UInt32(truncatingIfNeeded: merge))
  }
}
