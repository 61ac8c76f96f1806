import DescentFiles
import DescentTraining

/// A file that may grow between two looks at it, read piece by piece.
struct GrowingFile {
  /// What became of it since the last look.
  enum Change { case none, grown, replaced }

  let path: String
  /// How much of it was read.
  private(set) var offset = 0
  private var identity: InputFile.Identity?
  /// The last bytes that were read: where they are others now, the file was written anew.
  private var tail: [UInt8] = []

  /// The size of a piece, of which one is in memory at a time.
  static let pieceSize = 256 << 10

  init(path: String) { self.path = path }

  /// Opens the file and says what became of it.
  mutating func open() throws(DataError) -> (file: InputFile, change: Change) {
    let file: InputFile
    do { file = try InputFile(path: path) } catch { throw DataError(error) }
    defer { identity = file.identity }
    if let identity, identity != file.identity || file.count < offset {
      return (file, .replaced)
    }
    if !tail.isEmpty, try bytes(offset - tail.count..<offset, of: file) != tail {
      return (file, .replaced)
    }
    return (file, file.count > offset ? .grown : .none)
  }

  /// The next piece; nil at the end.
  ///
  /// - Parameter pending: how many bytes wait for those that follow: what is long comes in long
  ///   pieces.
  mutating func piece(of file: InputFile, pending: Int = 0) throws(DataError) -> [UInt8]? {
    let end = min(file.count, offset + max(Self.pieceSize, pending))
    if end <= offset { return nil }
    let piece = try bytes(offset..<end, of: file)
    offset = end
    tail = (tail + piece.suffix(64)).suffix(64)
    return piece
  }

  private func bytes(_ range: Range<Int>, of file: InputFile) throws(DataError) -> [UInt8] {
    do { return try file.bytes(range) } catch { throw DataError(error) }
  }
}

extension DataError {
  /// What is wrong with a file, in the terms of data.
  init(_ error: FileError) {
    self =
      switch error {
      case .missing(let path): .missingFile(path: path)
      case .unreadable(let path, let reason), .unwritable(let path, let reason):
        .unreadable(path: path.isEmpty ? "''" : path, reason: reason)
      }
  }
}
