internal import DescentCompute
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The memory that tensors live in.
///
/// Buffers that tensors give up are kept by size and handed out again, so that a training step,
/// which asks for the same sizes as the step before, neither calls the system nor touches new
/// pages. Buffers are aligned to 64 bytes and cut from regions for which large pages are asked:
/// with 4 KiB pages, finding the pages of a step's tensors takes some 5 % of its time.
public enum TensorPool {
  /// Bytes held by living tensors.
  public static var bytesInUse: Int { state.withLock { $0.inUse } }

  /// Bytes of memory kept for tensors to come.
  public static var bytesFree: Int { state.withLock { $0.free } }

  /// Bytes of the tensors that the calling thread made, less those that it gave up: a difference of
  /// two values is what lies between them, whatever other threads do.
  public static var bytesOfThread: Int { ThreadBytes.current }

  /// The largest value that `bytesOfThread` has had since the thread began or the last `resetPeak`.
  public static var peakBytesOfThread: Int { ThreadBytes.peak }

  /// Starts a new measurement of `peakBytesOfThread`.
  public static func resetPeak() { ThreadBytes.resetPeak() }

  /// Gives the memory that no tensor uses back to the system.
  public static func releaseFree() { state.withLock { $0.releaseFree() } }

  /// The size of the buffer that holds `bytes`: eight sizes for each power of two, so that at most
  /// an eighth is unused and sequences of growing length still find buffers to use again.
  static func bufferSize(for bytes: Int) -> Int {
    let bytes = max(bytes, 64)
    let power = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = max(64, power / 8)
    return (bytes + step - 1) / step * step
  }

  static func take(_ size: Int) -> UnsafeMutableRawPointer {
    ThreadBytes.add(size)
    let address = state.withLock { unsafe UInt(bitPattern: $0.take(size)) }
    return unsafe UnsafeMutableRawPointer(bitPattern: address)!
  }

  static func giveBack(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
    ThreadBytes.add(-size)
    let address = UInt(bitPattern: buffer)
    state.withLock { unsafe $0.giveBack(UnsafeMutableRawPointer(bitPattern: address)!, size) }
  }

  private static let state = Mutex(State())
}

/// The buffers of the pool and the region that new ones are cut from.
@safe
private struct State {
  var inUse = 0
  var free = 0

  /// Free buffers by size.
  private var kept: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
  /// Free parts of regions by size, whose pages went back to the system.
  private var empty: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
  /// What is left of the newest region.
  private var region: UnsafeMutableRawPointer?
  private var left = 0

  private static let regionSize = 8 * LargePages.size
  /// Buffers from this size on are regions of their own.
  private static let large = 2 * LargePages.size

  mutating func take(_ size: Int) -> UnsafeMutableRawPointer {
    inUse += size
    if let buffer = unsafe kept[size]?.popLast() {
      free -= size
      return unsafe buffer
    }
    if let buffer = unsafe empty[size]?.popLast() { return unsafe buffer }
    if size >= Self.large { return unsafe LargePages.allocate(size) }
    if left < size {
      unsafe region = LargePages.allocate(Self.regionSize)
      left = Self.regionSize
    }
    left -= size
    return unsafe region! + left
  }

  mutating func giveBack(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
    inUse -= size
    free += size
    unsafe kept[size, default: []].append(buffer)
  }

  mutating func releaseFree() {
    unsafe kept.forEach { size, buffers in
      if size >= Self.large {
        unsafe buffers.forEach { buffer in unsafe LargePages.deallocate(buffer) }
      } else {
        unsafe buffers.forEach { buffer in unsafe Self.releasePages(buffer, size) }
        unsafe empty[size, default: []] += buffers
      }
    }
    unsafe kept.removeAll()
    free = 0
  }

  /// Lets the system take the whole pages of a buffer whose contents nobody needs.
  private static func releasePages(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = unsafe buffer.alignedUp(toMultipleOf: page)
    let end = unsafe (buffer + size).alignedDown(toMultipleOf: page)
    guard unsafe first < end else { return }
    _ = unsafe madvise(first, end - first, MADV_DONTNEED)
  }
}
