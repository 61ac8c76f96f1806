#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A regular file, open for reading. May be shared between threads.
///
/// It is read and not mapped into memory, which is what ``MappedFile`` is for: when somebody shortens a
/// mapped file, the process that touches the lost pages is ended. Read from the page cache it is as fast.
package final class InputFile: Sendable {
  /// Where it lies.
  package let path: String
  /// Its bytes when it was opened.
  package let count: Int
  /// Which file it is, whatever its name.
  package let identity: Identity
  private let descriptor: Int32

  /// What tells a file apart from another that took its name.
  package struct Identity: Equatable, Sendable {
    fileprivate let device: UInt64
    fileprivate let number: UInt64
  }

  /// Opens the file at `path`, without waiting for anybody: folders, devices and pipes are refused.
  ///
  /// - Throws: ``FileError/missing(path:)`` and ``FileError/unreadable(path:reason:)``.
  package init(path: String) throws(FileError) {
    if let reason = refusal(ofPath: path) { throw .unreadable(path: path, reason: reason) }
    // A pipe without a writer would be waited for.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    if descriptor < 0 {
      if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path) }
      throw .unreadable(path: path, reason: lastSystemError())
    }
    var status = stat()
    let reason =
      unsafe fstat(descriptor, &status) == 0
      ? FileKind(status.st_mode).refusal : lastSystemError()
    if let reason {
      close(descriptor)
      throw .unreadable(path: path, reason: reason)
    }
    identity = Identity(
      device: UInt64(truncatingIfNeeded: status.st_dev),
      number: UInt64(truncatingIfNeeded: status.st_ino))
    (self.path, self.descriptor, count) = (path, descriptor, Int(status.st_size))
  }

  deinit { close(descriptor) }

  func withDescriptor<R>(_ body: (Int32) -> R) -> R { body(descriptor) }

  /// Fills `memory` with the bytes from `offset` on.
  ///
  /// - Throws: ``FileError/unreadable(path:reason:)``, also where the file ends before.
  package func read(from offset: Int, into memory: inout MutableRawSpan) throws(FileError) {
    let wanted = memory.byteCount
    var (done, reason): (Int, String?) = (0, nil)
    while done < wanted, reason == nil {
      // Some systems refuse more than 2 GB at once.
      let count = min(wanted - done, 1 << 30)
      let result = unsafe memory.withUnsafeMutableBytes { buffer in
        unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, count, off_t(offset + done))
      }
      if result > 0 {
        done += result
      } else if result == 0 {
        reason = "it was shortened while it was read"
      } else if errno != EINTR {
        reason = lastSystemError()
      }
    }
    if let reason { throw .unreadable(path: path, reason: reason) }
  }

  /// The bytes of `range`.
  ///
  /// - Throws: as ``read(from:into:)``.
  package func bytes(_ range: Range<Int>) throws(FileError) -> [UInt8] {
    var failure: FileError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      var span = unsafe UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count]
      ).mutableBytes
      do throws(FileError) {
        try read(from: range.lowerBound, into: &span)
        count = range.count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
