import DescentFiles
import DescentTraining
import Foundation

/// Standard input, read as it comes.
enum StandardInput {
  /// Gives every piece that can be read to `body`.
  static func forEachPiece(_ body: (ArraySlice<UInt8>) throws -> Void) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe read(STDIN_FILENO, $0.baseAddress, $0.count)
      }
      if count > 0 {
        try body(buffer[..<count])
      } else if count == 0 {
        return
      } else if errno != EINTR {
        throw FileError.unreadable(
          path: "standard input", reason: SystemReason.of(code: errno))
      }
    }
  }

  /// Gives every line without its end to `body`, which adds an answer; answers are written before the
  /// next piece is waited for, so that whoever writes line by line is answered line by line.
  static func forEachLine(
    _ body: (ArraySlice<UInt8>, _ answer: inout [UInt8]) throws -> Void
  ) throws {
    var (open, answer): ([UInt8], [UInt8]) = ([], [])
    func flush() {
      if answer.isEmpty { return }
      StandardOutput.write(String(decoding: answer, as: UTF8.self))
      answer.removeAll(keepingCapacity: true)
    }
    func take(_ line: ArraySlice<UInt8>) throws {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      do { try body(line, &answer) } catch {
        flush()
        throw error
      }
    }
    try forEachPiece { piece in
      var rest = piece
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        if open.isEmpty {
          try take(rest[..<end])
        } else {
          open += rest[..<end]
          try take(open[...])
          open.removeAll(keepingCapacity: true)
        }
        rest = rest[(end + 1)...]
      }
      open += rest
      flush()
    }
    if !open.isEmpty { try take(open[...]) }
    flush()
  }
}
