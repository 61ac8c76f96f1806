import Foundation

/// The content of a file that gzip has packed, as it comes: gzip itself unpacks it, which is there
/// wherever a program may run others.
final class Gunzip {
  private let path: String
  #if os(macOS) || os(Linux)
  private let gzip = Process()
  private let (output, errors) = (Pipe(), Pipe())
  #endif

  /// Begins to unpack the file at `path`.
  init(_ path: String) throws(DataError) {
    self.path = path
    #if os(macOS) || os(Linux)
    gzip.executableURL = URL(filePath: "/usr/bin/env")
    gzip.arguments = ["gzip", "-dc", "--", URL(filePath: path).path]
    gzip.standardOutput = output
    gzip.standardError = errors
    gzip.standardInput = FileHandle.nullDevice
    do {
      try gzip.run()
    } catch {
      throw DataError.unreadable(path: path, reason: "gzip cannot be run")
    }
    #else
    throw DataError.unreadable(path: path, reason: "it must be unpacked first on this system")
    #endif
  }

  #if os(macOS) || os(Linux)
  deinit {
    guard gzip.isRunning else { return }
    // A request to end may be blocked by a mask of signals that gzip has inherited.
    try? output.fileHandleForReading.close()
    kill(gzip.processIdentifier, SIGKILL)
    gzip.waitUntilExit()
  }
  #endif

  /// The next bytes, at most `count`; none at the end.
  ///
  /// - Throws: ``DataError`` at the end of a file that is not whole.
  func read(upTo count: Int) throws(DataError) -> [UInt8] {
    #if os(macOS) || os(Linux)
    do {
      if let part = try output.fileHandleForReading.read(upToCount: count), !part.isEmpty {
        return [UInt8](part)
      }
      // gzip has at most a line to say on its errors, so it never waits for their reader.
      let message = try errors.fileHandleForReading.readToEnd() ?? Data()
      gzip.waitUntilExit()
      if gzip.terminationStatus == 0 { return [] }
      let text = String(decoding: message, as: UTF8.self)
        .split(whereSeparator: \.isNewline).joined(separator: " ")
      if gzip.terminationStatus == 127 {  // what env answers for a program that is not there
        throw DataError.unreadable(
          path: path, reason: "the program gzip, which unpacks it, is missing")
      }
      throw DataError.malformed(
        path: path, expected: "a whole gzip file", found: "one that gzip refuses (\(text))")
    } catch let error as DataError {
      throw error
    } catch {
      throw DataError.unreadable(path: path, reason: SystemReason.of(error))
    }
    #else
    return []
    #endif
  }
}
