import Descent
import DescentFiles
import DescentTraining

/// A file that is written anew each time, as one JSON value: `trainer_state.json`, TensorBoard's
/// export of a tag, a list of records, an object of columns.
final class JSONDocument: LogSource {
  var name: String
  private let path: String
  private var file: GrowingFile
  private var log: RunLog?

  init(name: String, path: String) {
    (self.name, self.path, file) = (name, path, GrowingFile(path: path))
  }

  var logs: [RunLog] {
    guard var log else { return [] }
    log.name = name
    return [log]
  }

  /// Longer documents are no log's.
  private static let longest = 1 << 30

  func refresh() throws(DataError) -> Bool {
    var (input, change) = try file.open()
    if change == .none, log != nil { return false }
    if input.count > Self.longest {
      throw .unsuitable("\(path) is larger than 1 GB, which no log in one JSON value is")
    }
    file = GrowingFile(path: path)
    (input, change) = try file.open()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(input.count)
    while let piece = try file.piece(of: input) { bytes += piece }
    var reader = DocumentReader(name: name, path: path)
    log = try reader.read(bytes.span)
    return true
  }
}

/// Reads such a document.
private struct DocumentReader {
  let name: String
  let path: String
  private var table = LogTable()
  private var notes = LogNotes()
  private var columns: [String: Int] = [:]
  private var settings: [(key: String, value: String)] = []
  private var format = RunLog.Format.jsonLines
  private var records = 0
  private var hasSteps = true
  private var (globalStep, longestRun) = (0.0, 0.0)

  init(name: String, path: String) { (self.name, self.path) = (name, path) }

  mutating func read(_ text: Span<UInt8>) throws(DataError) -> RunLog {
    var scanner = JSONScanner(0..<text.count)
    if text.count >= 3, text[0] == 0xEF { scanner.index = 3 }
    do throws(JSONScanner.Failure) {
      if scanner.skip(0x5B, text) {
        try readList(&scanner, text)
      } else {
        try scanner.expect(0x7B, text)
        try readObject(&scanner, text)
      }
      scanner.skipSpace(text)
      if scanner.index != scanner.end { throw JSONScanner.Failure() }
    } catch {
      if table.steps.isEmpty, format != .trainerState {
        throw .malformed(
          path: path, expected: "a log in JSON, such as trainer_state.json",
          found: "something else, or one that is cut off")
      }
      notes.add(
        "The file is cut off or damaged at byte \(grouped(scanner.index)); what comes before was read."
      )
    }
    if !hasSteps { notes.add("It has no steps; its rows were counted.") }
    var log = LogBuilder.log(name: name, path: path, format: format, table: table, notes: notes)
    log.settings = settings
    if format == .trainerState, longestRun > 0, globalStep >= longestRun { log.state = .finished }
    return log
  }

  private mutating func column(_ name: String) -> Int {
    if let column = columns[name] { return column }
    let column = table.add(name)
    columns[name] = column
    return column
  }

  // MARK: Objects

  private mutating func readObject(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>
  ) throws(JSONScanner.Failure) {
    var lists: [(name: String, values: [Double])] = []
    if scanner.skip(0x7D, text) { return }
    repeat {
      let key = JSONScanner.string(text, try scanner.key(text))
      switch try scanner.value(text) {
      case .list where key == "log_history":
        format = .trainerState
        try readHistory(&scanner, text)
      case .list:
        let start = scanner.index
        do throws(JSONScanner.Failure) {
          lists.append((key, try scanner.numbers(text, allowsTexts: true)))
        } catch {
          scanner.index = start
          try scanner.skipRest(text)
        }
      case .object: try scanner.skipRest(text)
      case .number(let x): note(key, x)
      case .flag(let on): settings.append((key, on ? "true" : "false"))
      case .text(let range): settings.append((key, JSONScanner.string(text, range)))
      case .null: break
      }
    } while scanner.skip(0x2C, text)
    try scanner.expect(0x7D, text)
    if format != .trainerState { take(lists) }
    let kept = [
      "global_step", "is_hyper_param_search", "is_local_process_zero", "is_world_process_zero",
      "epoch", "total_flos",
    ]
    settings.removeAll { kept.contains($0.key) }
    if format != .trainerState, table.steps.isEmpty { throw JSONScanner.Failure() }
  }

  private mutating func note(_ key: String, _ x: Double) {
    if key == "global_step" { globalStep = x }
    if key == "max_steps" { longestRun = x }
    let name = ["max_steps": "steps", "num_train_epochs": "epochs", "train_batch_size": "batch"]
    let text = StepName.whole(x).flatMap { Double($0) == x ? "\($0)" : nil } ?? "\(x)"
    settings.append((name[key] ?? key, text))
  }

  /// An object of columns, as Keras' `history` is: rows are counted where none of them has steps.
  private mutating func take(_ lists: [(name: String, values: [Double])]) {
    let steps = lists.compactMap { list in StepName.rank(list.name).map { ($0, list.values) } }
      .min { $0.0 < $1.0 }?.1
    hasSteps = steps != nil
    let rows = lists.map(\.values.count).max() ?? 0
    for row in 0..<rows {
      let given = steps.flatMap { row < $0.count ? StepName.whole($0[row]) : nil }
      if steps != nil, given == nil { continue }
      table.begin(given ?? row + 1)
      for list in lists where row < list.values.count {
        if let rank = StepName.rank(list.name), rank < StepName.epochRank { continue }
        if StepName.isClock(list.name) { continue }
        table.set(list.values[row], column(list.name))
      }
    }
  }

  // MARK: Lists

  /// TensorBoard's `[[wall time, step, value], ...]`, or records.
  private mutating func readList(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>
  ) throws(JSONScanner.Failure) {
    let tag = TensorBoardExport.tag(of: path.split(separator: "/").last.map(String.init) ?? "value")
    if scanner.skip(0x5D, text) { return }
    repeat {
      switch try scanner.value(text) {
      case .list: try readTriple(&scanner, text, tag)
      case .object: try readRecord(&scanner, text)
      default: skipElement()
      }
    } while scanner.skip(0x2C, text)
    try scanner.expect(0x5D, text)
    // A list of anything else is no log.
    if table.steps.isEmpty, notes.count(.noRecord) > 0 { throw JSONScanner.Failure() }
  }

  /// Leaves out what is no record; says so.
  private mutating func skipElement() {
    records += 1
    notes.add(.noRecord, line: records)
  }

  private mutating func readTriple(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>, _ tag: String
  ) throws(JSONScanner.Failure) {
    let start = scanner.index
    guard let numbers = try? scanner.numbers(text), numbers.count == 3,
      let step = StepName.whole(numbers[1])
    else {
      scanner.index = start
      try scanner.skipRest(text)
      return skipElement()
    }
    records += 1
    table.begin(step)
    table.set(numbers[2], column(tag))
  }

  private mutating func readHistory(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>
  ) throws(JSONScanner.Failure) {
    if scanner.skip(0x5D, text) { return }
    repeat {
      switch try scanner.value(text) {
      case .object: try readRecord(&scanner, text)
      case .list:
        try scanner.skipRest(text)
        skipElement()
      default: skipElement()
      }
    } while scanner.skip(0x2C, text)
    try scanner.expect(0x5D, text)
  }

  private mutating func readRecord(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>
  ) throws(JSONScanner.Failure) {
    var (step, numbers): ((rank: Int, value: Double)?, [(String, Double)]) = (nil, [])
    if !scanner.skip(0x7D, text) {
      repeat {
        let key = JSONScanner.string(text, try scanner.key(text))
        let value: Double?
        switch try scanner.value(text) {
        case .number(let x): value = x
        case .flag(let on):
          let isFlag = MetricName(key).key.map(Metric.flags.contains) ?? true
          if !isFlag { notes.add(.noNumber(key: key), line: records + 1, "\(on)") }
          value = isFlag ? on ? 1 : 0 : nil
        case .text(let range): value = NumberScanner.number(text, range)
        case .null: value = nil
        case .object, .list:
          try scanner.skipRest(text)
          value = nil
        }
        guard let value else { continue }
        if let rank = StepName.rank(key) {
          if step.map({ rank < $0.rank }) ?? true { step = (rank, value) }
          if rank >= StepName.epochRank { numbers.append((key, value)) }
        } else if !StepName.isClock(key) {
          numbers.append((key, value))
        }
      } while scanner.skip(0x2C, text)
      try scanner.expect(0x7D, text)
    }
    records += 1
    // The last record of a run gives means over all of it.
    if format == .trainerState, numbers.contains(where: { $0.0 == "train_runtime" }) {
      for (key, value) in numbers where key == "train_loss" {
        notes.add("The mean loss over the run is \(short(value, 6)).")
      }
      return
    }
    if step == nil { hasSteps = false }
    guard let place = step.map({ StepName.whole($0.value) }) ?? records else {
      return notes.add(.noStep, line: records)
    }
    table.begin(place)
    for (key, value) in numbers { table.set(value, column(key), mayReplace: key == "epoch") }
  }
}
