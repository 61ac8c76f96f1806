/// A set of Unicode scalars: what the classes of patterns are made from.
struct ScalarSet: Equatable, Sendable {
  /// The ranges, in order, with gaps between them.
  private(set) var ranges: [ClosedRange<UInt32>] = []

  private static let last: UInt32 = 0x10FFFF

  init() {}

  /// The scalars that `isMember` says are in it. It is asked about planes with characters alone, and
  /// once for each stretch that is unassigned or for private use.
  init(where isMember: (UInt32) -> Bool) {
    var found: [ClosedRange<UInt32>] = []
    func add(_ range: Range<UInt32>) {
      var start: UInt32?
      for value in range {
        if isMember(value) {
          if start == nil { start = value }
        } else if let first = start {
          found.append(first...value - 1)
          start = nil
        }
      }
      if let start { found.append(start...range.upperBound - 1) }
    }
    add(0..<0x40000)
    add(0xE0000..<0xE1000)
    for range in [
      0x40000...0xDFFFF, 0xE1000...0xEFFFF, 0xF0000...0xFFFFD, 0xFFFFE...0xFFFFF,
      0x100000...0x10FFFD, 0x10FFFE...0x10FFFF,
    ] as [ClosedRange<UInt32>] where isMember(range.lowerBound) {
      found.append(range)
    }
    self.init(found)
  }

  /// The scalars of some ranges.
  init(_ parts: ClosedRange<UInt32>...) { self.init(parts) }

  init(_ parts: [ClosedRange<UInt32>]) {
    for range in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let before = ranges.last, range.lowerBound <= before.upperBound &+ 1 {
        ranges[ranges.count - 1] =
          before.lowerBound...max(before.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
  }

  /// The scalars of a text.
  init(of text: String) { self.init(text.unicodeScalars.map { $0.value...$0.value }) }

  var isEmpty: Bool { ranges.isEmpty }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  var inverted: ScalarSet {
    var (result, next): ([ClosedRange<UInt32>], UInt32) = ([], 0)
    for range in ranges {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= Self.last { result.append(next...Self.last) }
    return ScalarSet(result)
  }

  func intersection(_ other: ScalarSet) -> ScalarSet {
    inverted.union(other.inverted).inverted
  }

  /// With all scalars that differ from a member in case alone.
  var ignoringCase: ScalarSet {
    // Whole categories hold both cases or are meant as they are; the rest is a handful.
    let some = ranges.filter { $0.count <= 256 }
    var added: [ClosedRange<UInt32>] = []
    for value in some.joined() {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      for mapped in [properties.lowercaseMapping, properties.uppercaseMapping] {
        if let other = mapped.unicodeScalars.first, mapped.unicodeScalars.count == 1 {
          added.append(other.value...other.value)
        }
      }
      // The long s and the sign of the Kelvin fold to letters of ASCII.
      switch scalar {
      case "s", "S": added.append(0x17F...0x17F)
      case "k", "K": added.append(0x212A...0x212A)
      case "\u{17F}": added.append(0x73...0x73)
      case "\u{212A}": added.append(0x6B...0x6B)
      default: break
      }
    }
    return union(ScalarSet(added))
  }
}

/// Sets of scalars as tables of bits.
struct ScalarTables: Sendable {
  /// For each set, where the bits of each 256 scalars begin in `bits`.
  private var pages: [UInt32] = []
  private var bits: [UInt64] = []
  private var places: [[UInt64]: UInt32] = [:]
  private static let pageCount = 0x110000 >> 8

  /// Adds a set and returns its number.
  mutating func add(_ set: ScalarSet) -> Int {
    let number = pages.count / Self.pageCount
    var all = [UInt64](repeating: 0, count: Self.pageCount * 4)
    for range in set.ranges {
      var value = Int(range.lowerBound)
      let end = Int(range.upperBound) + 1
      while value < end {
        if value & 63 == 0, value + 64 <= end {
          all[value >> 6] = .max
          value += 64
        } else {
          all[value >> 6] |= 1 << UInt64(value & 63)
          value += 1
        }
      }
    }
    for page in 0..<Self.pageCount {
      let words = Array(all[page * 4..<page * 4 + 4])
      if let place = places[words] {
        pages.append(place)
      } else {
        let place = UInt32(bits.count / 4)
        places[words] = place
        pages.append(place)
        bits += words
      }
    }
    return number
  }

  /// Whether set `number` has a scalar.
  @inline(__always)
  func contains(_ value: UInt32, in number: Int) -> Bool {
    let page = Int(pages[number &* Self.pageCount &+ Int(value >> 8)])
    return bits[page &* 4 &+ Int(value >> 6 & 3)] >> UInt64(value & 63) & 1 == 1
  }
}
