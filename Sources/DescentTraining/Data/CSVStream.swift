/// The rows of a table that need not be in memory at once.
package struct CSVStream {
  /// Reads the cells of the row that ``next(_:)`` has found.
  package private(set) var reader: CSVReader
  private let source: DataStream
  private var hasEnded = false

  /// The bytes that are taken at once, and the most that a row may have.
  private static let (pieceSize, longestRow) = (1 << 20, 64 << 20)
  private let piece: Int

  /// A stream at its first row.
  package init(_ source: DataStream, piece: Int = pieceSize) throws(DataError) {
    (self.source, self.piece) = (source, piece)
    var bytes: [UInt8] = []
    var row: [Range<Int>] = []
    var first: CSVReader
    // What separates cells is seen in whole rows.
    repeat {
      let wanted = max(piece, bytes.count)
      let more = try source.read(wanted)
      (bytes, hasEnded) = (bytes + more, more.count < wanted)
      try CSVReader.requireUTF8(bytes, source.name)
      reader = CSVReader(path: source.name, bytes: bytes, isWhole: hasEnded)
      first = reader
      _ = try? first.next(&row)
    } while first.isAtEnd && !hasEnded && bytes.count <= Self.longestRow
  }

  /// Puts the cells of the next row that is not blank into `row`; false at the end.
  package mutating func next(_ row: inout [Range<Int>]) throws(DataError) -> Bool {
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
