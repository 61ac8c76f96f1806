/// Colours over one axis, a row for each of several things: update ratios of tensors over steps.
///
/// Values that are not finite, and those that a logarithmic scale cannot show, are cells without a
/// value and look so. Where there are more columns than pixels, neighbours are merged.
///
/// ```swift
/// let map = HeatMap(
///   title: "update ratio", x: Axis("step"), rows: ["wte", "head"], columns: [100, 200],
///   values: [[1e-3, 2e-3], [4e-3, .nan]], label: "‖Δw‖/‖w‖", scale: .logarithmic)
/// ```
public struct HeatMap: Sendable {
  /// Stands above the chart.
  public var title: String
  /// A line of detail under the title.
  public var subtitle: String
  /// The horizontal axis.
  public var x: Axis
  /// Names of the rows, from top to bottom.
  public var rows: [String]
  /// Where the columns lie on the axis, ascending. A cell reaches halfway to its neighbours.
  public var columns: [Double]
  /// The values of each row, one for each column; what is missing at the end has no value.
  public var values: [[Double]]
  /// What the colours measure, with its unit.
  public var label: String
  /// How values become colours.
  public var scale: Scale
  /// What a cell shows of values that share it.
  public var merging: Merging

  /// How values become colours.
  public enum Scale: Sendable, Equatable {
    /// From the lowest value to the highest, dark to bright.
    case linear
    /// The same of the values' logarithms; values at or below 0 have none.
    case logarithmic
    /// Blue below a centre, red above it, as far in both directions.
    case diverging(around: Double)
  }

  /// What a cell shows of values that share it.
  public enum Merging: Sendable {
    case maximum
    case mean
  }

  /// A heat map.
  public init(
    title: String = "", subtitle: String = "", x: Axis = Axis(""), rows: [String],
    columns: [Double], values: [[Double]], label: String = "", scale: Scale = .linear,
    merging: Merging = .maximum
  ) {
    (self.title, self.subtitle, self.x) = (title, subtitle, x)
    (self.rows, self.columns, self.values) = (rows, columns, values)
    (self.label, self.scale, self.merging) = (label, scale, merging)
  }

  /// Whether a value has a colour.
  func shows(_ value: Double) -> Bool { value.isFinite && (scale != .logarithmic || value > 0) }

  /// The lowest and the highest value that the colours tell apart; nil where there is no value.
  var limits: ClosedRange<Double>? {
    var (low, high) = (Double.infinity, -Double.infinity)
    for row in values {
      for value in row where shows(value) {
        (low, high) = (min(low, value), max(high, value))
      }
    }
    guard low <= high else { return nil }
    switch scale {
    case .linear:
      if low < high { return low...high }
      return low == 0 ? 0...1 : min(low, 0)...max(low, 0)
    case .logarithmic:
      return low < high
        ? low...high
        : max(low / 2, .leastNonzeroMagnitude)...min(high * 2, .greatestFiniteMagnitude)
    case .diverging(let centre):
      let reach = max(abs(high - centre), abs(low - centre))
      let room = reach > 0 && reach.isFinite ? reach : max(1, abs(centre) / 10)
      return centre - room...centre + room
    }
  }

  /// Cells of a picture, row by row.
  struct Grid {
    let columns: Int
    let rows: Int
    /// Values; NaN where there is none.
    let cells: [Double]
  }

  /// The map in at most so many cells, over what the axis shows.
  func grid(columns most: Int, rows mostRows: Int) -> Grid {
    let range = self.range
    let place = Placement(range, x.scale)
    let places = columns.map { x.shows($0) ? place($0) : .nan }
    let steps = zip(places.dropFirst(), places).map { $0 - $1 }
    let isEven =
      columns.count > 1 && columns.count <= most
      && steps.allSatisfy { abs($0 - steps[0]) < 0.01 * abs(steps[0]) }
      && abs(places[0] - steps[0] / 2) < 0.01 * steps[0]
    let width = columns.count == 1 ? 1 : isEven ? columns.count : max(1, most)
    let height = min(rows.count, max(1, mostRows))
    var (sums, counts) = ([Double](), [Int]())
    sums = Array(repeating: 0, count: width * height)
    counts = Array(repeating: 0, count: width * height)
    // Which columns lie in each cell, or, where none does, which one reaches into it.
    var targets = places.map { p -> Int in
      p.isFinite && p >= 0 && p <= 1 ? min(width - 1, Int(p * Double(width))) : -1
    }
    if isEven { targets = Array(0..<width) }
    var isTaken = Array(repeating: false, count: width)
    for target in targets where target >= 0 { isTaken[target] = true }
    var fillers = Array(repeating: -1, count: width)
    var nearest = 0
    for cell in 0..<width where !isTaken[cell] {
      let middle = (Double(cell) + 0.5) / Double(width)
      while nearest + 1 < places.count,
        !(abs(places[nearest] - middle) < abs(places[nearest + 1] - middle))
      {
        nearest += 1
      }
      if !places.isEmpty { fillers[cell] = nearest }
    }
    for (index, row) in values.prefix(rows.count).enumerated() {
      let base = min(height - 1, index * height / max(1, rows.count)) * width
      func add(_ value: Double, _ cell: Int) {
        guard shows(value) else { return }
        let at = base + cell
        switch merging {
        case .maximum: sums[at] = counts[at] == 0 ? value : max(sums[at], value)
        case .mean: sums[at] += (value - sums[at]) / Double(counts[at] + 1)
        }
        counts[at] += 1
      }
      for (column, target) in targets.enumerated() where target >= 0 && column < row.count {
        add(row[column], target)
      }
      for (cell, column) in fillers.enumerated() where column >= 0 && column < row.count {
        add(row[column], cell)
      }
    }
    for at in sums.indices where counts[at] == 0 { sums[at] = .nan }
    return Grid(columns: width, rows: height, cells: sums)
  }

  /// What the axis shows: to the outer edges of the outer cells.
  var range: ClosedRange<Double> {
    if let range = x.range { return range }
    let shown = columns.filter(x.shows)
    guard let first = shown.first, let last = shown.last, first < last, shown.count > 1 else {
      return x.around(shown.first ?? .nan)
    }
    guard x.scale == .linear else { return first...last }
    let (a, b) = ((shown[1] - first) / 2, (last - shown[shown.count - 2]) / 2)
    let (low, high) = (first - a, last + b)
    return low.isFinite && high.isFinite ? low...high : first...last
  }

  /// The place of a value among the colours, 0 to 1.
  func share(_ value: Double, _ limits: ClosedRange<Double>) -> Double {
    min(1, max(0, Placement(limits, scale == .logarithmic ? .logarithmic : .linear)(value)))
  }

  /// The colours.
  var ramp: Ramp { if case .diverging = scale { .diverging } else { .sequential } }
}
