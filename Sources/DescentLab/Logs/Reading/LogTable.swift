import Descent

/// Numbers in rows and columns as a log gives them, in its order: what tracks are made of.
///
/// A row is a step. Columns that have a number in every row share the steps of the rows; others know
/// the rows of their numbers.
struct LogTable {
  /// What rows are about, in the order of the log.
  private(set) var steps: [Int] = []
  private(set) var columns: [Column] = []
  /// Rows from which a column was written again that had been at or beyond their step.
  private var falls: [Fall] = []
  /// How often a number took the place of another of the same step.
  private(set) var repeated = (count: 0, firstStep: 0)
  private var isExpected = false
  /// How many of the falls the log does not announce.
  private var surprises = 0
  /// Whether there were so many that rows are in no order, and falls are not kept any more.
  private var isShuffled = false

  struct Column {
    let name: String
    var values: [Double] = []
    /// The rows of the values; nil where each row so far has one.
    var rows: [Int32]?
    var lastStep = Int.min

    init(name: String) { self.name = name }
  }

  fileprivate struct Fall {
    let row: Int
    /// The step that is done again, first of all.
    let step: Int
    /// The last step before it.
    let from: Int
    /// Whether the log itself says that it went back, and why.
    let isExpected: Bool
  }

  /// A new column.
  mutating func add(_ name: String) -> Int {
    columns.append(Column(name: name))
    return columns.count - 1
  }

  /// Begins the row of a step, or goes on with the last one if it is of the same step.
  @inline(__always)
  mutating func begin(_ step: Int, isNew: Bool = false) {
    if !isNew, steps.last == step { return }
    steps.append(step)
  }

  /// The next row may be of a step before this one: the log says that the run went back.
  mutating func expectReturn() { isExpected = true }

  /// Sets a number of the row.
  ///
  /// - Parameter mayReplace: whether a number of the same step in its place is nothing to mention.
  @inline(__always)
  mutating func set(_ value: Double, _ index: Int, mayReplace: Bool = false) {
    let row = steps.count - 1
    let step = steps[row]
    if columns[index].lastStep >= step, isAgain(index, row, step) {
      let last = columns[index].values.count - 1
      if !mayReplace, columns[index].values[last].bitPattern != value.bitPattern {
        repeated = (repeated.count + 1, repeated.count == 0 ? step : repeated.firstStep)
      }
      columns[index].values[last] = value
      return
    }
    columns[index].lastStep = step
    if columns[index].rows == nil {
      if columns[index].values.count == row {
        columns[index].values.append(value)
        return
      }
      columns[index].rows = Array(0..<Int32(columns[index].values.count))
    }
    columns[index].values.append(value)
    columns[index].rows?.append(Int32(row))
  }

  /// Whether a number that does not follow its column's last is one of the same row, which it
  /// replaces; otherwise the run went back.
  private mutating func isAgain(_ index: Int, _ row: Int, _ step: Int) -> Bool {
    if lastRow(of: index) == row { return true }
    // The row before may be of the same step, in a row of its own.
    if isShuffled { return false }
    if !isExpected { surprises += 1 }
    isShuffled = surprises > max(6, steps.count / 20)
    fall(at: step, row: row)
    return false
  }

  /// The row of a column's last number; -1 without any.
  private func lastRow(of index: Int) -> Int {
    columns[index].rows.map { $0.last.map(Int.init) ?? -1 } ?? columns[index].values.count - 1
  }

  private mutating func fall(at step: Int, row: Int) {
    let last = columns.lazy.map(\.lastStep).max() ?? step
    falls.append(Fall(row: row, step: step, from: last, isExpected: isExpected))
    isExpected = false
    // What the row has already stays: another number of its step replaces it.
    for i in columns.indices where lastRow(of: i) < row {
      columns[i].lastStep = min(columns[i].lastStep, step - 1)
    }
  }

  /// What is there of `step` and later is void: the log says that the run was resumed before it.
  mutating func restart(at step: Int) {
    if !isShuffled, columns.contains(where: { $0.lastStep >= step }) {
      fall(at: step, row: steps.count)
    }
  }

  /// Whether rows are in no order, rather than done again now and then.
  private var isDisordered: Bool { isShuffled || surprises * 2 >= max(steps.count, 2) }

  // MARK: Undoing

  /// A state to go back to.
  struct Mark {
    fileprivate let rows: Int
    fileprivate let falls: [Fall]
    fileprivate let lastSteps: [Int]
    fileprivate let repeated: (count: Int, firstStep: Int)
    fileprivate let surprises: Int
    fileprivate let isShuffled: Bool
  }

  var mark: Mark {
    Mark(
      rows: steps.count, falls: falls, lastSteps: columns.map(\.lastStep), repeated: repeated,
      surprises: surprises, isShuffled: isShuffled)
  }

  /// Takes back rows that were begun as new ones since.
  mutating func goBack(to mark: Mark) {
    steps.removeLast(steps.count - mark.rows)
    (falls, repeated) = (mark.falls, mark.repeated)
    (surprises, isShuffled) = (mark.surprises, mark.isShuffled)
    for index in columns.indices {
      columns[index].lastStep = index < mark.lastSteps.count ? mark.lastSteps[index] : .min
      if columns[index].rows == nil {
        columns[index].values.removeLast(max(0, columns[index].values.count - mark.rows))
      } else {
        while let row = columns[index].rows?.last, Int(row) >= mark.rows {
          columns[index].rows?.removeLast()
          columns[index].values.removeLast()
        }
      }
    }
  }

  // MARK: Tracks

  /// The columns over ascending steps, what was done again in the place of what it replaces.
  var tracks: [(name: String, track: Track)] {
    if falls.isEmpty { return plainTracks }
    return isDisordered ? sortedTracks : keptTracks
  }

  /// Where the run went back.
  var events: [RunLog.Event] {
    if isDisordered { return [] }
    return falls.filter { !$0.isExpected }.map { fall in
      let step = fall.step
      let again = fall.from == step ? "step \(step)" : "steps \(step) to \(fall.from)"
      return RunLog.Event(
        .restarted, step: step,
        text: "The run was resumed before step \(step): \(again) had been logged before.")
    }
  }

  /// What was mended.
  var notes: [String] {
    var notes: [String] = []
    if isDisordered {
      notes.append("The rows were not in the order of their steps; they were sorted.")
    } else {
      let restarts = falls.count { !$0.isExpected }
      if restarts > 0 {
        let first = falls.first { !$0.isExpected }
        notes.append(
          "The run went back to an earlier step \(times(restarts))"
            + (first.map { " (first to step \($0.step))" } ?? "")
            + "; what it did again replaces what was there.")
      }
    }
    if repeated.count > 0 {
      notes.append(
        "\(counted(repeated.count, "number is", "numbers are")) given again for the same step "
          + "(first at step \(repeated.firstStep)); the last one counts.")
    }
    return notes
  }

  private var plainTracks: [(name: String, track: Track)] {
    var shared = SharedSteps()
    return columns.compactMap { column in
      if column.values.isEmpty { return nil }
      guard let rows = column.rows else {
        let own =
          column.values.count == steps.count ? steps : Array(steps.prefix(column.values.count))
        return (column.name, Track(steps: shared.shared(own), values: column.values))
      }
      let own = shared.steps(of: rows) { rows.map { steps[Int($0)] } }
      return (column.name, Track(steps: own, values: column.values))
    }
  }

  /// Without the rows that a later return replaces.
  private var keptTracks: [(name: String, track: Track)] {
    var kept = [Bool](repeating: true, count: steps.count)
    var (limit, fall) = (Int.max, falls.count - 1)
    for row in steps.indices.reversed() {
      while fall >= 0, falls[fall].row > row {
        limit = min(limit, falls[fall].step)
        fall -= 1
      }
      kept[row] = steps[row] < limit
    }
    var shared = SharedSteps()
    return columns.compactMap { column in
      var (ownSteps, values): ([Int], [Double]) = ([], [])
      for index in column.values.indices {
        let row = column.rows.map { Int($0[index]) } ?? index
        if kept[row] {
          ownSteps.append(steps[row])
          values.append(column.values[index])
        }
      }
      if values.isEmpty { return nil }
      return (column.name, Track(steps: shared.shared(ownSteps), values: values))
    }
  }

  private var sortedTracks: [(name: String, track: Track)] {
    var shared = SharedSteps()
    return columns.compactMap { column in
      if column.values.isEmpty { return nil }
      let stepOf = { (index: Int) in steps[column.rows.map { Int($0[index]) } ?? index] }
      let order = column.values.indices.map { (step: stepOf($0), index: $0) }
        .sorted { ($0.step, $0.index) < ($1.step, $1.index) }
      var (ownSteps, values): ([Int], [Double]) = ([], [])
      for (step, index) in order {
        if ownSteps.last == step {
          values[values.count - 1] = column.values[index]
        } else {
          ownSteps.append(step)
          values.append(column.values[index])
        }
      }
      return (column.name, Track(steps: shared.shared(ownSteps), values: values))
    }
  }
}

/// Steps that several tracks have, kept once.
private struct SharedSteps {
  private var known: [[Int]] = []
  private var knownRows: [(rows: [Int32], steps: [Int])] = []

  mutating func shared(_ steps: [Int]) -> [Int] {
    if let same = known.first(where: { $0 == steps }) { return same }
    if known.count < 16 { known.append(steps) }
    return steps
  }

  mutating func steps(of rows: [Int32], _ make: () -> [Int]) -> [Int] {
    if let same = knownRows.first(where: { $0.rows == rows }) { return same.steps }
    let steps = make()
    if knownRows.count < 16 { knownRows.append((rows, steps)) }
    return steps
  }
}
