import DescentTraining

/// What a log is read from: a file, or several that belong together.
protocol LogSource: AnyObject {
  /// What the run is called, unless the log itself says.
  var name: String { get set }
  /// Reads what was added since the last time.
  ///
  /// - Returns: whether anything was.
  func refresh() throws(DataError) -> Bool
  /// What was read so far.
  var logs: [RunLog] { get }
}

/// Takes the bytes of a log in pieces.
protocol LogParser {
  /// Reads what is complete.
  ///
  /// - Returns: how many bytes it needs no more.
  mutating func take(_ bytes: Span<UInt8>) -> Int
  /// Takes what is left behind the last complete piece, when nothing follows for now; what is added
  /// later begins with it again.
  mutating func end(with rest: Span<UInt8>)
  /// What was read so far.
  func logs(name: String, path: String) -> [RunLog]
}

/// A file that grows at its end.
final class FileSource<Parser: LogParser>: LogSource {
  var name: String { didSet { made = nil } }
  private let path: String
  private let make: () -> Parser
  private var file: GrowingFile
  private var parser: Parser
  private var pending: [UInt8] = []
  private var isNew = true
  private var made: [RunLog]?

  init(name: String, path: String, _ make: @escaping () -> Parser) {
    (self.name, self.path, self.make) = (name, path, make)
    (file, parser) = (GrowingFile(path: path), make())
  }

  func refresh() throws(DataError) -> Bool {
    var (input, change) = try file.open()
    if change == .replaced {
      (file, parser, pending, isNew) = (GrowingFile(path: path), make(), [], true)
      (input, change) = try file.open()
    }
    let wasNew = isNew
    isNew = false
    guard change != .none else { return wasNew }
    made = nil
    while let piece = try file.piece(of: input, pending: pending.count) {
      let bytes = pending.isEmpty ? piece : pending + piece
      let used = parser.take(bytes.span)
      pending = used == bytes.count ? [] : Array(bytes[used...])
    }
    let rest = pending
    parser.end(with: rest.span)
    return true
  }

  var logs: [RunLog] {
    if let made { return made }
    let logs = parser.logs(name: name, path: path)
    made = logs
    return logs
  }
}

extension Span<UInt8> {
  /// The first place of a byte from an index on.
  @inline(__always)
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    var index = start
    while index < count {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }
}
