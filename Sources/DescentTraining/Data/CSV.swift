/// Tables of comma-separated values (RFC 4180), plain or packed by gzip: numbers as features, and
/// one column with the class. Semicolons and tabs may stand for the commas.
public enum CSV {
  /// A column of the table.
  public enum Column: Sendable, Equatable, LosslessStringConvertible {
    /// The column with this name in the header.
    case named(String)
    /// The column with this index from 0; negative ones count from the end, -1 being the last.
    case index(Int)

    /// An integer is an index, everything else a name.
    public init(_ text: String) {
      self = Int(text).map { .index($0) } ?? .named(text)
    }

    /// The index or the name.
    public var description: String {
      switch self {
      case .named(let name): name
      case .index(let index): "\(index)"
      }
    }
  }

  /// Loads a table as examples of shape [columns - 1].
  ///
  /// The distinct values of the `label` column are the classes; those that are equal as numbers are
  /// one. They are sorted by value if all are numbers, else by their bytes. Give `classNames`, such
  /// as those of the training table, to number the classes of another table alike.
  ///
  /// `hasHeader` says whether the first row holds names. By default it does if a column is asked
  /// for by name, or if the row cannot be an example: its label is no class of another row, and a
  /// cell is a word where numbers belong, or the cells count the columns.
  ///
  /// Throws `.missingFile`, `.unreadable`, and `.malformed` with line and column for an empty
  /// table, a ragged row, a cell that is not a finite number, an unknown column or class, or labels
  /// that are measurements and not classes.
  public static func load(
    path: String, label: Column = .index(-1), hasHeader: Bool? = nil, classNames: [String]? = nil
  ) throws(DataError) -> ClassificationDataset {
    // A number takes four bytes, and rarely more than twice as many characters.
    let bytes = try DataFile.read(path, memoryPerByte: 2)
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw DataError.malformed(path: path, expected: "a table in UTF-8", found: "one in UTF-16")
    }
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
    let labelColumn = try self.index(of: label, header: names, path: path, line: reader.line)
    var isHeader = hasHeader ?? false
    if hasHeader == nil {
      if case .named = label {
        isHeader = true
      } else {
        isHeader = CSVFirstRow(row[..<width], reader, label: labelColumn).isHeader
      }
    }

    var features: [Float] = []
    var classes = CSVClasses(path: path, fixed: classNames)
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
          try classes.append(reader.text(row[column]), at: place)
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
    let (labels, classNames) = try classes.numbered()
    var featureNames = names
    featureNames.remove(at: labelColumn)
    return try ClassificationDataset(
      features: features, shape: [width - 1], labels: labels, classes: classNames.count,
      classNames: classNames, featureNames: isHeader ? featureNames : nil)
  }

  private static func index(of column: Column, header: [String], path: String, line: Int)
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
      let known = header.prefix(20).map(\.quotedShort).joined(separator: ", ")
      throw DataError.malformed(
        path: path, location: .init(line: line), expected: "one label column “\(name)”",
        found: matches.isEmpty
          ? "the columns \(known)\(header.count > 20 ? ", …" : "")" : "\(matches.count) of them")
    }
  }
}
