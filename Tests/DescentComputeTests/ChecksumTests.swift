import DescentCompute
import Testing

@Suite("CRC-32C") struct ChecksumTests {
  /// RFC 3720, appendix B.4, and the check value of catalogues of CRCs.
  static let vectors: [(bytes: [UInt8], checksum: UInt32)] = [
    (Array("123456789".utf8), 0xE306_9283),
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ([UInt8](0..<32), 0x46DD_794E),
    ([UInt8]((0..<32).reversed()), 0x113F_DB5C),
    ([], 0),
  ]

  private func checksum(_ bytes: [UInt8]) -> UInt32 { CRC32C(of: unsafe bytes.span.bytes).value }
  private func portable(_ bytes: [UInt8]) -> UInt32 { CRC32C.portable(unsafe bytes.span.bytes) }

  @Test("known values", arguments: vectors) func known(_ bytes: [UInt8], _ value: UInt32) {
    #expect(checksum(bytes) == value && portable(bytes) == value)
  }

  @Test("pieces of any length give the checksum of the whole; every flipped bit is noticed")
  func pieces() {
    var random = RandomStream(seed: 1)
    let bytes = (0..<101).map { _ in UInt8(truncatingIfNeeded: random.nextWord()) }
    let whole = checksum(bytes)
    #expect(portable(bytes) == whole)
    for cut in bytes.indices {
      let (first, second) = (Array(bytes[..<cut]), Array(bytes[cut...]))
      var crc = CRC32C(of: unsafe first.span.bytes)
      crc.update(unsafe second.span.bytes)
      #expect(crc.value == whole)
    }
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << (bit % 8)
      #expect(checksum(flipped) != whole)
    }
  }
}
