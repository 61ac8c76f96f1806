import Foundation

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

  /// The range of an axis: the one that it asks for, else what the data covers.
  func range(_ axis: Axis, _ value: (Point) -> Double, isVertical: Bool) -> ClosedRange<Double> {
    if let range = axis.range { return range }
    let values = series.flatMap { $0.points.map(value) }.filter(axis.shows)
    guard var low = values.min(), var high = values.max() else { return axis.scale.empty }
    if axis.scale == .linear, isVertical {
      // A curve is read against zero where zero is near; its top keeps off the frame.
      if low > 0, low < 0.5 * high || low == high { low = 0 }
      if high > low { high += 0.05 * (high - low) }
      if low != 0 { low -= 0.05 * (high - low) }
    } else if axis.scale == .logarithmic, isVertical {
      let margin = pow(high / low, 0.03)
      (low, high) = (low / margin, high * margin)
    }
    if low < high { return low...high }
    switch axis.scale {
    case .linear: return low - max(0.1 * abs(low), 1e-12)...high + max(0.1 * abs(high), 1e-12)
    case .logarithmic: return low / 2...high * 2
    }
  }
}

/// Charts one above the other, of one width.
public struct Figure: Sendable {
  /// The charts from top to bottom.
  public var charts: [LineChart]
  /// Stands below it in a document; may be empty.
  public var caption: String

  /// A figure of `charts`.
  public init(_ charts: [LineChart], caption: String = "") {
    (self.charts, self.caption) = (charts, caption)
  }
}

/// An axis.
public struct Axis: Sendable {
  /// What is measured along it, with its unit.
  public var label: String
  /// How values become places.
  public var scale: Scale
  /// What it shows; nil is what the data covers.
  public var range: ClosedRange<Double>?

  /// How values become places.
  public enum Scale: Sendable {
    case linear
    /// Values at or below 0 have no place.
    case logarithmic

    var empty: ClosedRange<Double> { self == .linear ? 0...1 : 1...10 }
  }

  /// An axis.
  public init(_ label: String, _ scale: Scale = .linear, range: ClosedRange<Double>? = nil) {
    (self.label, self.scale, self.range) = (label, scale, range)
  }

  func shows(_ value: Double) -> Bool { value.isFinite && (scale == .linear || value > 0) }
}

/// A point of a line.
public struct Point: Sendable, Equatable {
  public var x: Double
  public var y: Double

  /// A point.
  public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
}

/// A line with a name.
public struct Series: Sendable {
  /// Stands in the legend.
  public var name: String
  /// In the order in which they are joined.
  public var points: [Point]
  /// How the line is drawn.
  public var stroke: Stroke

  /// How a line is drawn.
  public enum Stroke: Sendable {
    case plain
    /// Thin and pale: raw values behind their smoothed line.
    case faint
    /// Wide and pale: what the lines above it are compared with.
    case broad

    var width: Double {
      switch self {
      case .plain: 2
      case .faint: 1
      case .broad: 7
      }
    }
    var opacity: Double { self == .plain ? 1 : self == .faint ? 0.35 : 0.45 }
  }

  /// A line.
  public init(_ name: String, _ points: [Point], _ stroke: Stroke = .plain) {
    (self.name, self.points, self.stroke) = (name, points, stroke)
  }
}

/// A shaded stretch of the horizontal axis.
public struct Band: Sendable {
  /// Stands in it.
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

  var isUpright: Bool { if case .x = place { true } else { false } }

  /// A line at `place`.
  public init(_ label: String, _ place: Place) { (self.label, self.place) = (label, place) }
}
