/// The first row of a table, which may hold names or an example.
///
/// A header is recognized by what no example is like. Its label is not one of the other rows': a
/// hole or a misprint in an example must not make names of it. And then, one of
///
/// - its label is a word, and all others are numbers;
/// - a feature is a word;
/// - the cells count the columns, `0,1,2`, as data frames without names are written;
/// - its label is what the column of classes is usually called.
struct CSVFirstRow {
  private let features: [String]
  private let areNumbers: [Bool]
  private let label: String
  private let labelColumn: Int
  /// Whether another row has the label.
  private var recurs = false
  /// Whether there are other rows, and all their labels are numbers.
  private var othersAreNumbers = false

  /// Looks through the rows that follow.
  ///
  /// - Parameters:
  ///   - row: the first row.
  ///   - reader: the reader behind it.
  ///   - column: the column of labels.
  init(_ row: ArraySlice<Range<Int>>, _ reader: CSVReader, label column: Int) {
    labelColumn = column
    label = reader.text(row[column])
    let others = row.indices.filter { $0 != column }
    features = others.map { reader.text(row[$0]) }
    areNumbers = others.map { reader.number(row[$0]) != nil }
    var reader = reader
    var (row, count, numbers): ([Range<Int>], Int, Int) = ([], 0, 0)
    let number = CSVClasses.number(label)
    // What is wrong with the other rows is said when they are read.
    while !recurs, (try? reader.next(&row)) == true {
      guard row.indices.contains(column) else { continue }
      let other = reader.text(row[column])
      let otherNumber = CSVClasses.number(other)
      count += 1
      numbers += otherNumber == nil ? 0 : 1
      recurs = other == label || otherNumber != nil && otherNumber == number
    }
    othersAreNumbers = count > 0 && numbers == count
  }

  /// Whether it holds names.
  var isHeader: Bool {
    if recurs { return false }
    let isWord = !CSVClasses.isMissing(label) && CSVClasses.number(label) == nil
    if isWord, othersAreNumbers { return true }
    let words = zip(features, areNumbers).contains { !$1 && !CSVClasses.isMissing($0) }
    if words { return true }
    guard areNumbers.allSatisfy(\.self) else { return false }
    return isWord ? Self.isUsualLabel(label) : countsColumns
  }

  /// Whether the column of classes is usually called so.
  static func isUsualLabel(_ name: String) -> Bool { usual.contains(name.lowercased()) }

  private static let usual: Set = [
    "category", "class", "classes", "label", "labels", "outcome", "species", "target", "targets",
  ]

  private var countsColumns: Bool {
    var cells = features
    cells.insert(label, at: labelColumn)
    guard othersAreNumbers || cells.count > 2, let first = Int(cells[0]), (0...1).contains(first)
    else { return false }
    return zip(cells, first...).allSatisfy { Int($0) == $1 }
  }
}

extension CSVReader {
  /// Whether the last cell is empty in `row` and in all rows that follow.
  func endsEmpty(_ row: [Range<Int>]) -> Bool {
    guard row.last?.isEmpty == true else { return false }
    let width = row.count
    var (rest, row) = (self, row)
    var count = 0
    while (try? rest.next(&row)) == true {
      if row.count != width || row.last?.isEmpty != true { return false }
      count += 1
    }
    return count > 0
  }
}
