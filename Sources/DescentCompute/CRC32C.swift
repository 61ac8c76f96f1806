internal import CDescentKernels

/// The checksum CRC-32C: it notices every change of up to three bits, and of any 32 bits in a row.
///
/// Castagnoli, Bräuer, Herrmann: Optimization of cyclic redundancy-check codes, 1993.
package struct CRC32C: Sendable, Equatable {
  /// The checksum of all bytes so far.
  package private(set) var value: UInt32 = 0

  package init() {}

  /// The checksum of some bytes.
  package init(of bytes: RawSpan) { update(bytes) }

  /// The checksum of a text's UTF-8.
  package init(of text: String) {
    let bytes = Array(text.utf8)
    update(unsafe bytes.span.bytes)
  }

  /// Takes in the bytes that follow.
  package mutating func update(_ bytes: RawSpan) {
    value = unsafe bytes.withUnsafeBytes { bytes in
      unsafe bytes.baseAddress.map { unsafe descent_crc32c(value, bytes.count, $0) } ?? value
    }
  }

  /// The checksum of bytes as it is found without the processor's instructions, for tests.
  package static func portable(_ bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe bytes.baseAddress.map { unsafe descent_crc32c_portable(0, bytes.count, $0) } ?? 0
    }
  }

  /// Eight hexadecimal digits.
  package var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
