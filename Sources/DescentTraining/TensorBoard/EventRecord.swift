import DescentCompute

/// How records lie in an event file of TensorBoard (TFRecord):
///
/// ```
/// 8 bytes   length of the payload, little-endian
/// 4 bytes   masked CRC-32C of these 8 bytes
/// n bytes   payload: an `Event`
/// 4 bytes   masked CRC-32C of the payload
/// ```
package enum EventRecord {
  /// What stands before a payload, and behind it.
  package static let (headerSize, footerSize) = (12, 4)
  /// Longer payloads are not read: no numbers of a run come near.
  package static let longestPayload = 16 << 20
  /// What claims to be longer is damage, whatever its checksum.
  private static let longestOfAll = 1 << 40

  /// What lies at a place of a file.
  package enum Reading: Equatable {
    /// A record, and where the next one begins.
    case record(payload: Range<Int>, next: Int)
    /// The record is whole but for its payload.
    case badPayload(next: Int)
    /// The payload is too long to be read; the next record may begin beyond what is there.
    case long(next: Int)
    /// No record begins here.
    case badHeader
    /// More bytes are needed: the file ends in the record.
    case incomplete
  }

  /// Reads the record that begins at `index`.
  package static func read(_ bytes: Span<UInt8>, at index: Int) -> Reading {
    guard index + headerSize <= bytes.count else { return .incomplete }
    let length = integer(bytes, at: index, count: 8)
    let isWhole =
      integer(bytes, at: index + 8, count: 4) == UInt64(checksum(bytes, index..<index + 8))
    guard isWhole, length <= longestOfAll else { return .badHeader }
    let start = index + headerSize
    let end = start + Int(length)
    if length > longestPayload { return .long(next: end + footerSize) }
    guard end + footerSize <= bytes.count else { return .incomplete }
    let isIntact = integer(bytes, at: end, count: 4) == UInt64(checksum(bytes, start..<end))
    return isIntact
      ? .record(payload: start..<end, next: end + footerSize) : .badPayload(next: end + footerSize)
  }

  /// A record with its frame.
  package static func framed(_ payload: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(payload.count), bytes: 8)
    return length + littleEndian(UInt64(checksum(length.span, 0..<8)), bytes: 4) + payload
      + littleEndian(UInt64(checksum(payload.span, payload.indices)), bytes: 4)
  }

  /// A CRC-32C as the format keeps it: turned and shifted, since a checksum of data that hold their
  /// own checksum says little.
  package static func checksum(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32 {
    let part = bytes.extracting(range)
    let crc = unsafe CRC32C(of: part.bytes).value
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }

  @inline(__always)
  static func integer(_ bytes: Span<UInt8>, at index: Int, count: Int) -> UInt64 {
    var number: UInt64 = 0
    for offset in 0..<count { number |= UInt64(bytes[index + offset]) << UInt64(8 * offset) }
    return number
  }

  package static func littleEndian(_ number: UInt64, bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
  }
}
