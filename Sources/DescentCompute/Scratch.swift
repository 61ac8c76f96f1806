internal import CDescentKernels

/// Calls `body` with room for `count` elements of any value, which are its to use during the call,
/// other threads' tasks included. Calls may be nested.
///
/// The memory belongs to the calling thread, which keeps it for the next call: only the first
/// ones, and those that need more than all before, allocate.
@inlinable @inline(__always)
package func withScratch<Element: BitwiseCopyable, Result, Failure: Error>(
  of _: Element.Type, _ count: Int, _ body: (MutableView<Element>) throws(Failure) -> Result
) throws(Failure) -> Result {
  let memory = unsafe Scratch.begin(bytes: max(count, 1) * MemoryLayout<Element>.stride)
  defer { Scratch.end() }
  return try body(unsafe MutableView(memory.assumingMemoryBound(to: Element.self), count: count))
}

/// Copies bytes that nobody reads soon, by all threads: past the caches, without reading what is
/// overwritten.
@unsafe
package func copyPastCaches(
  from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, byteCount: Int
) {
  ThreadPool.shared.forEachChunk(of: byteCount, size: 1 << 20) { range in
    unsafe descent_copy_past_caches(
      target + range.lowerBound, source + range.lowerBound, range.count)
  }
}

/// The two ends of a use of the calling thread's memory.
@usableFromInline
package enum Scratch {
  @unsafe @usableFromInline
  static func begin(bytes: Int) -> UnsafeMutableRawPointer { unsafe descent_scratch_begin(bytes) }

  @usableFromInline
  static func end() { descent_scratch_end() }

  /// The most bytes that the calling thread ever had in use, which it keeps.
  package static var most: Int { descent_scratch_most() }
}
