#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A whole file mapped read-only into memory; pages are loaded when they are first touched.
///
/// Immutable, and unmapped with its last reference, so it may be shared between threads.
@safe
final class MappedFile: Sendable {
  private let start: UInt
  let count: Int

  init(path: String) throws(SafetensorsError) {
    // Opening a pipe must not wait for someone to write to it.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 {
      if errno == ENOENT || errno == ENOTDIR { throw SafetensorsError.missingFile(path: path) }
      throw SafetensorsError.unreadable(path: path, reason: lastSystemError())
    }
    defer { close(descriptor) }
    var status = stat()
    if unsafe fstat(descriptor, &status) != 0 {
      throw SafetensorsError.unreadable(path: path, reason: lastSystemError())
    }
    if status.st_mode & S_IFMT != S_IFREG {
      throw SafetensorsError.unreadable(path: path, reason: "it is not a regular file")
    }
    count = Int(status.st_size)
    if count == 0 {  // which cannot be mapped
      start = 0
      return
    }
    let address = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw SafetensorsError.unreadable(path: path, reason: lastSystemError())
    }
    start = UInt(bitPattern: address)
  }

  deinit {
    if count > 0 { unsafe munmap(UnsafeMutableRawPointer(bitPattern: start), count) }
  }

  /// Calls `body` with the bytes of `range`.
  func withBytes<R, E: Error>(_ range: Range<Int>, _ body: (RawSpan) throws(E) -> R) throws(E) -> R
  {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    let pointer = unsafe UnsafeRawPointer(bitPattern: start).map { unsafe $0 + range.lowerBound }
    return try unsafe body(UnsafeRawBufferPointer(start: pointer, count: range.count).bytes)
  }
}

/// What the system says about the call that has just failed.
func lastSystemError() -> String {
  unsafe String(cString: strerror(errno))
}
