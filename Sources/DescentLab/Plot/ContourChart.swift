import Foundation

/// A function of two numbers as bands between its contour lines, with paths across it.
///
/// ```swift
/// let surface = ContourChart.Surface(x: -2...2, y: -2...2) { x, y in x * x + 5 * y * y }
/// let chart = ContourChart(
///   title: "sgd", surface: surface, paths: [.init("sgd", [Point(2, 1), Point(1, -1), Point(0, 0)])],
///   spots: [.init("minimum", Point(0, 0))])
/// ```
public struct ContourChart: Sendable {
  /// Stands above the chart.
  public var title: String
  /// A line of detail under the title.
  public var subtitle: String
  /// What is measured to the right.
  public var x: String
  /// What is measured upwards.
  public var y: String
  /// The function.
  public var surface: Surface
  /// Paths across it, drawn in this order.
  public var paths: [Path]
  /// Places that are marked with a cross: minima.
  public var spots: [Spot]

  /// A path across the surface.
  public struct Path: Sendable {
    /// Whose path it is.
    public var name: String
    /// One after another; those that are not finite leave a gap.
    public var points: [Point]
    /// An index into the palette; nil is the place among the paths.
    public var color: Int?

    /// A path.
    public init(_ name: String, _ points: [Point], color: Int? = nil) {
      (self.name, self.points, self.color) = (name, points, color)
    }
  }

  /// A place that is marked.
  public struct Spot: Sendable {
    /// What it is.
    public var label: String
    public var place: Point

    /// A place.
    public init(_ label: String, _ place: Point) { (self.label, self.place) = (label, place) }
  }

  /// A chart of contours.
  public init(
    title: String = "", subtitle: String = "", x: String = "x", y: String = "y", surface: Surface,
    paths: [Path] = [], spots: [Spot] = []
  ) {
    (self.title, self.subtitle, self.x, self.y) = (title, subtitle, x, y)
    (self.surface, self.paths, self.spots) = (surface, paths, spots)
  }

  /// Values of a function over a rectangle.
  public struct Surface: Sendable, Hashable {
    /// The rectangle.
    public let x: ClosedRange<Double>
    public let y: ClosedRange<Double>
    /// How many values there are to the right and downwards.
    public let columns: Int
    public let rows: Int
    /// Row by row from the top left corner, at the corners and between them.
    public let values: [Double]
    /// The values at contour lines, ascending.
    public let levels: [Double]

    /// The values of `function`, and levels between which the areas grow from the lowest band to the
    /// highest, so that valleys show.
    ///
    /// - Parameters:
    ///   - columns, rows: how many values are taken, at least 2 each.
    ///   - bands: between how many levels the values are told apart, from 2 to 10.
    public init(
      x: ClosedRange<Double>, y: ClosedRange<Double>, columns: Int = 80, rows: Int = 60,
      bands: Int = 10, _ function: (Double, Double) -> Double
    ) {
      let (columns, rows) = (max(2, columns), max(2, rows))
      func at(_ range: ClosedRange<Double>, _ index: Int, _ count: Int) -> Double {
        let share = Double(index) / Double(count - 1)
        return range.lowerBound * (1 - share) + range.upperBound * share
      }
      var values: [Double] = []
      values.reserveCapacity(columns * rows)
      for row in 0..<rows {
        for column in 0..<columns {
          values.append(function(at(x, column, columns), at(y, rows - 1 - row, rows)))
        }
      }
      let sorted = values.filter(\.isFinite).sorted()
      let bands = min(max(2, bands), Palette.bands.count)
      var levels: [Double] = []
      for band in 1..<bands where !sorted.isEmpty {
        let share = pow(Double(band) / Double(bands), 1.5)
        let level = sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        if level > levels.last ?? sorted[0] { levels.append(level) }
      }
      (self.x, self.y, self.columns, self.rows) = (x, y, columns, rows)
      (self.values, self.levels) = (values, levels)
    }

    /// The band of a value: how many levels it reaches. What is no number is as high as can be.
    package func band(_ value: Double) -> Int {
      value.isNaN ? levels.count : levels.prefix { value >= $0 }.count
    }

    /// The band at a place of the rectangle, 0 to 1 to the right and downwards.
    func band(_ right: Double, _ down: Double) -> Int {
      let column = min(columns - 1, max(0, Int((right * Double(columns - 1)).rounded())))
      let row = min(rows - 1, max(0, Int((down * Double(rows - 1)).rounded())))
      return band(values[row * columns + column])
    }
  }

  /// Where paths lie in the rectangle.
  var places: (x: Placement, y: Placement) {
    (Placement(surface.x, .linear), Placement(surface.y, .linear))
  }
}
