import Descent

/// `data.kind: csv`: a table of numbers with a column of classes.
public struct CSVData: DataKind {
  /// The table's file, plain or packed by gzip.
  public var path: String?
  /// The column of classes.
  public var label = CSV.Column.index(-1)
  /// Whether the first row holds names.
  public var header = Header.auto
  /// A table to validate on, with the same columns; nil keeps a share of the rows.
  public var testPath: String?
  /// The share of the rows that is kept for validation, without a table for it.
  public var validationFraction = 0.1

  /// Whether the first row of a table holds names.
  public enum Header: String, Sendable, CaseIterable {
    /// It does where it cannot be an example.
    case auto
    /// It does.
    case always = "true"
    /// It does not.
    case never = "false"

    /// nil is for the table to say.
    var isThere: Bool? {
      switch self {
      case .auto: nil
      case .always: true
      case .never: false
      }
    }
  }

  public init() {}

  public static let name = "csv"
  public static let settings: [Setting<CSVData>] = [
    .optionalText("path", \.path, "the table's file"),
    .parsed(
      "label", \.label, "a column's name, or its number from 0 (-1: the last)",
      "the column of classes"),
    .choice("header", \.header, "whether the first row holds names"),
    .optionalText(
      "test_path", \.testPath, "a table to validate on; none: a share of the rows"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.table

  private var file: String {
    get throws(SettingError) {
      guard let path else { throw .contradiction("path is missing: give the table's file") }
      return path
    }
  }

  public func validate() throws(SettingError) { _ = try file }

  public func load(seed: UInt64) throws -> ClassificationDataset.Split {
    let file = try file
    let table = try CSV.load(path: file, label: label, hasHeader: header.isThere)
    try table.requireClasses(in: file)
    guard let testPath else {
      return try table.split(validationFraction: validationFraction, seed: seed)
    }
    let test = try CSV.load(
      path: testPath, label: label, hasHeader: header.isThere, classNames: table.classNames)
    if test.shape != table.shape {
      throw DataError.malformed(
        path: testPath, expected: "\(table.exampleSize) features, as in \(file)",
        found: "\(test.exampleSize)")
    }
    if let names = table.featureNames, let others = test.featureNames,
      let index = names.indices.first(where: { names[$0] != others[$0] })
    {
      throw DataError.malformed(
        path: testPath, expected: "the feature \(names[index].quotedShort), as in \(file)",
        found: "\(others[index].quotedShort) in its place")
    }
    return ClassificationDataset.Split(training: table, validation: test)
  }
}
