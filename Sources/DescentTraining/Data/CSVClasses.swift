/// Numbers the classes of a table in the order in which they first occur, and sorts them in the
/// end.
struct CSVClasses {
  private let path: String
  /// The classes; of several texts for one number, the shortest.
  private var names: [String]
  /// The class of each text, and of each number.
  private var byText: [String: Int32] = [:]
  private var byNumber: [Double: Int32] = [:]
  private var labels: [Int32] = []
  private let isFixed: Bool
  /// The first label that may say that there is none.
  private var hole: (text: String, place: DataError.Location)?

  /// How many there are so far.
  var count: Int { names.count }

  /// - Parameters:
  ///   - path: the file, for messages.
  ///   - names: the only classes that there may be; nil for whatever is found.
  init(path: String, fixed names: [String]?) {
    (self.path, self.names, isFixed) = (path, names ?? [], names != nil)
    for (index, name) in self.names.enumerated() {
      let number = Int32(index)
      if byText[name] == nil { byText[name] = number }
      if let value = Self.number(name), byNumber[value] == nil { byNumber[value] = number }
    }
  }

  /// The number that a label is, finite.
  static func number(_ text: String) -> Double? {
    guard let first = text.utf8.first, first < 0x3A, let value = Double(text), value.isFinite else {
      return nil
    }
    return value
  }

  /// Whether a cell says that something is not known.
  static func isMissing(_ text: String) -> Bool {
    missing.contains(text.lowercased()) || Double(text)?.isFinite == false
  }

  private static let missing: Set = ["", "-", "?", "n/a", "na", "nan", "nil", "none", "null"]

  /// Takes in the label of a row.
  mutating func append(_ text: String, at place: DataError.Location) throws(DataError) {
    labels.append(try number(of: text, at: place))
  }

  /// The number of the class that a label names; a new one where there may be others.
  mutating func number(of text: String, at place: DataError.Location) throws(DataError) -> Int32 {
    if let number = byText[text] { return number }
    let value = Self.number(text)
    if let value, let number = byNumber[value] {
      // What is known for good does not grow with the table.
      if isFixed { return number }
      byText[text] = number
      if text.count < names[Int(number)].count { names[Int(number)] = text }
      return number
    }
    let isHole = ["", "?"].contains(text) || Double(text)?.isFinite == false
    if isFixed || isHole { throw unexpected(text, at: place) }
    if value == nil, Self.isMissing(text), hole == nil { hole = (text, place) }
    guard names.count < Int(Int32.max) else {
      throw DataError.malformed(
        path: path, expected: "fewer classes", found: "\(names.count) of them")
    }
    let number = Int32(names.count)
    byText[text] = number
    if let value { byNumber[value] = number }
    names.append(text)
    return number
  }

  private func unexpected(_ text: String, at place: DataError.Location) -> DataError {
    .malformed(
      path: path, location: place,
      expected: isFixed ? "one of the classes \(names.listed)" : "a class",
      found: text.isEmpty ? "an empty cell" : text.quotedShort)
  }

  /// The class of each row, and the names of the classes.
  func numbered() throws(DataError) -> (labels: [Int32], names: [String]) {
    if isFixed { return (labels, names) }
    if let hole, byNumber.count > 0,
      names.allSatisfy({ Self.number($0) != nil || Self.isMissing($0) })
    {
      throw unexpected(hole.text, at: hole.place)
    }
    let values = names.compactMap(Self.number)
    let areNumbers = values.count == names.count
    // Few rows may well be all different.
    if names.count > 20, 2 * names.count > labels.count {
      throw DataError.malformed(
        path: path, expected: "classes with two rows or more on average",
        found: "\(names.count) different labels in \(labels.count) rows; data.label says which "
          + "column has the classes"
          + (areNumbers ? ", and data.task=regression learns numbers" : ""))
    }
    let order =
      areNumbers
      ? names.indices.sorted { values[$0] < values[$1] }
      : names.indices.sorted { names[$0].utf8.lexicographicallyPrecedes(names[$1].utf8) }
    var rank = [Int32](repeating: 0, count: names.count)
    for (position, i) in order.enumerated() { rank[i] = Int32(position) }
    return (labels.map { rank[Int($0)] }, order.map { names[$0] })
  }
}
