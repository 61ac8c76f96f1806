import Descent

/// `data.kind: csv`: a table of numbers with a column of classes.
public struct CSVData: DataKind {
  /// The table's file, plain or packed by gzip.
  public var path: String?
  /// The column of classes.
  public var label = CSV.Column.index(-1)
  /// The share of the rows that is kept for validation.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "csv"
  public static let settings: [Setting<CSVData>] = [
    .optionalText("path", \.path, "the table's file"),
    .parsed(
      "label", \.label, "a column's name, or its number from 0 (-1: the last)",
      "the column of classes"),
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
    try CSV.load(path: file, label: label)
      .split(validationFraction: validationFraction, seed: seed)
  }
}
