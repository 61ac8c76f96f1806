import Foundation

/// The bytes of a file as they come, plain or unpacked where gzip packed them, or those of standard
/// input: for what need not be in memory at once.
package final class DataStream {
  /// What messages call it.
  let name: String
  /// The bytes of a plain file; nil for what says no size before it ends.
  let size: Int?
  private let descriptor: Int32
  private let isStandardInput: Bool
  private var gzip: Gunzip?
  /// Bytes that were looked at and not taken.
  private var ahead: [UInt8] = []

  /// Opens the file at `path`; `-` is standard input.
  ///
  /// Throws `.missingFile` and `.unreadable`; only regular files are read by name.
  package init(_ path: String) throws(DataError) {
    isStandardInput = path == "-"
    if isStandardInput {
      (name, descriptor, size) = ("standard input", STDIN_FILENO, nil)
      ahead = try Self.read(4, from: descriptor, name)
      if ahead.starts(with: [0x1F, 0x8B]) {
        throw DataError.unsuitable(
          "standard input is packed by gzip; unpack it first, as with 'gzip -dc'")
      }
      return
    }
    let count = try DataFile.size(of: path)
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { throw DataFile.failure(path) }
    var (start, gzip): ([UInt8], Gunzip?) = ([], nil)
    do throws(DataError) {
      start = try Self.read(4, from: file, path)
      if start.starts(with: [0x1F, 0x8B]) { (start, gzip) = ([], try Gunzip(path)) }
    } catch {
      close(file)
      throw error
    }
    (name, descriptor, size) = (path, file, gzip == nil ? count : nil)
    (ahead, self.gzip) = (start, gzip)
  }

  deinit { if !isStandardInput { close(descriptor) } }

  /// The next `count` bytes without taking them; fewer where the data end before.
  func peek(_ count: Int) throws(DataError) -> [UInt8] {
    if ahead.count < count { ahead += try more(count - ahead.count) }
    return Array(ahead.prefix(count))
  }

  /// The next `count` bytes; fewer where the data end before, none at the end.
  func read(_ count: Int) throws(DataError) -> [UInt8] {
    if ahead.isEmpty { return try more(count) }
    if ahead.count >= count {
      defer { ahead.removeFirst(count) }
      return Array(ahead[..<count])
    }
    let start = ahead
    ahead = []
    return try start + more(count - start.count)
  }

  private func more(_ count: Int) throws(DataError) -> [UInt8] {
    guard let gzip else { return try Self.read(count, from: descriptor, name) }
    var bytes: [UInt8] = []
    while bytes.count < count {
      let part = try gzip.read(upTo: count - bytes.count)
      if part.isEmpty { break }
      bytes += part
    }
    return bytes
  }

  private static func read(
    _ count: Int, from descriptor: Int32, _ name: String
  ) throws(DataError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Foundation.read(
          descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled)
      }
      if result < 0, errno == EINTR { continue }
      if result < 0 { throw .unreadable(path: name, reason: SystemReason.of(code: errno)) }
      if result == 0 { break }
      filled += result
    }
    bytes.removeLast(count - filled)
    return bytes
  }
}
