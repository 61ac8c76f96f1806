/// Tables of comma-separated values (RFC 4180), plain or packed by gzip: numbers as features, and
/// one column with the class.
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
  /// The distinct values of the `label` column are the classes: sorted by value if all are
  /// integers, else by their bytes. Give `classNames`, such as those of the training table, to
  /// number the classes of another table alike.
  ///
  /// `hasHeader` says whether the first row holds names. By default it does if a column is asked
  /// for by name or if a cell outside the label column is not a number.
  ///
  /// Throws `.missingFile`, `.unreadable`, and `.malformed` with line and column for an empty
  /// table, a ragged row, a cell that is not a finite number, or an unknown column or class.
  public static func load(
    path: String, label: Column = .index(-1), hasHeader: Bool? = nil, classNames: [String]? = nil
  ) throws(DataError) -> ClassificationDataset {
    var reader = CSVReader(path: path, bytes: try DataFile.read(path))
    var row: [Range<Int>] = []
    guard try reader.next(&row) else {
      throw DataError.malformed(path: path, expected: "a table", found: "an empty file")
    }
    let width = row.count
    if width < 2 {
      throw DataError.malformed(
        path: path, location: .init(line: reader.line),
        expected: "at least two columns separated by commas", found: "one")
    }
    let header = row.map { reader.text($0) }
    let labelColumn = try self.index(of: label, header: header, path: path, line: reader.line)
    var isHeader = hasHeader ?? false
    if hasHeader == nil {
      if case .named = label { isHeader = true }
      for column in 0..<width where column != labelColumn && reader.number(row[column]) == nil {
        isHeader = true
      }
    }

    var features: [Float] = []
    var classes = ClassNames(fixed: classNames)
    var hasRow = isHeader ? try reader.next(&row) : true
    if !hasRow {
      throw DataError.malformed(
        path: path, expected: "rows below the header", found: "none")
    }
    while hasRow {
      if row.count != width {
        throw DataError.malformed(
          path: path, location: .init(line: reader.line),
          expected: "\(width) cells, as in the first row", found: "\(row.count)")
      }
      for column in 0..<width {
        if column == labelColumn {
          try classes.append(row[column], of: reader, column: column)
        } else if let number = reader.number(row[column]) {
          features.append(number)
        } else {
          throw DataError.malformed(
            path: path, location: .init(line: reader.line, column: column + 1),
            expected: "a finite number" + (isHeader ? " for “\(header[column])”" : ""),
            found: reader.quoted(row[column]))
        }
      }
      hasRow = try reader.next(&row)
    }
    let (labels, names) = classes.numbered()
    return try ClassificationDataset(
      features: features, shape: [width - 1], labels: labels, classes: names.count,
      classNames: names)
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
      let known = header.prefix(20).map { "“\($0)”" }.joined(separator: ", ")
      throw DataError.malformed(
        path: path, location: .init(line: line), expected: "one label column “\(name)”",
        found: matches.isEmpty
          ? "the columns \(known)\(header.count > 20 ? ", …" : "")" : "\(matches.count) of them")
    }
  }
}

/// Numbers the classes in the order in which they first occur, and sorts them in the end.
private struct ClassNames {
  private var names: [String]
  private var numbers: [String: Int32]
  private var labels: [Int32] = []
  private let isFixed: Bool

  init(fixed names: [String]?) {
    self.names = names ?? []
    isFixed = names != nil
    numbers = Dictionary(
      self.names.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
  }

  mutating func append(_ cell: Range<Int>, of reader: CSVReader, column: Int) throws(DataError) {
    let name = reader.text(cell)
    if let number = numbers[name] {
      labels.append(number)
      return
    }
    if isFixed || name.isEmpty {
      throw DataError.malformed(
        path: reader.path, location: .init(line: reader.line, column: column + 1),
        expected: isFixed
          ? "one of the classes \(names.map { "“\($0)”" }.joined(separator: ", "))" : "a class",
        found: reader.quoted(cell))
    }
    let number = Int32(names.count)
    numbers[name] = number
    names.append(name)
    labels.append(number)
  }

  func numbered() -> (labels: [Int32], names: [String]) {
    if isFixed { return (labels, names) }
    let integers = names.compactMap { Int($0) }
    let order =
      integers.count == names.count
      ? names.indices.sorted { integers[$0] < integers[$1] }
      : names.indices.sorted { names[$0].utf8.lexicographicallyPrecedes(names[$1].utf8) }
    var rank = [Int32](repeating: 0, count: names.count)
    for (position, i) in order.enumerated() { rank[i] = Int32(position) }
    return (labels.map { rank[Int($0)] }, order.map { names[$0] })
  }
}
