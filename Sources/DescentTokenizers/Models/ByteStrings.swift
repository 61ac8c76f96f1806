/// Many short byte strings, one after another in memory, by number; a number may have none.
struct ByteStrings: Sendable, Equatable {
  private(set) var bytes: [UInt8] = []
  /// Where each begins, and how long it is; a gap has the length `gap`.
  private var starts: [UInt32] = []
  private var lengths: [UInt32] = []
  private static let gap = UInt32.max

  init() {}

  /// Room for `count` strings, none of them set.
  init(count: Int, bytes: [UInt8] = []) {
    self.bytes = bytes
    starts = [UInt32](repeating: 0, count: count)
    lengths = [UInt32](repeating: Self.gap, count: count)
  }

  var count: Int { starts.count }

  /// Sets a string that is part of `bytes`.
  mutating func set(_ number: Int, to range: Range<Int>) {
    starts[number] = UInt32(range.lowerBound)
    lengths[number] = UInt32(range.count)
  }

  /// Sets a string.
  mutating func set(_ number: Int, to string: [UInt8]) {
    let start = bytes.count
    bytes += string
    set(number, to: start..<bytes.count)
  }

  mutating func append(_ string: [UInt8]) {
    starts.append(0)
    lengths.append(0)
    set(count - 1, to: string)
  }

  /// Takes back the last string, which was appended.
  mutating func removeLast() {
    bytes.removeLast(range(count - 1).count)
    starts.removeLast()
    lengths.removeLast()
  }

  /// Makes room for `count` strings in all.
  mutating func extend(to count: Int) {
    while self.count < count {
      starts.append(0)
      lengths.append(Self.gap)
    }
  }

  func has(_ number: Int) -> Bool {
    starts.indices.contains(number) && lengths[number] != Self.gap
  }

  /// Where string `number`, which must be there, lies in `bytes`.
  @inline(__always)
  func range(_ number: Int) -> Range<Int> {
    let start = Int(starts[number])
    return start..<start + Int(lengths[number])
  }

  /// String `number`, which must be there.
  subscript(_ number: Int) -> [UInt8] { Array(bytes[range(number)]) }
}

/// The hash of a byte string (FNV-1a, its high bits mixed in).
@inline(__always)
func hash(of text: Span<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for index in text.indices { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
  return hash ^ hash >> 32
}

/// Finds the number of a byte string.
struct ByteStringIndex: Sendable {
  /// The number of the string in each place, and -1 in those that are free.
  private var places: [Int32] = []
  private var count = 0

  /// Room for so many strings; more find room, too.
  init(capacity: Int = 0) { reserve(capacity) }

  private mutating func reserve(_ count: Int) {
    var size = 16
    while size < count * 2 { size *= 2 }
    places = [Int32](repeating: -1, count: size)
  }

  /// Adds a string, unless an equal one is there, whose number is returned.
  mutating func insert(_ number: Int, of strings: ByteStrings) -> Int? {
    if (count + 1) * 2 > places.count {
      let old = places
      reserve(max(16, places.count))
      count = 0
      for place in old where place >= 0 { _ = insert(Int(place), of: strings) }
    }
    let text = strings.bytes.span.extracting(strings.range(number))
    var place = Int(truncatingIfNeeded: hash(of: text)) & (places.count - 1)
    while places[place] >= 0 {
      let other = Int(places[place])
      if equal(strings, other, text) { return other }
      place = (place + 1) & (places.count - 1)
    }
    places[place] = Int32(number)
    count += 1
    return nil
  }

  /// The number of a string.
  func find(_ text: Span<UInt8>, in strings: ByteStrings) -> Int? {
    var place = Int(truncatingIfNeeded: hash(of: text)) & (places.count - 1)
    while places[place] >= 0 {
      let number = Int(places[place])
      if equal(strings, number, text) { return number }
      place = (place + 1) & (places.count - 1)
    }
    return nil
  }

  @inline(__always)
  private func equal(_ strings: ByteStrings, _ number: Int, _ text: Span<UInt8>) -> Bool {
    let range = strings.range(number)
    guard range.count == text.count else { return false }
    for index in text.indices where strings.bytes[range.lowerBound + index] != text[index] {
      return false
    }
    return true
  }
}
