#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file in memory without being read: the system brings pages when they are touched, and may drop
/// them again. For weights that nobody changes, however large they are.
///
/// The file must stay as it is while it is mapped: when somebody shortens it, the process that touches
/// the lost pages is ended. Replacing it by another, as ``OutputFile`` does, is no such change.
@safe
package final class MappedFile: @unchecked Sendable {
  // The pages are read-only.
  private let base: UnsafeRawPointer
  /// Its bytes.
  package let count: Int

  /// Maps all of an open file.
  ///
  /// - Throws: ``FileError/unreadable(path:reason:)``, also for an empty file.
  package init(_ file: InputFile) throws(FileError) {
    count = file.count
    let pages = unsafe file.withDescriptor {
      unsafe mmap(nil, max(1, file.count), PROT_READ, MAP_PRIVATE, $0, 0)
    }
    guard file.count > 0, let pages = unsafe pages, unsafe pages != MAP_FAILED else {
      throw .unreadable(
        path: file.path, reason: file.count == 0 ? "it is empty" : lastSystemError())
    }
    unsafe base = UnsafeRawPointer(pages)
  }

  deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }

  /// Where byte `offset` lies, from which `bytes` bytes must be in the file. The address is good while
  /// this object lives.
  @unsafe
  package func address(of offset: Int, bytes: Int) -> UnsafeRawPointer {
    precondition(offset >= 0 && bytes >= 0 && offset <= count - bytes)
    return unsafe base + offset
  }
}
