import DescentCompute

/// The rows of a table, some at a time, as the examples of a run.
///
/// Columns are found by their names where the run and the table have names, else by their places. The
/// column of answers may be missing where answers are not asked for.
struct CSVExamples {
  /// The names of the columns, as they are written; nil where the table has none.
  let header: [UInt8]?
  /// What the columns are called, or would be.
  let names: [String]
  /// What stands between cells.
  var separator: UInt8 { rows.reader.separator.rawValue }
  private let format: ExampleFormat
  private var rows: CSVStream
  /// The row that is next, if it has been read.
  private var row: [Range<Int>] = []
  private var isRead = false
  private let path: String
  private let cells: Int
  /// The columns of the features, and of the answers where they are wanted.
  private let features: [Int]
  private let answer: Int?
  private var classes: CSVClasses

  /// Some rows.
  struct Batch {
    /// The features, row-major, as numbers of the run's examples before they are standardized.
    var features: [Float] = []
    /// The classes, where answers are classes and were asked for.
    var labels: [Int32] = []
    /// The numbers, where answers are numbers and were asked for.
    var targets: [Double] = []
    /// The rows as they are written.
    var sources: [[UInt8]] = []
    /// Whether a feature is written with a decimal comma.
    var hasDecimalCommas = false
  }

  /// The table behind `source`.
  ///
  /// - Parameters:
  ///   - source: the bytes of the table.
  ///   - format: the run's examples.
  ///   - label: the column of answers, where it is not the one that the run had.
  ///   - needsAnswers: whether each row must have its answer.
  /// - Throws: ``DataError`` with the place of what is missing.
  init(
    _ source: DataStream, _ format: ExampleFormat, label: CSV.Column? = nil, needsAnswers: Bool
  ) throws(DataError) {
    (path, self.format) = (source.name, format)
    rows = try CSVStream(source)
    classes = CSVClasses(path: source.name, fixed: format.classNames ?? [])
    guard try rows.next(&row) else {
      throw DataError.malformed(path: source.name, expected: "a table", found: "an empty file")
    }
    let reader = rows.reader
    let texts = row.map { reader.text($0) }
    cells = row.count
    let isHeader = Self.isHeader(texts, row.map { reader.number($0) != nil }, format)
    let columns = Columns(texts, isHeader: isHeader, format, reader.line, source.name)
    if isHeader, let known = columns.distinctNames {
      features = try columns.named(known)
      answer = needsAnswers ? try columns.namedAnswer(label) : nil
    } else {
      (features, answer) = try columns.placed(label, needsAnswers: needsAnswers)
    }
    // Rows that all end with a separator have a column less.
    let used = (features + [answer ?? 0]).max() ?? 0
    let width = texts.last?.isEmpty == true && used < cells - 1 ? cells - 1 : cells
    header = isHeader ? reader.source(of: row[..<width]) : nil
    names = isHeader ? Array(texts[..<width]) : columns.assumedNames(width, features)
    isRead = !isHeader
  }

  /// Whether the first row holds names: those of the run's features, or, where no cell is one of them,
  /// words alone.
  private static func isHeader(
    _ texts: [String], _ areNumbers: [Bool], _ format: ExampleFormat
  ) -> Bool {
    if let names = format.featureNames, !Set(names).isDisjoint(with: texts) {
      // Names may be numbers, and then all of them must be there.
      return !areNumbers.contains(true) || Set(names).isSubset(of: texts)
        || !Set(names).isDisjoint(with: zip(texts, areNumbers).filter { !$1 }.map(\.0))
    }
    return zip(texts, areNumbers).allSatisfy { !$1 && !CSVClasses.isMissing($0) || $0.isEmpty }
      && texts.contains { !$0.isEmpty }
  }

  /// The next rows, at most `limit`; nil at the end.
  mutating func next(_ limit: Int) throws(DataError) -> Batch? {
    var batch = Batch()
    while batch.sources.count < limit {
      if !isRead, !(try rows.next(&row)) { break }
      isRead = false
      try append(to: &batch)
    }
    return batch.sources.isEmpty ? nil : batch
  }

  private func malformed(
    column: Int?, _ expected: String, _ found: String
  ) -> DataError {
    .malformed(
      path: path, location: .init(line: rows.reader.line, column: column.map { $0 + 1 }),
      expected: expected, found: found)
  }

  private mutating func append(to batch: inout Batch) throws(DataError) {
    let reader = rows.reader
    guard row.count == cells else {
      throw malformed(
        column: nil, "\(cells) cells, as in the first row", "\(row.count)")
    }
    for (index, column) in features.enumerated() {
      guard let number = reader.number(row[column]) else {
        let name = format.featureNames.map { " for \($0[index].quotedShort)" } ?? ""
        throw malformed(column: column, "a finite number\(name)", reader.quoted(row[column]))
      }
      if let largest = format.largest, !(0...largest).contains(number) {
        throw malformed(
          column: column, "a pixel from 0 to \(Int(largest)), as in what the run has learned",
          reader.quoted(row[column]))
      }
      batch.features.append(number * format.scale)
      if reader.separator == .semicolon, !batch.hasDecimalCommas {
        batch.hasDecimalCommas = reader.text(row[column]).contains(",")
      }
    }
    if let answer {
      let text = reader.answer(row[answer])
      let place = DataError.Location(line: reader.line, column: answer + 1)
      if format.classNames != nil {
        batch.labels.append(try classes.number(of: text, at: place))
      } else if let number = CSVClasses.number(text) {
        batch.targets.append(number)
      } else {
        throw malformed(column: answer, "a finite number", reader.quoted(row[answer]))
      }
    }
    batch.sources.append(reader.source(of: row[..<names.count]))
  }
}

/// Where a table has what a run needs.
private struct Columns {
  let texts: [String]
  let isHeader: Bool
  let format: ExampleFormat
  let line: Int
  let path: String

  init(
    _ texts: [String], isHeader: Bool, _ format: ExampleFormat, _ line: Int, _ path: String
  ) {
    (self.texts, self.isHeader, self.format) = (texts, isHeader, format)
    (self.line, self.path) = (line, path)
  }

  /// The names of the run's features, if each is another.
  var distinctNames: [String]? {
    guard let names = format.featureNames, Set(names).count == names.count else { return nil }
    return names
  }

  private func malformed(_ expected: String, _ found: String) -> DataError {
    .malformed(path: path, location: .init(line: line), expected: expected, found: found)
  }

  private func column(_ name: String, _ what: String) throws(DataError) -> Int {
    let matches = texts.indices.filter { texts[$0] == name }
    if matches.count == 1 { return matches[0] }
    throw malformed(
      "one column \(name.quotedShort), \(what)",
      matches.isEmpty ? "the columns \(texts.listed)" : "\(matches.count) of them")
  }

  /// The columns of the features by their names.
  func named(_ names: [String]) throws(DataError) -> [Int] {
    try names.map { name throws(DataError) in try column(name, "a feature of the run") }
  }

  /// The column of answers by its name.
  func namedAnswer(_ label: CSV.Column?) throws(DataError) -> Int {
    switch label {
    case .named(let name): return try column(name, "the answers")
    case .index(let index): return try place(of: index)
    case nil:
      guard let name = format.answerColumn?.name else {
        throw malformed("data.label, the column of answers", "a run that has no name for it")
      }
      return try column(name, "the answers that the run has learned")
    }
  }

  private func place(of index: Int) throws(DataError) -> Int {
    let position = index < 0 ? index + texts.count : index
    if texts.indices.contains(position) { return position }
    throw malformed("a label column \(index)", "only \(texts.count) columns")
  }

  /// The columns by their places: features alone, or with the answers among them.
  func placed(
    _ label: CSV.Column?, needsAnswers: Bool
  ) throws(DataError) -> (features: [Int], answer: Int?) {
    let size = format.exampleSize
    var width = texts.count
    // A separator at the end begins no column.
    if texts.last?.isEmpty == true, width > size + (needsAnswers ? 1 : 0) { width -= 1 }
    if width == size, !needsAnswers { return (Array(0..<size), nil) }
    guard width == size + 1 else {
      let features = Amount.count(size, "feature")
      throw malformed(
        needsAnswers
          ? "\(size + 1) columns, \(features) and the answer"
          : "\(features), or \(size + 1) columns with the answer", "\(width)")
    }
    var answer = format.answerColumn?.index ?? usualAnswer(width)
    switch label {
    case .named(let name): answer = try column(name, "the answers")
    case .index(let index): answer = try place(of: index)
    case nil: break
    }
    return ((0..<width).filter { $0 != answer }, needsAnswers ? answer : nil)
  }

  /// The column that is called as answers usually are, or the last.
  private func usualAnswer(_ width: Int) -> Int {
    let usual = isHeader ? texts[..<width].firstIndex { CSVFirstRow.isUsualLabel($0) } : nil
    return usual ?? width - 1
  }

  /// Names for the columns of a table that has none: those that the run knows.
  func assumedNames(_ width: Int, _ features: [Int]) -> [String] {
    var names = (1...max(1, width)).map { "column_\($0)" }
    if let known = format.featureNames {
      for (name, column) in zip(known, features) { names[column] = name }
    }
    if width == features.count + 1,
      let answer = (0..<width).first(where: { !features.contains($0) })
    {
      names[answer] = format.answerColumn?.name ?? "answer"
    }
    return names
  }
}
