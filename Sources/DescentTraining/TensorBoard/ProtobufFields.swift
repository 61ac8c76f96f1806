/// The fields of a protobuf message, one after another.
///
/// Event files need a handful of fields of four messages; this is all of the format that they take.
package struct ProtobufFields {
  /// A field's value, as far as the format tells it.
  package enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    /// A text, bytes, a message, or packed numbers.
    case bytes(Range<Int>)
  }

  package private(set) var index: Int
  package let end: Int
  /// Whether the message is cut or no message.
  package private(set) var isBroken = false

  package init(_ range: Range<Int>) { (index, end) = (range.lowerBound, range.upperBound) }

  /// The next field; nil at the end, or where the message is broken.
  @inline(__always)
  package mutating func next(_ bytes: Span<UInt8>) -> (number: Int, value: Value)? {
    guard index < end else { return nil }
    guard let key = varint(bytes) else { return broken() }
    let number = Int(truncatingIfNeeded: key >> 3)
    switch key & 7 {
    case 0:
      guard let value = varint(bytes) else { return broken() }
      return (number, .varint(value))
    case 1:
      guard index + 8 <= end else { return broken() }
      index += 8
      return (number, .fixed64(EventRecord.integer(bytes, at: index - 8, count: 8)))
    case 5:
      guard index + 4 <= end else { return broken() }
      index += 4
      return (
        number,
        .fixed32(UInt32(truncatingIfNeeded: EventRecord.integer(bytes, at: index - 4, count: 4)))
      )
    case 2:
      guard let count = varint(bytes), count <= UInt64(end - index) else { return broken() }
      let start = index
      index += Int(count)
      return (number, .bytes(start..<index))
    default: return broken()
    }
  }

  private mutating func broken() -> (number: Int, value: Value)? {
    (index, isBroken) = (end, true)
    return nil
  }

  /// A number of 7 bits a byte; nil where it does not end.
  @inline(__always)
  package mutating func varint(_ bytes: Span<UInt8>) -> UInt64? {
    var (number, shift): (UInt64, UInt64) = (0, 0)
    while index < end, shift < 64 {
      let byte = bytes[index]
      index += 1
      number |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
    return nil
  }
}
