import DescentTraining

/// One JSON object a line: Descent's `metrics.jsonl`, and what other tools write so.
struct JSONLines: LogParser {
  /// nil as long as no line has said whose they are.
  private var format: RunLog.Format?
  private var table = LogTable()
  private var notes = LogNotes()
  private var events: [RunLog.Event] = []
  private var histograms: [String: [RunLog.Histogram]] = [:]
  private var names = NameTable()
  private var keys: [Key] = []
  private var columns: [String: Int] = [:]
  private var line = 0
  private var searched = 0
  private var isCut = false
  private var isInLongLine = false
  private var numbers: [(column: Int, value: Double)] = []

  private struct Key {
    let meaning: Meaning
    var column: Int?
  }

  private enum Meaning {
    case number, step(rank: Int), skipped, wentBack, histograms, clock
  }

  /// - Parameter format: whose lines they are; nil where their keys are to say.
  init(_ format: RunLog.Format? = nil) { self.format = format }

  /// Longer lines are no log's.
  static let longestLine = 16 << 20

  mutating func take(_ bytes: Span<UInt8>) -> Int {
    var start = 0
    var from = searched
    while let end = bytes.firstIndex(of: 0x0A, from: from) {
      line += 1
      if isInLongLine {
        isInLongLine = false
      } else if end - start > Self.longestLine {
        notes.add(.longLine, line: line)
      } else {
        read(bytes, start..<end)
      }
      start = end + 1
      from = start
    }
    if isInLongLine || bytes.count - start > Self.longestLine {
      if !isInLongLine { notes.add(.longLine, line: line + 1) }
      isInLongLine = true
      (start, searched) = (bytes.count, 0)
      return start
    }
    searched = bytes.count - start
    return start
  }

  mutating func end(with rest: Span<UInt8>) {
    takeBack()
    searched = rest.count
    isCut = !rest.isEmpty
    // An object that is complete stays as it is; its newline comes as an empty line.
    var scanner = JSONScanner(0..<rest.count)
    guard isCut, scanner.skip(0x7B, rest), (try? scanner.skipRest(rest)) != nil else { return }
    provisional = (table.mark, notes, events, histograms, counted, skippedStep, lastStep)
    isCut = false
    read(rest, 0..<rest.count, isNew: true)
  }

  private var provisional:
    (
      table: LogTable.Mark, notes: LogNotes, events: [RunLog.Event],
      histograms: [String: [RunLog.Histogram]], counted: Int, skippedStep: Int?,
      lastStep: Int?
    )?

  private mutating func takeBack() {
    guard let before = provisional.take() else { return }
    table.goBack(to: before.table)
    (notes, events, histograms) = (before.notes, before.events, before.histograms)
    (counted, skippedStep, lastStep) = (before.counted, before.skippedStep, before.lastStep)
  }

  // MARK: Lines

  private mutating func read(_ text: Span<UInt8>, _ range: Range<Int>, isNew: Bool = false) {
    if !isNew { takeBack() }
    var scanner = JSONScanner(range)
    if line <= 1, range.count >= 3, text[range.lowerBound] == 0xEF { scanner.index += 3 }
    scanner.skipSpace(text)
    if scanner.index == scanner.end { return }
    if format == nil { format = Self.format(of: text, scanner.index..<range.upperBound) }
    numbers.removeAll(keepingCapacity: true)
    var found = Line()
    do throws(JSONScanner.Failure) {
      try scanner.expect(0x7B, text)
      try members(&scanner, text, &found)
      scanner.skipSpace(text)
      if scanner.index != scanner.end { throw JSONScanner.Failure() }
    } catch {
      return notes.add(.unreadableLine, line: line)
    }
    guard let step = step(found) else { return notes.add(.noStep, line: line) }
    if let back = found.wentBack {
      if let norm = found.number("update_norm", self),
        let median = found.number("update_norm_median", self)
      {
        events.append(.spike(at: step, backTo: back, norm: norm, median: median))
      } else {
        events.append(.spike(at: step, backTo: back, norm: nil, median: nil))
      }
      table.expectReturn()
      return
    }
    table.begin(step, isNew: isNew)
    if let cause = found.skipped {
      events.append(
        RunLog.Event(.skipped, step: step, text: cause))
      table.set(1, column(named: "skipped"), mayReplace: true)
    }
    let mayReplace = found.skipped != nil || skippedStep == step
    skippedStep = found.skipped == nil ? nil : step
    for (column, value) in numbers { table.set(value, column, mayReplace: mayReplace) }
    for (name, histogram) in found.histograms {
      histograms[name, default: []].append(histogram.at(step))
    }
  }

  /// Whose a line is, by its keys; nil for one that cannot be read.
  private static func format(of text: Span<UInt8>, _ range: Range<Int>) -> RunLog.Format? {
    var (scanner, keys) = (JSONScanner(range), Set<String>())
    do throws(JSONScanner.Failure) {
      try scanner.expect(0x7B, text)
      if !scanner.skip(0x7D, text) {
        repeat {
          keys.insert(JSONScanner.string(text, try scanner.key(text)))
          switch try scanner.value(text) {
          case .object, .list: try scanner.skipRest(text)
          default: break
          }
        } while scanner.skip(0x2C, text)
      }
    } catch { return nil }
    let own: Set = ["applied", "instrument_seconds", "went_back_to"]
    let ofEvaluations: Set = [
      "step", "val_loss", "val_accuracy", "val_rmse", "val_mae", "val_r2", "average",
      "val_loss_raw",
    ]
    let isOwn =
      !keys.isDisjoint(with: own) || keys.contains("val_loss") && keys.isSubset(of: ofEvaluations)
    return keys.contains("step") && isOwn ? .descent : .jsonLines
  }

  private var skippedStep: Int?
  private var counted = 0
  private var lastStep: Int?

  /// What a line says beside its numbers.
  private struct Line {
    var step: (rank: Int, value: Double)?
    var skipped: String?
    var wentBack: Int?
    var histograms: [(String, Bins)] = []

    func number(_ name: String, _ lines: JSONLines) -> Double? {
      lines.numbers.first { lines.table.columns[$0.column].name == name }?.value
    }
  }

  private struct Bins {
    let (from, to, counts): (Double, Double, [Double])
    func at(_ step: Int) -> RunLog.Histogram {
      RunLog.Histogram(step: step, from: from, to: to, counts: counts)
    }
  }

  private mutating func step(_ line: Line) -> Int? {
    guard let step = line.step else {
      if format == .descent { return nil }
      // A log without steps has one a line.
      counted += 1
      notes.add("It has no steps; its lines were counted.")
      return counted
    }
    guard let whole = StepName.whole(step.value) else { return nil }
    // What is said of an epoch is of its last step.
    if step.rank >= StepName.epochRank { return lastStep ?? whole }
    lastStep = whole
    return whole
  }

  private mutating func members(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>, _ line: inout Line
  ) throws(JSONScanner.Failure) {
    if scanner.skip(0x7D, text) { return }
    while true {
      let range = try scanner.key(text)
      let number = names.number(text, range) ?? add(text, range)
      let token = try scanner.value(text)
      try take(token, number, &scanner, text, range, &line)
      if scanner.skip(0x2C, text) { continue }
      return try scanner.expect(0x7D, text)
    }
  }

  @inline(__always)
  private mutating func take(
    _ token: JSONScanner.Token, _ key: Int, _ scanner: inout JSONScanner, _ text: Span<UInt8>,
    _ range: Range<Int>, _ line: inout Line
  ) throws(JSONScanner.Failure) {
    switch token {
    case .number(let x): take(x, key, text, range, &line)
    case .flag(let on):
      if isFlag(text, range) {
        take(on ? 1 : 0, key, text, range, &line)
      } else {
        notes.add(
          .noNumber(key: JSONScanner.string(text, range)), line: self.line, "\(on)")
      }
    case .null: if format == .descent { take(.nan, key, text, range, &line) }
    case .text(let value):
      if case .skipped = keys[key].meaning {
        line.skipped = JSONScanner.string(text, value)
      } else {
        // Python's writers give what is not finite as a text.
        if let x = NumberScanner.number(text, value) { take(x, key, text, range, &line) }
      }
    case .object:
      if case .histograms = keys[key].meaning {
        try readHistograms(&scanner, text, &line)
      } else if format == .descent {
        try scanner.skipRest(text)
      } else {
        try flatten(&scanner, text, JSONScanner.string(text, range), depth: 1, &line)
      }
    case .list:
      try scanner.skipRest(text)
      let name = JSONScanner.string(text, range)
      if MetricName(name).key != nil { notes.add(.noNumber(key: name), line: self.line, "a list") }
    }
  }

  /// Whether true and false may stand under a name: that of a flag, or one that is not known.
  private func isFlag(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    MetricName(JSONScanner.string(text, range)).key.map(Metric.flags.contains) ?? true
  }

  @inline(__always)
  private mutating func take(
    _ x: Double, _ key: Int, _ text: Span<UInt8>, _ range: Range<Int>, _ line: inout Line
  ) {
    switch keys[key].meaning {
    case .number: break
    case .step(let rank):
      if line.step.map({ rank < $0.rank }) ?? true { line.step = (rank, x) }
      // An epoch is a number of its own, too.
      if rank < StepName.epochRank { return }
    case .wentBack: line.wentBack = StepName.whole(x)
    case .clock, .histograms: return
    case .skipped: break
    }
    if let column = keys[key].column {
      numbers.append((column, x))
    } else {
      let column = column(named: JSONScanner.string(text, range))
      keys[key].column = column
      numbers.append((column, x))
    }
  }

  private mutating func add(_ text: Span<UInt8>, _ range: Range<Int>) -> Int {
    let name = JSONScanner.string(text, range)
    keys.append(Key(meaning: meaning(of: name)))
    return names.add(text, range)
  }

  private func meaning(of name: String) -> Meaning {
    if format == .descent {
      return switch name {
      case "step": .step(rank: 0)
      case "skipped": .skipped
      case "went_back_to": .wentBack
      case "histograms": .histograms
      default: .number
      }
    }
    if let rank = StepName.rank(name) { return .step(rank: rank) }
    return StepName.isClock(name) ? .clock : .number
  }

  private mutating func column(named name: String) -> Int {
    // Few names come here: those of new keys, and of objects in lines.
    if let column = columns[name] { return column }
    let column = table.add(name)
    columns[name] = column
    return column
  }

  /// Takes the numbers of an object within the line: `{"train": {"loss": 1}}` is `train/loss`.
  private mutating func flatten(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>, _ prefix: String, depth: Int,
    _ line: inout Line
  ) throws(JSONScanner.Failure) {
    if depth > 8 { return try scanner.skipRest(text) }
    if scanner.skip(0x7D, text) { return }
    while true {
      let range = try scanner.key(text)
      let name = JSONScanner.string(text, range)
      let value: Double?
      switch try scanner.value(text) {
      case .number(let x): value = x
      case .flag(let on): value = on ? 1 : 0
      case .object:
        try flatten(&scanner, text, "\(prefix)/\(name)", depth: depth + 1, &line)
        value = nil
      case .list:
        try scanner.skipRest(text)
        value = nil
      case .null, .text: value = nil
      }
      if let value {
        if let rank = StepName.rank(name) {
          if line.step.map({ rank < $0.rank }) ?? true { line.step = (rank, value) }
        } else if !StepName.isClock(name) {
          numbers.append((column(named: "\(prefix)/\(name)"), value))
        }
      }
      if scanner.skip(0x2C, text) { continue }
      return try scanner.expect(0x7D, text)
    }
  }

  /// `{"weight/<tensor>": {"from": x, "to": y, "counts": [n, ...]}}`
  private func readHistograms(
    _ scanner: inout JSONScanner, _ text: Span<UInt8>, _ line: inout Line
  ) throws(JSONScanner.Failure) {
    var found: [(String, Bins)] = []
    if scanner.skip(0x7D, text) { return }
    repeat {
      let name = JSONScanner.string(text, try scanner.key(text))
      guard case .object = try scanner.value(text) else { throw JSONScanner.Failure() }
      var (from, to, counts): (Double?, Double?, [Double]?)
      if !scanner.skip(0x7D, text) {
        repeat {
          let key = JSONScanner.string(text, try scanner.key(text))
          switch try scanner.value(text) {
          case .number(let x) where key == "from": from = x
          case .number(let x) where key == "to": to = x
          case .list where key == "counts": counts = try scanner.numbers(text)
          case .object, .list: try scanner.skipRest(text)
          default: break
          }
        } while scanner.skip(0x2C, text)
        try scanner.expect(0x7D, text)
      }
      if let from, let to, let counts, from.isFinite, to.isFinite {
        found.append((name, Bins(from: from, to: to, counts: counts)))
      }
    } while scanner.skip(0x2C, text)
    try scanner.expect(0x7D, text)
    line.histograms += found
  }

  // MARK: The log

  func logs(name: String, path: String) -> [RunLog] {
    var notes = notes
    if isCut { notes.add("The last line is cut off; it was left out.") }
    var log = LogBuilder.log(
      name: name, path: path, format: format ?? .jsonLines, table: table, notes: notes,
      events: events)
    log.histograms = histograms
    return [log]
  }
}

extension RunLog.Event {
  /// A run that went back to a checkpoint.
  static func spike(at step: Int, backTo: Int, norm: Double?, median: Double?) -> RunLog.Event {
    var text = "After step \(step) the run went back to step \(backTo)"
    if let norm, let median, norm.isFinite, median.isFinite {
      text +=
        ": the update's norm was \(short(norm)), its median before "
        + "\(short(median))"
    }
    return RunLog.Event(.spike, step: step, text: text + ".")
  }
}
