/// Charts one above the other, of one width.
public struct Figure: Sendable {
  /// The charts from top to bottom.
  public var charts: [Chart]
  /// Stands below it in a document; may be empty.
  public var caption: String

  /// A figure of charts of any kind.
  public init(_ charts: [Chart], caption: String = "") {
    (self.charts, self.caption) = (charts, caption)
  }

  /// A figure of line charts.
  public init(_ charts: [LineChart], caption: String = "") {
    self.init(charts.map(Chart.lines), caption: caption)
  }
}

/// A chart of any kind.
public enum Chart: Sendable {
  /// Lines over one axis.
  case lines(LineChart)
  /// Colours over one axis, a row for each of several things.
  case heat(HeatMap)
  /// Bars over the bins of one axis.
  case bars(BarChart)
  /// Contours of a function of two numbers, and ways across them.
  case contour(ContourChart)

  /// Stands above the chart.
  public var title: String {
    get {
      switch self {
      case .lines(let chart): chart.title
      case .heat(let chart): chart.title
      case .bars(let chart): chart.title
      case .contour(let chart): chart.title
      }
    }
    set {
      change(
        { $0.title = newValue }, { $0.title = newValue }, { $0.title = newValue },
        { $0.title = newValue })
    }
  }

  /// A line of detail under the title.
  public var subtitle: String {
    get {
      switch self {
      case .lines(let chart): chart.subtitle
      case .heat(let chart): chart.subtitle
      case .bars(let chart): chart.subtitle
      case .contour(let chart): chart.subtitle
      }
    }
    set {
      change(
        { $0.subtitle = newValue }, { $0.subtitle = newValue }, { $0.subtitle = newValue },
        { $0.subtitle = newValue })
    }
  }

  /// The chart as one of lines; nil where it is another.
  public var lineChart: LineChart? { if case .lines(let chart) = self { chart } else { nil } }

  private mutating func change(
    _ lines: (inout LineChart) -> Void, _ heat: (inout HeatMap) -> Void,
    _ bars: (inout BarChart) -> Void, _ contour: (inout ContourChart) -> Void
  ) {
    switch self {
    case .lines(var chart):
      lines(&chart)
      self = .lines(chart)
    case .heat(var chart):
      heat(&chart)
      self = .heat(chart)
    case .bars(var chart):
      bars(&chart)
      self = .bars(chart)
    case .contour(var chart):
      contour(&chart)
      self = .contour(chart)
    }
  }
}
