import Descent
import DescentCompute

/// A copy of all that a checkpoint is to hold: training goes on while it is written.
struct CheckpointSnapshot: Sendable {
  /// A tensor of the copy.
  struct Tensor: Sendable {
    let name: String
    let element: StoredTensor.Element
    let shape: [Int]
    /// Where its bytes lie in ``bytes``.
    fileprivate let part: Int
    fileprivate let range: Range<Int>
  }

  /// The tensors, in the order of their listing.
  private(set) var tensors: [Tensor] = []
  /// Short texts beside them.
  var notes: [String: String] = [:]
  private var parts: [[UInt8]] = []

  /// Copies what an archive lists, on all threads.
  mutating func add(_ archive: StateArchive) {
    var end = 0
    for tensor in archive.tensors {
      let size = tensor.shape.reduce(tensor.element.size, *)
      tensors.append(
        Tensor(
          name: tensor.name, element: tensor.element, shape: tensor.shape, part: parts.count,
          range: end..<end + size))
      end += size
    }
    parts.append(
      unsafe [UInt8](unsafeUninitializedCapacity: end) { buffer, count in
        for tensor in archive.tensors {
          // Only writing to files can fail.
          try? tensor.forEachPart { part in
            unsafe Self.copy(part, to: UnsafeMutableRawBufferPointer(buffer), at: count)
            count += part.byteCount
          }
        }
      })
    notes.merge(archive.notes) { $1 }
  }

  /// Calls `body` with the bytes of a tensor.
  func withBytes<R>(of tensor: Tensor, _ body: (RawSpan) throws -> R) rethrows -> R {
    let part = parts[tensor.part]
    let bytes = unsafe part.span.bytes
    return try body(bytes.extracting(tensor.range))
  }

  @unsafe
  private static func copy(
    _ part: RawSpan, to memory: UnsafeMutableRawBufferPointer, at start: Int
  ) {
    unsafe part.withUnsafeBytes { bytes in
      ThreadPool.shared.forEachChunk(of: bytes.count, size: 1 << 20) { range in
        let there = start + range.lowerBound..<start + range.upperBound
        unsafe memory[there].copyBytes(from: bytes[range])
      }
    }
  }
}

extension CheckpointSnapshot.Tensor {
  /// Where the first number lies that is NaN or infinite, in the tensor's `bytes`; nil where all are
  /// finite, or the elements are no numbers of that kind.
  func firstNonFinite(in bytes: RawSpan) -> Int? {
    switch element {
    case .float32: Self.first(in: bytes, of: UInt32.self, exponent: 0x7F80_0000)
    case .float64: Self.first(in: bytes, of: UInt64.self, exponent: 0x7FF0_0000_0000_0000)
    case .bfloat16: Self.first(in: bytes, of: UInt16.self, exponent: 0x7F80)
    case .uint8, .int64: nil
    }
  }

  /// The first element all of whose exponent's bits are set.
  private static func first<Bits: FixedWidthInteger & BitwiseCopyable>(
    in bytes: RawSpan, of type: Bits.Type, exponent: Bits
  ) -> Int? {
    let size = MemoryLayout<Bits>.size
    let count = bytes.byteCount / size
    return unsafe bytes.withUnsafeBytes { bytes in
      func isFinite(_ i: Int) -> Bool {
        unsafe bytes.loadUnaligned(fromByteOffset: i * size, as: Bits.self) & exponent != exponent
      }
      // Whole pieces first, whose loop has one exit and is done for many elements at once.
      var start = 0
      while start < count {
        let end = min(count, start + 4096)
        var found = 0
        for i in start..<end { found += isFinite(i) ? 0 : 1 }
        if found > 0 { return (start..<end).first { !isFinite($0) } }
        start = end
      }
      return nil
    }
  }
}
