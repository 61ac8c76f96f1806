import Descent
import DescentTraining

/// A table with named columns: a row for each step, or for each time that something was written.
struct CSVLog: LogParser {
  private let dialect: CSVDialect
  private let fileName: String
  private var columns: [Column] = []
  private var runs: [Run] = []
  private var notes = LogNotes()
  private var line = 0
  private var row = 0
  /// Rows that hold nothing but words.
  private var wordRows = 0
  private var searched = 0
  private var isCut = false
  private var isInLongLine = false
  private var numbers: [(column: Int, value: Double)] = []
  private var comment: [UInt8]?
  private var epochs = EpochSteps()
  private var lastStep: Int?
  private var provisional: Provisional?

  /// A run of the table: W&B's exports have several side by side.
  private struct Run {
    let name: String?
    var table = LogTable()
  }

  private struct Column {
    let name: String
    let meaning: Meaning
    /// How many of its cells were numbers.
    var numbers = 0
  }

  private enum Meaning {
    case number(run: Int, column: Int)
    case step(rank: Int, run: Int?, column: Int?)
    case ignored
  }

  /// What was read of a last line without an end.
  private struct Provisional {
    let tables: [LogTable.Mark]
    let notes: LogNotes
    let columns: [Column]
    let row: (Int, words: Int)
    let epochs: EpochSteps
    let lastStep: Int?
  }

  /// - Parameters:
  ///   - dialect: how it is written.
  ///   - fileName: its name without the folder.
  init(_ dialect: CSVDialect, fileName: String) {
    (self.dialect, self.fileName) = (dialect, fileName)
  }

  mutating func take(_ bytes: Span<UInt8>) -> Int {
    var start = 0
    // A line without an end is looked through once, unless quotes may hold its end.
    if searched > 0, bytes.firstIndex(of: dialect.newline, from: searched) == nil,
      bytes.count <= JSONLines.longestLine
    {
      searched = bytes.count
      return 0
    }
    while let end = CSVCells.endOfLine(bytes, from: start, dialect.newline) {
      line += 1
      takeBack()
      if isInLongLine {
        isInLongLine = false
      } else if end - start > JSONLines.longestLine {
        notes.add(.longLine, line: line)
      } else {
        read(bytes, start..<end, isNew: false)
      }
      start = end + 1
    }
    if isInLongLine || bytes.count - start > JSONLines.longestLine {
      if !isInLongLine { notes.add(.longLine, line: line + 1) }
      isInLongLine = true
      start = bytes.count
    }
    searched = bytes.count - start
    return start
  }

  mutating func end(with rest: Span<UInt8>) {
    takeBack()
    searched = rest.count
    isCut = !rest.isEmpty
    guard isCut, !columns.isEmpty else { return }
    let before = Provisional(
      tables: runs.map(\.table.mark), notes: notes, columns: columns, row: (row, wordRows),
      epochs: epochs, lastStep: lastStep)
    let first = line
    var start = 0
    // A quote that does not end hides the ends of lines.
    while let end = rest.firstIndex(of: dialect.newline, from: start) {
      line += 1
      read(rest, start..<end, isNew: true)
      start = end + 1
    }
    var (cells, count) = (CSVCells(start..<rest.count, dialect), 0)
    while cells.nextText(rest) != nil { count += 1 }
    // A row with all its cells counts, though its last number may go on.
    if start == rest.count {
      isCut = false
    } else if count == columns.count, rest[rest.count - 1] != dialect.delimiter {
      isCut = false
      line += 1
      read(rest, start..<rest.count, isNew: true)
    }
    line = first
    provisional = before
  }

  private mutating func takeBack() {
    guard let before = provisional.take() else { return }
    for (index, mark) in before.tables.enumerated() { runs[index].table.goBack(to: mark) }
    (notes, columns, (row, wordRows)) = (before.notes, before.columns, before.row)
    (epochs, lastStep) = (before.epochs, before.lastStep)
  }

  // MARK: Rows

  private mutating func read(_ text: Span<UInt8>, _ range: Range<Int>, isNew: Bool) {
    var range = range
    if line == 1, range.count >= 3, text[range.lowerBound] == 0xEF,
      text[range.lowerBound + 1] == 0xBB
    {
      range = range.lowerBound + 3..<range.upperBound
    }
    while let last = range.last, text[last] == 0x0D { range.removeLast() }
    if range.isEmpty { return }
    if text[range.lowerBound] == UInt8(ascii: "#") {
      if columns.isEmpty { comment = range.dropFirst().map { text[$0] } }
      return
    }
    if columns.isEmpty { return readHeader(text, range) }
    readRow(text, range, isNew: isNew)
  }

  private mutating func readRow(_ text: Span<UInt8>, _ range: Range<Int>, isNew: Bool) {
    numbers.removeAll(keepingCapacity: true)
    var cells = CSVCells(range, dialect)
    var (index, step, epoch) = (0, (rank: Int, value: Double)?.none, Double?.none)
    var (hasStepColumn, hasText) = (false, false)
    while let cell = cells.next(text) {
      if index == columns.count {
        if case .empty = cell {} else { notes.add(.extraCells, line: line) }
        break
      }
      switch (columns[index].meaning, cell) {
      case (.ignored, _): break
      case (.step(let rank, _, let column), .number(let x)):
        if step.map({ rank < $0.rank }) ?? true { step = (rank, x) }
        if rank >= StepName.epochRank { epoch = x }
        if column != nil { numbers.append((index, x)) }
        hasStepColumn = true
      case (.step, _): hasStepColumn = true
      case (.number, .number(let x)): numbers.append((index, x))
      case (.number, .empty): break
      case (.number, .text(let part)):
        hasText = true
        notes.add(
          .text(column: columns[index].name), line: line, CSVCells.string(text, part))
      }
      index += 1
    }
    if index < columns.count, index > 1 || columns.count == 1 {
      notes.add(.missingCells, line: line)
    }
    // Thousands may be meant, which only semicolons exclude.
    if cells.hadDecimalComma, dialect.delimiter == UInt8(ascii: "\t") {
      notes.add("Commas in its numbers were taken as decimal points.")
    }
    // A header that is repeated, where runs were written one behind the other.
    if hasText, numbers.isEmpty {
      wordRows += 1
      return
    }
    row += 1
    let place: Int
    if let step {
      guard let whole = StepName.whole(step.value) else { return notes.add(.noStep, line: line) }
      if step.rank < StepName.epochRank {
        guard let counted = epochs.place(of: whole, epoch: epoch) else {
          return notes.add(.noStep, line: line)
        }
        (place, lastStep) = (counted, counted)
      } else {
        // What is said of an epoch is of its last step.
        place = lastStep ?? whole
      }
    } else if hasStepColumn {
      return notes.add(.noStep, line: line)
    } else {
      place = row
    }
    set(at: place, isNew: isNew)
  }

  private mutating func set(at step: Int, isNew: Bool) {
    if runs.count == 1 { runs[0].table.begin(step, isNew: isNew) }
    var current = runs.count == 1 ? 0 : -1
    for (index, value) in numbers {
      switch columns[index].meaning {
      case .number(let run, let column), .step(_, let run?, let column?):
        if run != current {
          runs[run].table.begin(step, isNew: isNew)
          current = run
        }
        runs[run].table.set(value, column)
        columns[index].numbers += 1
      case .step, .ignored: break
      }
    }
  }

  // MARK: The header

  private mutating func readHeader(_ text: Span<UInt8>, _ range: Range<Int>) {
    let names = Self.names(text, range, dialect)
    if let comment, !names.isEmpty, names.allSatisfy(dialect.isNumber) {
      let header = Self.names(comment.span, comment.indices, dialect)
      self.comment = nil
      if header.count == names.count {
        lay(out: header)
        return readRow(text, range, isNew: false)
      }
    }
    lay(out: names)
  }

  /// The cells of a line as texts.
  static func names(_ text: Span<UInt8>, _ range: Range<Int>, _ dialect: CSVDialect) -> [String] {
    var (names, cells) = ([String](), CSVCells(range, dialect))
    while let cell = cells.nextText(text) { names.append(CSVCells.string(text, cell)) }
    return names
  }

  private mutating func lay(out names: [String]) {
    if let exports = WandbExport(names) { return lay(out: names, exports) }
    runs = [Run(name: TensorBoardExport.run(of: fileName, header: names))]
    var value = TensorBoardExport.tag(of: fileName, header: names)
    if value != nil, TensorBoardExport.isNameless(fileName) {
      value = "loss"
      notes.add(
        "The file's name does not say which tag it holds; its values were taken as the loss.")
    }
    var (seen, hasStep): (Set<String>, Bool) = ([], false)
    for (index, name) in names.enumerated() {
      let name = name.isEmpty ? "column \(index + 1)" : name
      let rank = StepName.rank(name)
      hasStep = hasStep || rank != nil
      let meaning: Meaning
      if !seen.insert(name).inserted {
        notes.add("There are several columns “\(name)”; the first one counts.")
        meaning = .ignored
      } else if let rank {
        let isMetric = rank >= StepName.epochRank
        meaning = .step(
          rank: rank, run: isMetric ? 0 : nil, column: isMetric ? runs[0].table.add(name) : nil)
      } else if StepName.isClock(name) {
        meaning = .ignored
      } else {
        let own = value != nil && name.lowercased() == "value" ? value ?? name : name
        meaning = .number(run: 0, column: runs[0].table.add(own))
      }
      columns.append(Column(name: name, meaning: meaning))
    }
    if !hasStep { notes.add("It has no column of steps; its rows were counted.") }
  }

  private mutating func lay(out names: [String], _ exports: WandbExport) {
    runs = exports.runs.map { Run(name: $0) }
    for (name, part) in zip(names, exports.columns) {
      let meaning: Meaning =
        switch part {
        case .step: .step(rank: 0, run: nil, column: nil)
        case .ignored: .ignored
        case .metric(let run, let metric):
          .number(run: run, column: runs[run].table.add(metric))
        }
      columns.append(Column(name: name, meaning: meaning))
    }
  }

  // MARK: The logs

  func logs(name: String, path: String) -> [RunLog] {
    var notes = notes
    if isCut { notes.add("The last line is cut off; it was left out.") }
    if epochs.hasOffset {
      notes.add("Its steps begin again with each epoch; they were counted on.")
    }
    if row == 0, wordRows == 0 { notes.add("It has no rows yet.") }
    let words = columns.filter { $0.numbers == 0 && notes.count(.text(column: $0.name)) > 0 }
    if !words.isEmpty {
      let list = words.prefix(5).map { "“\($0.name)”" }.joined(separator: ", ")
      let rest = words.count > 5 ? " and \(grouped(words.count - 5)) more" : ""
      notes.add(
        "\(list)\(rest) \(words.count == 1 ? "holds" : "hold") no numbers and "
          + "\(words.count == 1 ? "was" : "were") left out.")
    }
    let ignored = Set(words.map(\.name))
    let said = notes.without {
      if case .text(let name) = $0 { ignored.contains(name) } else { false }
    }
    return (runs.isEmpty ? [Run(name: nil)] : runs).map { run in
      LogBuilder.log(
        name: run.name ?? name, path: path, format: .csv, table: run.table, notes: said,
        isEmptyAsNaN: true)
    }
  }
}

/// Steps that begin again with each epoch, counted on.
private struct EpochSteps {
  private var last: (step: Int, epoch: Int, place: Int)?
  private var offset = 0
  /// Whether they do.
  private(set) var hasOffset = false

  /// nil for a place that no run reaches.
  mutating func place(of step: Int, epoch: Double?) -> Int? {
    guard let epoch, abs(epoch) < 1e9 else { return StepName.whole(step + offset) }
    let pass = Int(epoch.rounded(.down))
    let isAgain = last.map { step < $0.step && pass > $0.epoch } ?? false
    let next = isAgain ? (last?.place ?? 0) + 1 - step : offset
    guard let place = StepName.whole(step + next) else { return nil }
    (offset, hasOffset) = (next, hasOffset || isAgain)
    last = (step, pass, place)
    return place
  }
}
