internal import CDescentKernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Memory in large pages, for what is gone through from end to end: with small ones, finding them takes an update
/// of two arrays some 15 % of its time.
package enum LargePages {
  /// The size of a large page.
  package static let size = 2 << 20

  /// Memory for `bytes`, whose contents are not defined; to be given back by ``deallocate(_:)``.
  ///
  /// What fills at least two large pages is asked for in such pages; the system may refuse. Its end, which fills
  /// none, is not, so that no memory is taken that nobody uses.
  @unsafe
  package static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    guard bytes >= 2 * size else { return unsafe descent_allocate(bytes, 64) }
    let memory = unsafe descent_allocate(bytes, size)
    #if os(Linux)
    _ = unsafe madvise(memory, bytes / size * size, MADV_HUGEPAGE)
    #endif
    return unsafe memory
  }

  /// Gives memory back.
  @unsafe
  package static func deallocate(_ memory: UnsafeMutableRawPointer?) { unsafe free(memory) }
}
