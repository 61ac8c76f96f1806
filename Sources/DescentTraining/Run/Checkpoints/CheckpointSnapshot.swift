import Descent
import DescentCompute
import Foundation

/// A copy of all that a checkpoint is to hold: training goes on while it is written.
struct CheckpointSnapshot: Sendable {
  /// A tensor of the copy.
  struct Tensor: Sendable {
    let name: String
    let element: StoredTensor.Element
    let shape: [Int]
    /// Where its bytes lie in the snapshot's memory.
    fileprivate let range: Range<Int>
  }

  /// The tensors, in the order of their listing.
  private(set) var tensors: [Tensor] = []
  /// Short texts beside them.
  var notes: [String: String] = [:]
  /// What holds the bytes.
  let memory: SnapshotMemory

  /// An empty snapshot in memory that no other uses.
  init(in memory: SnapshotMemory) { self.memory = memory }

  /// The bytes that the tensors of an archive take.
  static func size(of archive: StateArchive) -> Int {
    archive.tensors.reduce(0) { $0 + $1.shape.reduce($1.element.size, *) }
  }

  /// Copies what an archive lists, on all threads.
  mutating func add(_ archive: StateArchive) {
    var end = tensors.last?.range.upperBound ?? 0
    memory.grow(to: end + Self.size(of: archive), keeping: end)
    for tensor in archive.tensors {
      let start = end
      // Only writing to files can fail.
      try? tensor.forEachPart { part in
        memory.copy(part, to: end)
        end += part.byteCount
      }
      tensors.append(
        Tensor(
          name: tensor.name, element: tensor.element, shape: tensor.shape, range: start..<end))
    }
    notes.merge(archive.notes) { $1 }
  }

  /// Calls `body` with the bytes of a tensor.
  func withBytes<R>(of tensor: Tensor, _ body: (RawSpan) throws -> R) rethrows -> R {
    try memory.withBytes(tensor.range, body)
  }
}

/// The memory of a snapshot. It is used again for the next one: a system takes longer to give memory
/// than it takes to copy to it.
@safe
final class SnapshotMemory: @unchecked Sendable {
  // A snapshot is filled before another thread reads it, and read before the next is filled.
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0

  /// Memory that has been given already, so that no step waits for it.
  init(bytes: Int = 0) {
    grow(to: bytes, keeping: 0)
    for offset in stride(from: 0, to: bytes, by: 4096) {
      unsafe base?.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
    }
  }

  deinit { unsafe LargePages.deallocate(base) }

  fileprivate func grow(to bytes: Int, keeping used: Int) {
    guard bytes > capacity else { return }
    let larger = unsafe LargePages.allocate(bytes)
    if let base = unsafe base { unsafe larger.copyMemory(from: base, byteCount: used) }
    unsafe LargePages.deallocate(base)
    unsafe base = larger
    capacity = bytes
  }

  fileprivate func copy(_ part: RawSpan, to start: Int) {
    unsafe part.withUnsafeBytes { bytes in
      guard let source = bytes.baseAddress, let base = unsafe base else { return }
      unsafe copyPastCaches(from: source, to: base + start, byteCount: bytes.count)
    }
  }

  fileprivate func withBytes<R>(
    _ range: Range<Int>, _ body: (RawSpan) throws -> R
  ) rethrows -> R {
    let start = unsafe base.map { unsafe UnsafeRawPointer($0) + range.lowerBound }
    return try unsafe body(UnsafeRawBufferPointer(start: start, count: range.count).bytes)
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
