import DescentFiles
import DescentTraining

/// The event files of a folder, which are one run, in the order of their names.
final class EventLog: LogSource {
  var name: String { didSet { made = nil } }
  private let path: String
  private var made: [RunLog]?
  private var files: [EventFile] = []
  private var run = EventRun()
  private var isNew = true
  /// The files that belong to the run now.
  private let list: () -> [String]

  /// - Parameter list: the paths of the files, in order; asked at each refresh.
  init(name: String, path: String, _ list: @escaping () -> [String]) {
    (self.name, self.path, self.list) = (name, path, list)
  }

  func refresh() throws(DataError) -> Bool {
    let paths = list()
    if paths.isEmpty { throw .missingFile(path: path, advice: "its event files are gone") }
    // Another file among those that were read changes what came after it.
    if !paths.starts(with: files.map(\.path)) { reset() }
    let isLonger = paths.count > files.count || isNew
    isNew = false
    for path in paths.dropFirst(files.count) { files.append(EventFile(path)) }
    var hasGrown = false
    for index in files.indices {
      switch try files[index].refresh(&run, among: files.count) {
      case .none: break
      case .grown: hasGrown = true
      case .replaced:
        reset()
        isNew = true
        return try refresh()
      }
    }
    if hasGrown || isLonger { made = nil }
    return hasGrown || isLonger
  }

  private func reset() { (files, run) = ([], EventRun()) }

  var logs: [RunLog] {
    if let made { return made }
    var notes = run.notes
    for file in files where file.isCut {
      notes.add(
        files.count == 1
          ? "The last record is cut off; it was left out."
          : "The last record of \(file.name) is cut off; it was left out.")
    }
    var log = LogBuilder.log(
      name: name, path: path, format: .tensorBoard, table: run.table, notes: notes)
    log.histograms = run.histograms
    made = [log]
    return [log]
  }
}

/// What the events of a run say.
struct EventRun {
  var table = LogTable()
  var notes = LogNotes()
  var histograms: [String: [RunLog.Histogram]] = [:]
  private var tags = NameTable()
  private var columns: [Int?] = []

  /// Takes the event of a record.
  ///
  /// - Parameter place: where the record begins in its file.
  mutating func take(_ bytes: Span<UInt8>, _ payload: Range<Int>, at place: Int) {
    let event = EventMessage(bytes, payload)
    if event.isBroken { return notes.add(.badRecord, line: place) }
    guard event.isStart || event.summaries != nil else { return }
    guard let step = StepName.whole(event.step) else {
      return notes.add(.farStep, line: place, "\(event.step)")
    }
    if event.isStart { table.restart(at: step) }
    event.values(bytes) { tag, content in
      switch content {
      case .number(let x):
        table.begin(step)
        table.set(x, column(bytes, tag))
      case .histogram(let edges, let counts):
        let name = String(decoding: tag.map { bytes[$0] }, as: UTF8.self)
        histograms[Self.histogramName(name), default: []].append(
          RunLog.Histogram(step: step, edges: edges, counts: counts))
      case .other: break
      }
    }
  }

  @inline(__always)
  private mutating func column(_ bytes: Span<UInt8>, _ tag: Range<Int>) -> Int {
    if let number = tags.number(bytes, tag), let column = columns[number] { return column }
    let column = table.add(String(decoding: tag.map { bytes[$0] }, as: UTF8.self))
    _ = tags.add(bytes, tag)
    columns.append(column)
    return column
  }

  /// The names that Descent gives histograms, whose tags stand in a section of their own.
  private static func histogramName(_ tag: String) -> String {
    let prefix = "histograms/"
    return tag.hasPrefix(prefix) ? String(tag.dropFirst(prefix.count)) : tag
  }
}

/// An event file as far as it was read.
struct EventFile {
  private var file: GrowingFile
  private var pending: [UInt8] = []
  /// The place of `pending` in the file.
  private var start = 0
  /// Whether the bytes at `start` belong to no record.
  private var isLost = false
  /// How much of a record that is too long is still to come.
  private var toSkip = 0

  init(_ path: String) { file = GrowingFile(path: path) }

  var path: String { file.path }
  var name: String { String(path.split(separator: "/").last ?? "") }
  /// Whether it ends in the middle of a record.
  var isCut: Bool { toSkip > 0 || !pending.isEmpty && !isLost }

  mutating func refresh(
    _ run: inout EventRun, among count: Int
  ) throws(DataError) -> GrowingFile.Change {
    let (input, change) = try file.open()
    guard change == .grown else { return change }
    while let piece = try file.piece(of: input, pending: pending.count) {
      let bytes = pending.isEmpty ? piece : pending + piece
      let used = take(bytes.span, &run)
      pending = used == bytes.count ? [] : Array(bytes[used...])
      start += used
    }
    return .grown
  }

  private mutating func take(_ bytes: Span<UInt8>, _ run: inout EventRun) -> Int {
    var index = min(toSkip, bytes.count)
    toSkip -= index
    while true {
      switch EventRecord.read(bytes, at: index) {
      case .record(let payload, let next):
        run.take(bytes, payload, at: start + index)
        (index, isLost) = (next, false)
      case .badPayload(let next):
        run.notes.add(.badRecord, line: start + index)
        (index, isLost) = (next, false)
      case .long(let next):
        run.notes.add(.longRecord, line: start + index)
        (index, isLost) = (min(next, bytes.count), false)
        toSkip = next - index
      case .incomplete: return index
      case .badHeader:
        if !isLost { run.notes.add(.badRecord, line: start + index) }
        isLost = true
        // On to where a record begins again.
        var next = index + 1
        while next + EventRecord.headerSize <= bytes.count,
          EventRecord.read(bytes, at: next) == .badHeader
        {
          next += 1
        }
        index = next
      }
    }
  }

  /// Whether a file begins as event files do.
  static func begins(_ head: Span<UInt8>) -> Bool {
    switch EventRecord.read(head, at: 0) {
    case .record, .badPayload, .long: true
    case .incomplete: head.count >= EventRecord.headerSize
    case .badHeader: false
    }
  }
}
