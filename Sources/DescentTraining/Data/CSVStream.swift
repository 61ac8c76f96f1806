/// The rows of a table that need not be in memory at once.
struct CSVStream {
  /// Reads the cells of the row that ``next(_:)`` has found.
  private(set) var reader: CSVReader
  private let source: DataStream
  private var hasEnded = false

  /// The bytes that are taken at once, and the most that a row may have.
  private static let (pieceSize, longestRow) = (1 << 20, 64 << 20)
  private let piece: Int

  /// A stream at its first row.
  init(_ source: DataStream, piece: Int = pieceSize) throws(DataError) {
    (self.source, self.piece) = (source, piece)
    let bytes = try source.read(piece)
    try CSVReader.requireUTF8(bytes, source.name)
    hasEnded = bytes.count < piece
    reader = CSVReader(path: source.name, bytes: bytes)
  }

  /// Puts the cells of the next row that is not blank into `row`; false at the end.
  mutating func next(_ row: inout [Range<Int>]) throws(DataError) -> Bool {
    while true {
      let mark = reader.mark
      var failure: DataError?
      var isThere = false
      do throws(DataError) { isThere = try reader.next(&row) } catch { failure = error }
      // What reaches the end of the bytes may go on in those that follow.
      if !reader.isAtEnd || hasEnded {
        if let failure { throw failure }
        return isThere
      }
      reader.goBack(to: mark)
      reader.append([])
      guard reader.size <= Self.longestRow else {
        throw DataError.malformed(
          path: source.name, location: .init(line: mark.nextLine),
          expected: "a row of at most \(Self.longestRow >> 20) MiB", found: "more")
      }
      // As much again, so that a long row is not read over and over.
      let wanted = max(piece, reader.size)
      let more = try source.read(wanted)
      hasEnded = more.count < wanted
      reader.append(more)
    }
  }
}
