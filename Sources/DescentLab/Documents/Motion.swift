/// Contour charts of one surface side by side, whose paths a page plays step by step, from a start
/// that can be moved among those that were computed ahead.
public struct Motion: Sendable {
  /// A chart for each path, all of one surface.
  public var charts: [ContourChart]
  /// What the page shows under each title before the note of the present start.
  public var heads: [String]
  /// How many steps there are.
  public var steps: Int
  /// From where paths were added; the first is that of the charts.
  public private(set) var starts: [Point] = []
  /// What became of the path of each chart, for each start.
  public private(set) var notes: [[String]] = []
  /// The paths of each start, as text.
  private var codes: [String] = []

  /// Charts that move once paths are added.
  public init(_ charts: [ContourChart], heads: [String] = [], steps: Int) {
    (self.charts, self.heads, self.steps) = (charts, heads, steps)
  }

  /// Adds the paths from a start.
  ///
  /// - Parameters:
  ///   - paths: for each chart a point for every step, the start included. A path ends at the first
  ///     point that is not finite.
  ///   - notes: for each chart what stands under its title, without `;` and `|`.
  public mutating func add(from start: Point, _ paths: [[Point]], notes: [String] = []) {
    guard let surface = charts.first?.surface else { return }
    let (x, y) = (Placement(surface.x, .linear), Placement(surface.y, .linear))
    starts.append(start)
    self.notes.append(notes)
    codes.append(
      paths.map { path in
        let points = Swift.stride(from: 0, to: path.count, by: stride).map { path[$0] }
        return Self.code(points, x, y, within: charts.count > 8 ? 0.005 : 0.0025)
      }.joined(separator: ","))
  }

  /// How many steps lie between two points that the page knows.
  var stride: Int { max(1, (steps + 999) / 1000) }

  /// What the paths and notes take on a page.
  package var bytes: Int {
    codes.reduce(0) { $0 + $1.utf8.count + 1 }
      + notes.joined().reduce(0) { $0 + $1.utf8.count + 1 }
  }

  /// What the page's script reads.
  var attributes: String {
    guard let surface = charts.first?.surface else { return "" }
    let starts = starts.map { "\($0.x) \($0.y)" }.joined(separator: ";")
    let notes = notes.map { $0.joined(separator: "|") }.joined(separator: ";")
    return
      "data-steps=\"\(steps)\" data-stride=\"\(stride)\" "
      + "data-box=\"\(surface.x.lowerBound) \(surface.x.upperBound) \(surface.y.lowerBound) "
      + "\(surface.y.upperBound)\" data-starts=\"\(starts)\" "
      + "data-heads=\"\(heads.joined(separator: "|").escaped)\" data-notes=\"\(notes.escaped)\" "
      + "data-paths=\"\(codes.joined(separator: ";"))\""
  }

  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-".utf8)

  /// A path as text: the points between which straight lines come near enough to all others, each as
  /// the number of points since the last one (a character, from `A` for 0; two of them behind an `A`
  /// where it is above 63) and its place (four): in a rectangle that reaches a quarter beyond the
  /// surface, in 4,095 parts to the right and upwards. The first has no number.
  ///
  /// - Parameter tolerance: how far a point may be from the line, as a share of the surface.
  package static func code(
    _ path: [Point], _ x: Placement, _ y: Placement, within tolerance: Double
  ) -> String {
    typealias Share = SIMD2<Double>
    func digit(_ value: Int) -> [UInt8] { [digits[value]] }
    func pair(_ value: Int) -> [UInt8] { [digits[value / 64], digits[value % 64]] }
    let places = path.prefix { $0.x.isFinite && $0.y.isFinite }.map {
      Share(x($0.x), y($0.y)).clamped(
        lowerBound: Share(repeating: -0.25), upperBound: Share(repeating: 1.25))
    }
    func place(_ p: Share) -> [UInt8] {
      pair(Int(((p.x + 0.25) / 1.5 * 4095).rounded()))
        + pair(Int(((p.y + 0.25) / 1.5 * 4095).rounded()))
    }
    guard let first = places.first else { return "" }
    var bytes = place(first)
    var from = 0
    while from < places.count - 1 {
      // Slopes of lines from here that come near enough to all points up to the next.
      var (low, high) = (Share(repeating: -.infinity), Share(repeating: .infinity))
      var to = from + 1
      for next in from + 1..<min(places.count, from + 4096) {
        let (time, way) = (Double(next - from), places[next] - places[from])
        let slope = way / time
        if all(slope .>= low), all(slope .<= high) { to = next }
        low = pointwiseMax(low, (way - tolerance) / time)
        high = pointwiseMin(high, (way + tolerance) / time)
        if any(low .> high) { break }
      }
      bytes += to - from < 64 ? digit(to - from) : digit(0) + pair(to - from)
      bytes += place(places[to])
      from = to
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// How many charts a terminal shows.
  private static let most = 8

  /// The charts as text, two side by side where there is room.
  func lines(_ width: Int, _ isColored: Bool) -> [String] {
    let across = width >= 76 ? 2 : 1
    let columns = min(across == 2 ? (min(width, 80) - 3) / 2 : width, 60)
    var lines: [String] = []
    let shown = Array(charts.prefix(Self.most))
    for first in Swift.stride(from: 0, to: shown.count, by: across) {
      let row = shown[first..<min(first + across, shown.count)].map { chart in
        var chart = chart
        let title = Terminal.cut(chart.title, columns)
        let detail = Terminal.cut(chart.subtitle, columns)
        (chart.title, chart.subtitle) = ("", "")
        return [title, detail] + chart.lines(columns, 11, isColored)
      }
      if !lines.isEmpty { lines.append("") }
      for line in 0..<(row.map(\.count).max() ?? 0) {
        var text = ""
        for (place, panel) in row.enumerated() {
          let part = line < panel.count ? panel[line] : ""
          text += part
          guard place < row.count - 1 else { continue }
          text += String(repeating: " ", count: max(0, columns + 3 - Terminal.columns(part)))
        }
        lines.append(Terminal.trimmed(text))
      }
    }
    if charts.count > shown.count {
      lines += ["", "and \(charts.count - shown.count) more, which a page (--html) shows"]
    }
    return lines
  }
}

extension Terminal {
  /// The columns of a line that may have colours in it.
  static func columns(_ line: String) -> Int {
    line.replacing(/\u{1B}\[[0-9;]*m/, with: "").columns
  }
}
