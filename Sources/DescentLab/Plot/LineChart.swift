/// Lines over one axis: learning rates, losses, norms.
///
/// A chart is data; ``Figure`` stacks charts and turns them into SVG or text. Points that are not
/// finite, and values that a logarithmic axis cannot show, leave a gap.
///
/// ```swift
/// var chart = LineChart(title: "loss", x: Axis("step"), y: Axis("loss", .logarithmic))
/// chart.series = [Series("training", [Point(0, 4.1), Point(1, 3.2)])]
/// try chart.svg().write(toFile: "loss.svg", atomically: true, encoding: .utf8)
/// print(chart.text(columns: 80))
/// ```
public struct LineChart: Sendable {
  /// Stands above the chart.
  public var title: String
  /// A line of detail under the title.
  public var subtitle: String
  /// The horizontal axis.
  public var x: Axis
  /// The vertical axis.
  public var y: Axis
  /// The lines, drawn in this order.
  public var series: [Series]
  /// Shaded stretches of the horizontal axis.
  public var bands: [Band]
  /// Dashed lines across the chart.
  public var marks: [Mark]

  /// A chart.
  public init(
    title: String = "", subtitle: String = "", x: Axis = Axis(""), y: Axis = Axis(""),
    series: [Series] = [], bands: [Band] = [], marks: [Mark] = []
  ) {
    (self.title, self.subtitle, self.x, self.y) = (title, subtitle, x, y)
    (self.series, self.bands, self.marks) = (series, bands, marks)
  }

  /// The chart alone as SVG.
  public func svg(width: Double = 760, height: Double = 380) -> String {
    Figure([self]).svg(width: width, height: height)
  }

  /// The chart alone as lines of text.
  public func text(columns: Int = 80, rows: Int = 16, colored: Bool = false) -> String {
    Figure([self]).text(columns: columns, rows: rows, colored: colored)
  }

  /// What the axes show: the ranges that they ask for, else those that the points cover; nil where
  /// no point has a place.
  func ranges(ticks: (x: Int, y: Int)) -> (x: ClosedRange<Double>, y: ClosedRange<Double>)? {
    var (left, right) = (Double.infinity, -Double.infinity)
    var (low, high) = (Double.infinity, -Double.infinity)
    let (isLogX, isLogY) = (x.scale == .logarithmic, y.scale == .logarithmic)
    let (from, to) = (
      x.range?.lowerBound ?? -.infinity, x.range?.upperBound ?? .infinity
    )
    for line in series {
      for point in line.points {
        guard point.x.isFinite, point.y.isFinite, !isLogX || point.x > 0, !isLogY || point.y > 0
        else { continue }
        if point.x < left { left = point.x }
        if point.x > right { right = point.x }
        guard point.x >= from, point.x <= to else { continue }
        if point.y < low { low = point.y }
        if point.y > high { high = point.y }
      }
      for at in line.spread where x.shows(at.x) && at.x >= from && at.x <= to {
        (left, right) = (min(left, at.x), max(right, at.x))
        if y.shows(at.low) { low = min(low, at.low) }
        if y.shows(at.high) { high = max(high, at.high) }
      }
    }
    guard left <= right, low <= high || y.range != nil else { return nil }
    return (
      x.range ?? x.horizontal(left, right, ticks: ticks.x),
      y.range ?? y.vertical(low, high, ticks: ticks.y)
    )
  }

  /// The index into the palette of each line.
  var colors: [Int] { series.enumerated().map { max(0, $1.color ?? $0) } }
}

/// A point of a line.
public struct Point: Sendable, Equatable {
  public var x: Double
  public var y: Double

  /// A point.
  public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
}

/// Between which values a quantity lies at one place of the horizontal axis.
public struct Spread: Sendable, Equatable {
  public var x: Double
  public var low: Double
  public var high: Double

  /// A stretch of values at `x`.
  public init(_ x: Double, low: Double, high: Double) {
    (self.x, self.low, self.high) = (x, low, high)
  }
}

/// A line with a name.
public struct Series: Sendable {
  /// Stands in the legend. A line without a name is not in it and goes with the named line of its
  /// colour.
  public var name: String
  /// In the order in which they are joined.
  public var points: [Point]
  /// How the line is drawn.
  public var stroke: Stroke
  /// An index into the palette, so that lines that belong together share a colour; nil is the place
  /// among the lines. From the eighth on colours repeat, dashed.
  public var color: Int?
  /// A pale area around the line, ascending in x.
  public var spread: [Spread]

  /// How a line is drawn.
  public enum Stroke: Sendable {
    case plain
    /// Thin and pale: raw values behind their smoothed line.
    case faint
    /// Wide and pale: what the lines above it are compared with.
    case broad
    /// Dashes: another quantity of the same thing.
    case dashed
    /// Points that are not joined.
    case dots

    var width: Double {
      switch self {
      case .plain, .dashed: 2
      case .faint: 1
      case .broad: 7
      case .dots: 5
      }
    }
    var opacity: Double { self == .faint ? 0.4 : self == .broad ? 0.45 : 1 }
  }

  /// A line.
  public init(
    _ name: String, _ points: [Point], _ stroke: Stroke = .plain, color: Int? = nil,
    spread: [Spread] = []
  ) {
    (self.name, self.points, self.stroke) = (name, points, stroke)
    (self.color, self.spread) = (color, spread)
  }
}

/// A shaded stretch of the horizontal axis.
public struct Band: Sendable {
  /// Stands above it.
  public var label: String
  public var range: ClosedRange<Double>

  /// A stretch.
  public init(_ label: String, _ range: ClosedRange<Double>) {
    (self.label, self.range) = (label, range)
  }
}

/// A dashed line across the chart, with a label at its end unless that is empty.
public struct Mark: Sendable {
  /// Where the line runs.
  public enum Place: Sendable {
    /// Upright, at this x.
    case x(Double)
    /// Level, at this y.
    case y(Double)
  }

  public var label: String
  public var place: Place

  /// A line at `place`.
  public init(_ label: String, _ place: Place) { (self.label, self.place) = (label, place) }
}
