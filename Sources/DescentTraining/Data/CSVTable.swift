/// A table that was read: its features, and its answers as classes, as numbers, or as both until all
/// are known.
struct CSVTable {
  private let features: [Float]
  /// How many of them a row has.
  private let size: Int
  /// The names of the features, if the table has names.
  private let featureNames: [String]?
  private let column: AnswerColumn
  private let answers: CSVAnswers

  /// Reads a table: see ``CSV/load(path:label:hasHeader:classNames:)``.
  init(
    path: String, label: CSV.Column, hasHeader: Bool?, task: CSV.Task,
    classNames: [String]? = nil
  ) throws(DataError) {
    // A number takes four bytes, and rarely more than twice as many characters.
    let bytes = try DataFile.read(path, memoryPerByte: 2)
    try CSVReader.requireUTF8(bytes, path)
    var reader = CSVReader(path: path, bytes: bytes)
    var row: [Range<Int>] = []
    guard try reader.next(&row) else {
      throw DataError.malformed(path: path, expected: "a table", found: "an empty file")
    }
    let cells = row.count
    // Rows that all end with a separator have a column less.
    let width = cells > 2 && reader.endsEmpty(row) ? cells - 1 : cells
    if width < 2 {
      throw DataError.malformed(
        path: path, location: .init(line: reader.line),
        expected: "at least two columns, separated by commas, semicolons or tabs", found: "one")
    }
    let names = row[..<width].map { reader.text($0) }
    let labelColumn = try Self.index(of: label, header: names, path: path, line: reader.line)
    var isHeader = hasHeader ?? false
    if hasHeader == nil {
      if case .named = label {
        isHeader = true
      } else {
        isHeader = CSVFirstRow(row[..<width], reader, label: labelColumn).isHeader
      }
    }

    var features: [Float] = []
    var answers = CSVAnswers(path: path, task: task, classNames: classNames)
    let first = reader.line
    var hasRow = isHeader ? try reader.next(&row) : true
    if !hasRow {
      throw DataError.malformed(
        path: path, expected: "rows below the header", found: "none")
    }
    while hasRow {
      if row.count != cells {
        throw DataError.malformed(
          path: path, location: .init(line: reader.line),
          expected: "\(cells) cells, as in the first row", found: "\(row.count)")
      }
      for column in 0..<width {
        let place = DataError.Location(line: reader.line, column: column + 1)
        if column == labelColumn {
          try answers.append(reader.answer(row[column]), at: place)
        } else if let number = reader.number(row[column]) {
          features.append(number)
        } else {
          let mayBeHeader = reader.line == first && hasHeader == nil
          throw DataError.malformed(
            path: path, location: place,
            expected: "a finite number" + (isHeader ? " for \(names[column].quotedShort)" : ""),
            found: reader.quoted(row[column])
              + (mayBeHeader ? "; data.header=true takes the line as names" : ""))
        }
      }
      hasRow = try reader.next(&row)
    }
    var featureNames = names
    let name = featureNames.remove(at: labelColumn)
    (self.features, size) = (features, width - 1)
    self.featureNames = isHeader ? featureNames : nil
    column = AnswerColumn(name: isHeader ? name : nil, index: labelColumn)
    self.answers = answers
  }

  /// What is learned of it: not `auto`.
  var task: CSV.Task {
    get throws(DataError) { try answers.resolved }
  }

  /// The examples with their classes.
  func classification() throws(DataError) -> ClassificationDataset {
    let (labels, classNames) = try answers.classes.numbered()
    var dataset = try ClassificationDataset(
      features: features, shape: [size], labels: labels,
      classes: classNames.count, classNames: classNames, featureNames: featureNames)
    dataset.answerColumn = column
    return dataset
  }

  /// The examples with their numbers.
  func regression() throws(DataError) -> RegressionDataset {
    try RegressionDataset(
      features: features, shape: [size], targets: answers.numbers, featureNames: featureNames,
      answerColumn: column)
  }

  private static func index(of column: CSV.Column, header: [String], path: String, line: Int)
    throws(DataError) -> Int
  {
    switch column {
    case .index(let index):
      let position = index < 0 ? index + header.count : index
      if header.indices.contains(position) { return position }
      throw DataError.malformed(
        path: path, location: .init(line: line), expected: "a label column \(index)",
        found: "only \(header.count) columns")
    case .named(let name):
      let matches = header.indices.filter { header[$0] == name }
      if matches.count == 1 { return matches[0] }
      throw DataError.malformed(
        path: path, location: .init(line: line), expected: "one label column “\(name)”",
        found: matches.isEmpty ? "the columns \(header.listed)" : "\(matches.count) of them")
    }
  }
}

/// The answers of a table: the classes of its rows, their numbers, or both while either may be meant.
struct CSVAnswers {
  /// The classes; complete where classes are learned.
  private(set) var classes: CSVClasses
  /// The numbers; complete where numbers are learned.
  private(set) var numbers: [Double] = []
  private let path: String
  private var task: CSV.Task
  /// The first answer that is a number with a fraction, and the first that is no number.
  private var fraction, word: (text: String, place: DataError.Location)?

  init(path: String, task: CSV.Task, classNames: [String]?) {
    (self.path, self.task) = (path, task)
    classes = CSVClasses(path: path, fixed: classNames)
  }

  /// Takes in the answer of a row.
  mutating func append(_ text: String, at place: DataError.Location) throws(DataError) {
    if task != .classification {
      let number = CSVClasses.number(text)
      if number == nil, task == .regression { throw notANumber(text, at: place) }
      numbers.append(number ?? .nan)
      if let number, number != number.rounded(), fraction == nil { fraction = (text, place) }
      if number == nil, word == nil { word = (text, place) }
      // No table has that many classes, and each would be kept by its text.
      if fraction != nil, word == nil, classes.count > 1000 { task = .regression }
    }
    if task != .regression { try classes.append(text, at: place) }
  }

  /// What is learned of them: not `auto`.
  var resolved: CSV.Task {
    get throws(DataError) {
      guard task == .auto else { return task }
      if let word, fraction != nil { throw notANumber(word.text, at: word.place) }
      if word != nil { return .classification }
      let areMany = classes.count > 20 && numbers.count <= 10 * classes.count
      return fraction != nil || areMany ? .regression : .classification
    }
  }

  private func notANumber(_ text: String, at place: DataError.Location) -> DataError {
    let others = fraction.map { " like \($0.text.quotedShort) of line \($0.place.line)" } ?? ""
    return .malformed(
      path: path, location: place, expected: "a finite number to learn\(others)",
      found: (text.isEmpty ? "an empty cell" : text.quotedShort)
        + "; data.task=classification takes each value as a class")
  }
}

extension [String] {
  /// The first of these texts from a file, quoted for a message of one line.
  var listed: String {
    prefix(20).map(\.quotedShort).joined(separator: ", ") + (count > 20 ? ", …" : "")
  }
}
