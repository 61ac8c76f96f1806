import Descent

/// `data.kind: csv`: a table of numbers, one column of which holds what is to be learned.
public struct CSVData: DataKind {
  /// The table's file, plain or packed by gzip.
  public var path: String?
  /// The column of answers: classes or numbers.
  public var label = CSV.Column.index(-1)
  /// Whether the answers are classes or numbers.
  public var task = CSV.Task.auto
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
      "the column of what is to be learned"),
    .choice(
      "task", \.task,
      "classes or numbers; auto: numbers where they have fractions or hardly repeat"),
    .choice("header", \.header, "whether the first row holds names"),
    .optionalText(
      "test_path", \.testPath, "a table to validate on; none: a share of the rows"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.table

  private var file: String {
    get throws(SettingError) {
      guard let path else {
        throw .contradiction("path is missing: give the table's file, as in --set data.path=FILE")
      }
      return path
    }
  }

  public func validate() throws(SettingError) { _ = try file }

  public func load(seed: UInt64) throws -> LabelledData {
    let file = try file
    let table = try table(file, task)
    switch try table.task {
    case .regression:
      let numbers = try table.regression()
      try numbers.requireDifferentTargets(in: file)
      guard let testPath else {
        return .numbers(try numbers.split(validationFraction: validationFraction, seed: seed))
      }
      let test = try self.table(testPath, .regression).regression()
      try requireSameFeatures(
        numbers.featureNames, numbers.exampleSize, test.featureNames, test.exampleSize)
      return .numbers(.init(training: numbers, validation: test))
    case .classification, .auto:
      let classes = try table.classification()
      try classes.requireClasses(in: file)
      guard let testPath else {
        return .classes(try classes.split(validationFraction: validationFraction, seed: seed))
      }
      let test = try self.table(testPath, .classification, classes.classNames).classification()
      try requireSameFeatures(
        classes.featureNames, classes.exampleSize, test.featureNames, test.exampleSize)
      return .classes(.init(training: classes, validation: test))
    }
  }

  private func table(
    _ path: String, _ task: CSV.Task, _ classNames: [String]? = nil
  ) throws(DataError) -> CSVTable {
    try CSVTable(
      path: path, label: label, hasHeader: header.isThere, task: task, classNames: classNames)
  }

  /// That the table to validate on has the columns of the other.
  private func requireSameFeatures(
    _ names: [String]?, _ count: Int, _ others: [String]?, _ otherCount: Int
  ) throws {
    let (file, testPath) = (try file, testPath ?? "")
    if count != otherCount {
      throw DataError.malformed(
        path: testPath, expected: "\(count) features, as in \(file)", found: "\(otherCount)")
    }
    if let names, let others, let index = names.indices.first(where: { names[$0] != others[$0] }) {
      throw DataError.malformed(
        path: testPath, expected: "the feature \(names[index].quotedShort), as in \(file)",
        found: "\(others[index].quotedShort) in its place")
    }
  }
}
