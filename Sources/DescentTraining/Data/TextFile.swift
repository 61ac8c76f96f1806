import Foundation

/// Small text files that a person names: recipes, tokenizers.
public enum TextFile {
  /// The text of the file at `path`, without a byte order mark.
  ///
  /// Only a regular file is read, so that this neither waits for anything nor goes on for ever.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - limit: the most bytes that such a file may have.
  ///   - advice: what to do when there is no such file, as part of a sentence.
  /// - Throws: ``DataError`` for what is missing, is no regular file, cannot be read, is too large, or
  ///   is not UTF-8.
  public static func read(
    _ path: String, upTo limit: Int, advice: String = ""
  ) throws(DataError) -> String {
    var bytes = try contents(path, upTo: limit, advice)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    throw notUTF8(bytes, path)
  }

  private static func contents(
    _ path: String, upTo limit: Int, _ advice: String
  ) throws(DataError) -> [UInt8] {
    func unreadable(_ reason: String) -> DataError { .unreadable(path: path, reason: reason) }
    // A FIFO would wait for a writer.
    let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    if descriptor < 0 {
      let code = errno
      if code == ENOENT || code == ENOTDIR { throw .missingFile(path: path, advice: advice) }
      // What a socket answers.
      throw unreadable(code == ENXIO ? "it is not a regular file" : SystemReason.of(code: code))
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw unreadable(SystemReason.of(code: errno))
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw unreadable("it is a folder")
    case S_IFIFO: throw unreadable("it is a pipe, not a regular file")
    case S_IFCHR, S_IFBLK: throw unreadable("it is a device, not a regular file")
    default: throw unreadable("it is not a regular file")
    }
    func tooLarge() -> DataError {
      unreadable("it is larger than \(size(limit)), the most that such a file may have")
    }
    if status.st_size > limit { throw tooLarge() }
    // Some files of the system have more than they say.
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: min(limit + 1, 1 << 16))
    while true {
      let count = unsafe piece.withUnsafeMutableBytes {
        unsafe Foundation.read(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw unreadable(SystemReason.of(code: errno)) }
      if count == 0 { return bytes }
      bytes += piece[..<count]
      if bytes.count > limit { throw tooLarge() }
    }
  }

  /// A limit in words; limits are whole numbers of KiB or MiB.
  private static func size(_ bytes: Int) -> String {
    bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
  }

  private static func notUTF8(_ bytes: [UInt8], _ path: String) -> DataError {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      return .malformed(path: path, expected: "text in UTF-8", found: "UTF-32; save it as UTF-8")
    }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      return .malformed(path: path, expected: "text in UTF-8", found: "UTF-16; save it as UTF-8")
    }
    let place = validLength(bytes)
    let line = bytes[..<place].count { $0 == UInt8(ascii: "\n") } + 1
    let byte = String(bytes[place], radix: 16, uppercase: true)
    return .malformed(
      path: path, location: .init(line: line), expected: "text in UTF-8",
      found: "the byte 0x\(byte) (number \(place + 1) of the file)")
  }

  /// How many bytes stand before the first that belongs to no character.
  private static func validLength(_ bytes: [UInt8]) -> Int {
    var (decoder, iterator, length) = (UTF8(), bytes.makeIterator(), 0)
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      length += UTF8.width(scalar)
    }
    return length
  }
}
