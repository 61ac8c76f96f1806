/// An `Event` of TensorBoard as bytes; ``EventMessage`` says which fields there are.
package struct EventEncoding {
  /// The message.
  package private(set) var bytes: [UInt8]
  private var values: [UInt8] = []

  /// An event at a time, in seconds since 1970.
  package init(wallTime: Double, step: Int = 0) {
    bytes = [0x09] + EventRecord.littleEndian(wallTime.bitPattern, bytes: 8)
    if step != 0 { bytes += [0x10] + Self.varint(UInt64(bitPattern: Int64(step))) }
  }

  /// The first event of a file.
  package static func version(wallTime: Double) -> EventEncoding {
    var event = EventEncoding(wallTime: wallTime)
    event.bytes += Self.field(3, Array("brain.Event:2".utf8))
    return event
  }

  /// A program began here: what was logged at `step` or later is void.
  package static func start(wallTime: Double, step: Int) -> EventEncoding {
    var event = EventEncoding(wallTime: wallTime, step: step)
    event.bytes += Self.field(7, [0x08, 1])
    return event
  }

  /// Adds a number.
  package mutating func add(_ tag: String, _ value: Double) {
    let number = [0x15] + EventRecord.littleEndian(UInt64(Float(value).bitPattern), bytes: 4)
    values += Self.field(1, Self.field(1, Array(tag.utf8)) + number)
  }

  /// Adds a histogram of equal bins.
  package mutating func add(_ tag: String, from: Double, to: Double, counts: [Double]) {
    guard !counts.isEmpty else { return }
    let width = (to - from) / Double(counts.count)
    let centers = counts.indices.map { from + (Double($0) + 0.5) * width }
    let limits = counts.indices.map { $0 == counts.count - 1 ? to : from + Double($0 + 1) * width }
    func double(_ number: Int, _ value: Double) -> [UInt8] {
      [UInt8(number << 3 | 1)] + EventRecord.littleEndian(value.bitPattern, bytes: 8)
    }
    func packed(_ number: Int, _ values: [Double]) -> [UInt8] {
      Self.field(number, values.flatMap { EventRecord.littleEndian($0.bitPattern, bytes: 8) })
    }
    let sum = zip(centers, counts).reduce(0) { $0 + $1.0 * $1.1 }
    let squares = zip(centers, counts).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
    let histogram =
      double(1, from) + double(2, to) + double(3, counts.reduce(0, +)) + double(4, sum)
      + double(5, squares) + packed(6, limits) + packed(7, counts)
    values += Self.field(1, Self.field(1, Array(tag.utf8)) + Self.field(5, histogram))
  }

  /// The event with its frame, for a file.
  package var record: [UInt8] {
    EventRecord.framed(values.isEmpty ? bytes : bytes + Self.field(5, values))
  }

  /// Whether numbers or histograms were added.
  package var hasValues: Bool { !values.isEmpty }

  private static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    [UInt8(number << 3 | 2)] + varint(UInt64(content.count)) + content
  }

  private static func varint(_ number: UInt64) -> [UInt8] {
    var (rest, bytes) = (number, [UInt8]())
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
