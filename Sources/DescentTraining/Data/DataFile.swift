import DescentCompute
import Foundation

/// Files as they come: plain, or packed by gzip.
enum DataFile {
  /// The bytes of the file at `path`, unpacked if they begin like gzip's.
  ///
  /// Only files are read: a pipe may never end, and a device gives no data to learn from.
  ///
  /// - Parameters:
  ///   - share: the bytes of memory that each byte of the content takes while it is loaded, at
  ///     least; a content for which the memory does not suffice is refused before it is read.
  ///   - memory: the bytes of memory that there are.
  static func read(
    _ path: String, memoryPerByte share: Int = 2, memory: Int = Machine.memory
  ) throws(DataError) -> [UInt8] {
    let size = try size(of: path)
    let largest = memory / share
    func tooLarge(_ size: Int) -> DataError {
      .unreadable(
        path: path,
        reason: "its \(Amount.bytes(Double(size))) need at least "
          + "\(Amount.bytes(Double(size) * Double(share))) of memory, and there are "
          + "\(Amount.bytes(Double(memory))); give a part of it")
    }
    if size > largest { throw tooLarge(size) }
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { throw failure(path) }
    defer { close(file) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { chunk in
        unsafe Foundation.read(file, chunk.baseAddress, chunk.count)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw failure(path) }
      if count == 0 { break }
      bytes += chunk[..<count]
      // What the system makes up as it is read says no size.
      if bytes.count > largest { throw tooLarge(bytes.count) }
    }
    // By content and not by name: browsers unpack files and keep their names.
    guard bytes.starts(with: [0x1F, 0x8B]) else { return bytes }
    return try unpack(path, limit: min(largest, unpackedLimit(bytes.count)))
  }

  /// The bytes of a file; anything else that a path may lead to is refused.
  static func size(of path: String) throws(DataError) -> Int {
    var status = stat()
    if unsafe stat(path, &status) != 0 { throw failure(path) }
    let kind = status.st_mode & S_IFMT
    if kind == S_IFREG { return Int(status.st_size) }
    let name =
      switch kind {
      case S_IFDIR: "folder"
      case S_IFIFO: "pipe"
      case S_IFSOCK: "socket"
      default: "device"
      }
    throw DataError.unreadable(
      path: path, reason: "it is a \(name)" + (kind == S_IFDIR ? "" : "; give a file"))
  }

  /// What the system said last.
  static func failure(_ path: String) -> DataError {
    let code = errno
    if code == ENOENT || code == ENOTDIR { return .missingFile(path: path) }
    let reason = unsafe String(cString: strerror(code))
    return .unreadable(path: path, reason: reason.prefix(1).lowercased() + reason.dropFirst())
  }

  // MARK: gzip

  /// What a packed file may become: data are rarely packed to less than a tenth, but what is made
  /// to fill the memory is packed to a thousandth.
  static func unpackedLimit(_ packed: Int) -> Int { 16 << 20 + 100 * packed }

  private static func unpack(_ path: String, limit: Int) throws(DataError) -> [UInt8] {
    let gzip = try Gunzip(path)
    var bytes: [UInt8] = []
    while true {
      let part = try gzip.read(upTo: 1 << 20)
      if part.isEmpty { return bytes }
      bytes += part
      if bytes.count > limit {
        throw DataError.malformed(
          path: path,
          expected: "at most \(Amount.bytes(Double(limit))) when it is unpacked",
          found: "more; if that is right, unpack it first")
      }
    }
  }
}
