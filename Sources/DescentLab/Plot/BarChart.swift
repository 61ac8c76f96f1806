/// Bars over the bins of one axis: how many weights have which size.
///
/// Bars of one series are filled; several are drawn as outlines over each other. A logarithmic `y`
/// shows small counts beside large ones; bins of 0 have no bar then.
///
/// ```swift
/// let chart = BarChart(
///   title: "weights", x: Axis("value"), y: Axis("count", .logarithmic),
///   series: [.init("step 100", edges: [-1, 0, 1], counts: [40, 60])])
/// ```
public struct BarChart: Sendable {
  /// Stands above the chart.
  public var title: String
  /// A line of detail under the title.
  public var subtitle: String
  /// The axis of the bins.
  public var x: Axis
  /// The axis of the counts.
  public var y: Axis
  /// One or several histograms.
  public var series: [Bins]
  /// Dashed lines across the chart.
  public var marks: [Mark]

  /// A histogram.
  public struct Bins: Sendable {
    /// Stands in the legend.
    public var name: String
    /// The edges of the bins, ascending: one more than there are counts.
    public var edges: [Double]
    /// How much each bin holds.
    public var counts: [Double]
    /// An index into the palette; nil is the place among the series.
    public var color: Int?

    /// A histogram.
    public init(_ name: String, edges: [Double], counts: [Double], color: Int? = nil) {
      (self.name, self.edges, self.counts, self.color) = (name, edges, counts, color)
    }

    /// Equal bins from `from` to `to`.
    public init(
      _ name: String, from: Double, to: Double, counts: [Double], color: Int? = nil
    ) {
      let edges = (0...max(1, counts.count)).map { edge in
        let share = Double(edge) / Double(max(1, counts.count))
        return from * (1 - share) + to * share
      }
      self.init(name, edges: edges, counts: counts, color: color)
    }

    /// The outline of the bars.
    var outline: [Point] {
      var points: [Point] = []
      for (index, count) in counts.prefix(max(0, edges.count - 1)).enumerated() {
        points.append(Point(edges[index], count))
        points.append(Point(edges[index + 1], count))
      }
      return points
    }
  }

  /// A chart of bars.
  public init(
    title: String = "", subtitle: String = "", x: Axis = Axis(""), y: Axis = Axis("count"),
    series: [Bins] = [], marks: [Mark] = []
  ) {
    (self.title, self.subtitle, self.x, self.y) = (title, subtitle, x, y)
    (self.series, self.marks) = (series, marks)
  }

  /// The same as lines along the tops of the bars, which share axes and legends with line charts.
  /// Bars stand on 0, or below the smallest count where the axis is logarithmic.
  var outlines: LineChart {
    var y = y
    if y.range == nil {
      let counts = series.flatMap(\.counts).filter(y.shows)
      let high = counts.max() ?? 1
      y.range =
        y.scale == .linear
        ? y.vertical(min(0, counts.min() ?? 0), max(high, 0), ticks: Drawing.ticks.y)
        : (counts.min() ?? 1) / 2...max(high * 1.5, .leastNormalMagnitude)
    }
    return LineChart(
      title: title, subtitle: subtitle, x: x, y: y,
      series: series.enumerated().map { index, bins in
        Series(bins.name, bins.outline, color: bins.color ?? index)
      }, marks: marks)
  }
}
