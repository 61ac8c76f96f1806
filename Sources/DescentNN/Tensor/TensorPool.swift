internal import Synchronization

/// The memory that tensors live in.
///
/// Buffers that tensors give up are kept by size and handed out again, so that a training step,
/// which asks for the same sizes as the step before, neither calls the system nor touches new
/// pages. Buffers are aligned to 64 bytes.
public enum TensorPool {
  /// Bytes held by living tensors.
  public static var bytesInUse: Int { state.withLock { $0.inUse } }

  /// The largest value that `bytesInUse` has had since the start or the last `resetPeak`.
  public static var peakBytesInUse: Int { state.withLock { $0.peak } }

  /// Bytes kept for tensors to come.
  public static var bytesFree: Int { state.withLock { $0.free } }

  /// Starts a new measurement of `peakBytesInUse`.
  public static func resetPeak() { state.withLock { $0.peak = $0.inUse } }

  /// Gives all buffers that no tensor uses back to the system.
  public static func releaseFree() {
    state.withLock { state in
      for unsafe list in unsafe state.lists.values {
        for unsafe buffer in unsafe list { unsafe buffer.deallocate() }
      }
      unsafe state.lists.removeAll()
      state.free = 0
    }
  }

  @safe
  private struct State {
    var lists: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
    var inUse = 0
    var peak = 0
    var free = 0
  }

  private static let state = Mutex(State())

  /// The size of the buffer that holds `bytes`: eight sizes for each power of two, so that at most
  /// an eighth is unused and sequences of growing length still find buffers to use again.
  static func bufferSize(for bytes: Int) -> Int {
    let bytes = max(bytes, 64)
    let power = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = max(64, power / 8)
    return (bytes + step - 1) / step * step
  }

  static func take(_ size: Int) -> UnsafeMutableRawPointer {
    let kept: UInt = state.withLock { state in
      state.inUse += size
      state.peak = max(state.peak, state.inUse)
      guard let buffer = unsafe state.lists[size]?.popLast() else { return 0 }
      state.free -= size
      return UInt(bitPattern: buffer)
    }
    if let buffer = unsafe UnsafeMutableRawPointer(bitPattern: kept) { return unsafe buffer }
    return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
  }

  static func giveBack(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
    let address = UInt(bitPattern: buffer)
    state.withLock { state in
      state.inUse -= size
      state.free += size
      unsafe state.lists[size, default: []].append(
        UnsafeMutableRawPointer(bitPattern: address)!)
    }
  }
}

/// A buffer from the pool, given back when the last tensor lets go of it.
@safe
final class TensorStorage: @unchecked Sendable {
  // Tensors write only to storage that they alone refer to, which is what makes sharing safe.
  let count: Int
  private let buffer: UnsafeMutableRawPointer
  private let size: Int

  /// Room for `count` elements with undefined contents.
  init(count: Int) {
    self.count = count
    size = TensorPool.bufferSize(for: count * MemoryLayout<Float>.stride)
    unsafe buffer = TensorPool.take(size)
    unsafe buffer.bindMemory(to: Float.self, capacity: count)
  }

  deinit { unsafe TensorPool.giveBack(buffer, size) }

  var elements: Elements {
    unsafe Elements(UnsafePointer(buffer.assumingMemoryBound(to: Float.self)), count)
  }

  var mutableElements: MutableElements {
    unsafe MutableElements(buffer.assumingMemoryBound(to: Float.self), count)
  }
}
