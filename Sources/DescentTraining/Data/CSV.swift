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

  /// What is learned of a table.
  public enum Task: String, Sendable, CaseIterable {
    /// What the column of answers suggests: numbers where some have a fraction, or where they are
    /// whole but more than 20 differ and ten rows or fewer have the same; else classes.
    case auto
    /// The classes: each distinct value is one.
    case classification
    /// The numbers.
    case regression
  }

  /// Loads a table as examples of shape [columns - 1] in classes.
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
  /// of which most rows have one of their own.
  public static func load(
    path: String, label: Column = .index(-1), hasHeader: Bool? = nil, classNames: [String]? = nil
  ) throws(DataError) -> ClassificationDataset {
    let table = try CSVTable(
      path: path, label: label, hasHeader: hasHeader, task: .classification, classNames: classNames)
    return try table.classification()
  }

  /// Loads a table as examples of shape [columns - 1] with a number each, that of the `label` column.
  ///
  /// Throws as the form for classes; also where one is no finite number.
  public static func loadNumbers(
    path: String, label: Column = .index(-1), hasHeader: Bool? = nil
  ) throws(DataError) -> RegressionDataset {
    try CSVTable(path: path, label: label, hasHeader: hasHeader, task: .regression).regression()
  }
}
