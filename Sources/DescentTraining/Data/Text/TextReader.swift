import Foundation

/// Texts as they come from their files, piece by piece, so that none needs to fit into memory.
struct TextReader {
  /// A part of the texts.
  enum Part {
    /// More of a document; pieces end where characters do.
    case piece([UInt8], Place)
    /// The document of the pieces before has ended.
    case end
    /// A whole document.
    case record(TextRecord, Place)
  }

  /// Where a part begins.
  struct Place: Sendable {
    let path: String
    let line: Int
  }

  let files: TextFiles
  /// Whether the bytes of plain files need to be UTF-8.
  let needsUTF8: Bool

  /// How much of a plain file comes at once.
  static let pieceSize = 1 << 20

  /// Hands over every part.
  ///
  /// Throws what reading throws; `.malformed` for bytes that are not UTF-8, bad lines, lines of
  /// different kinds, and a file without text that was named itself.
  func forEach(_ body: (Part) throws(DataError) -> Void) throws(DataError) {
    var isExample: Bool?
    func check(_ now: Bool, _ place: Place) throws(DataError) {
      if let isExample, isExample != now {
        let (one, other) = ("texts", "prompts with completions")
        throw .malformed(
          path: place.path, location: .init(line: place.line),
          expected: "\(isExample ? other : one), as before", found: now ? other : one)
      }
      isExample = now
    }
    for file in files.files {
      let stream = try DataStream(file.path)
      guard file.isJSONL else {
        if try stream.peek(1).isEmpty {
          // A folder of many files may have an empty one.
          if files.areDocuments { continue }
          throw .malformed(path: file.path, expected: "text", found: "an empty file")
        }
        try check(false, Place(path: file.path, line: 1))
        try pieces(of: stream, body)
        continue
      }
      var (lines, isEmpty) = (Lines(stream), true)
      while let line = try lines.next() {
        let place = Place(path: file.path, line: lines.number)
        guard let record = try TextRecord(line: line, path: file.path, number: place.line) else {
          continue
        }
        isEmpty = false
        if case .example = record { try check(true, place) } else { try check(false, place) }
        try body(.record(record, place))
      }
      if isEmpty, files.files.count == 1 {
        throw .malformed(
          path: file.path, expected: "lines with \(TextRecord.expected)", found: "none")
      }
    }
  }

  private func pieces(
    of stream: DataStream, _ body: (Part) throws(DataError) -> Void
  ) throws(DataError) {
    var (cut, line): ([UInt8], Int) = ([], 1)
    while true {
      var piece = try stream.read(Self.pieceSize)
      let isAtEnd = piece.isEmpty
      if !cut.isEmpty { piece = cut + piece }
      if piece.isEmpty { break }
      cut = needsUTF8 && !isAtEnd ? Array(piece.suffix(UTF8Cut.unfinished(piece))) : []
      piece.removeLast(cut.count)
      if needsUTF8, String(validating: piece, as: UTF8.self) == nil {
        throw .malformed(
          path: stream.name, location: .init(line: line - 1 + UTF8Cut.firstInvalidLine(piece)),
          expected: "UTF-8 text", found: "other bytes; data.tokenizer=byte takes any")
      }
      let place = Place(path: stream.name, line: line)
      for byte in piece where byte == UInt8(ascii: "\n") { line += 1 }
      try body(.piece(piece, place))
      if isAtEnd { break }
    }
    try body(.end)
  }
}

/// Where bytes can be cut without cutting characters.
enum UTF8Cut {
  /// How many bytes at the end begin a character that is not whole: 0 to 3.
  static func unfinished(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }

  /// The last place at or before `index` where a character begins.
  static func start(_ bytes: [UInt8], at index: Int) -> Int {
    var index = index
    while index > 0, index < bytes.count, bytes[index] & 0xC0 == 0x80 { index -= 1 }
    return index
  }

  /// The byte that ends a line is in no character of several bytes, so each can be checked alone.
  static func firstInvalidLine(_ bytes: [UInt8]) -> Int {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return 1 + (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0)
  }
}
