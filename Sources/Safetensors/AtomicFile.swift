#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that appears under its path only once it is complete.
///
/// It is written under a temporary name in the same folder and renamed by `commit()`; without
/// that, whatever the reason, the temporary file is removed.
struct AtomicFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  init(path: String) throws(SafetensorsError) {
    self.path = path
    let (folder, name) = Self.split(path)
    let suffix = String(UInt64.random(in: 0 ... .max), radix: 36)
    temporaryPath = "\(folder)/.\(name).\(suffix).tmp"
    descriptor = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if descriptor < 0 {
      // No file to remove, and no deinitializer runs for what was never initialized.
      throw SafetensorsError.unwritable(path: path, reason: lastSystemError())
    }
  }

  /// Writes all of `bytes` from byte `offset` of the file on.
  func write(_ bytes: RawSpan, at offset: Int) throws(SafetensorsError) {
    var written = 0
    while written < bytes.byteCount {
      // Some systems refuse more than 2 GB at once.
      let count = min(bytes.byteCount - written, 1 << 30)
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe pwrite(descriptor, buffer.baseAddress! + written, count, off_t(offset + written))
      }
      if result < 0 && errno == EINTR { continue }
      if result < 0 { throw SafetensorsError.unwritable(path: path, reason: lastSystemError()) }
      written += result
    }
  }

  /// Waits until what was written is on the disk.
  func synchronize() throws(SafetensorsError) {
    if fsync(descriptor) != 0 {
      throw SafetensorsError.unwritable(path: path, reason: lastSystemError())
    }
  }

  /// Makes the file durable and gives it its name, replacing what was there.
  mutating func commit() throws(SafetensorsError) {
    try synchronize()
    if unsafe rename(temporaryPath, path) != 0 {
      throw SafetensorsError.unwritable(path: path, reason: lastSystemError())
    }
    isCommitted = true
    // The new name itself is durable once its folder is; not every file system can say.
    let folder = unsafe open(Self.split(path).folder, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unsafe unlink(temporaryPath) }
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = slash == path.startIndex ? "/" : String(path[..<slash])
    return (folder, String(path[path.index(after: slash)...]))
  }
}
