import Foundation

/// Files as they come: plain, or packed by gzip.
enum DataFile {
  /// The bytes of the file at `path`, unpacked if they begin like gzip's.
  static func read(_ path: String) throws(DataError) -> [UInt8] {
    var isFolder: ObjCBool = false
    if unsafe !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      throw DataError.missingFile(path: path)
    }
    if isFolder.boolValue { throw DataError.unreadable(path: path, reason: "it is a folder") }
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw DataError.unreadable(path: path, reason: reason(of: error))
    }
    // By content and not by name: browsers unpack files and keep their names.
    return data.starts(with: [0x1F, 0x8B]) ? try unpack(path) : [UInt8](data)
  }

  /// Runs gzip, which is there wherever a program may run others.
  private static func unpack(_ path: String) throws(DataError) -> [UInt8] {
    #if os(macOS) || os(Linux)
    let gzip = Process()
    gzip.executableURL = URL(filePath: "/usr/bin/env")
    gzip.arguments = ["gzip", "-dc", "--", URL(filePath: path).path]
    let (output, errors) = (Pipe(), Pipe())
    gzip.standardOutput = output
    gzip.standardError = errors
    gzip.standardInput = FileHandle.nullDevice
    do {
      try gzip.run()
      // gzip has at most a line to say on its errors, so it never waits for their reader.
      let data = try output.fileHandleForReading.readToEnd() ?? Data()
      let message = try errors.fileHandleForReading.readToEnd() ?? Data()
      gzip.waitUntilExit()
      if gzip.terminationStatus == 0 { return [UInt8](data) }
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
      throw DataError.unreadable(path: path, reason: "gzip cannot be run: \(reason(of: error))")
    }
    #else
    throw DataError.unreadable(path: path, reason: "it must be unpacked first on this system")
    #endif
  }

  private static func reason(of error: any Error) -> String {
    let text = error.localizedDescription
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
