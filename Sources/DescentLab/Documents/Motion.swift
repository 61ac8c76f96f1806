/// Contour charts of one surface side by side, whose ways a page plays step by step, from a start that
/// can be moved among those that were computed ahead.
public struct Motion: Sendable {
  /// A chart for each way, all of one surface.
  public var charts: [ContourChart]
  /// From where the ways of ``ways`` begin; the first is that of the charts.
  public var starts: [Point]
  /// For each start the way of each chart: a point for every `stride` steps, the start included. A way
  /// ends early where the rest is no number.
  public var ways: [[[Point]]]
  /// How many steps lie between two points.
  public var stride: Int
  /// How many steps there are.
  public var steps: Int

  /// Charts that move.
  public init(
    _ charts: [ContourChart], starts: [Point], ways: [[[Point]]], stride: Int = 1, steps: Int
  ) {
    (self.charts, self.starts, self.ways) = (charts, starts, ways)
    (self.stride, self.steps) = (max(1, stride), steps)
  }

  /// How many points all ways together should have, so that a page stays small.
  static let points = 60_000

  /// What the page's script reads.
  var attributes: String {
    guard let surface = charts.first?.surface else { return "" }
    let (x, y) = (Placement(surface.x, .linear), Placement(surface.y, .linear))
    let starts = starts.map { "\($0.x) \($0.y)" }.joined(separator: ";")
    let ways = ways.map { $0.map { Self.code($0, x, y) }.joined(separator: ",") }
      .joined(separator: ";")
    return
      "data-steps=\"\(steps)\" data-stride=\"\(stride)\" "
      + "data-box=\"\(surface.x.lowerBound) \(surface.x.upperBound) \(surface.y.lowerBound) "
      + "\(surface.y.upperBound)\" data-starts=\"\(starts)\" data-ways=\"\(ways)\""
  }

  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-".utf8)

  /// A way as text, four characters a point: its places in a rectangle that reaches a quarter beyond
  /// the surface, in 4,095 parts. Where a way stands still to the end, the rest is left out.
  static func code(_ way: [Point], _ x: Placement, _ y: Placement) -> String {
    func part(_ place: Double) -> Int {
      Int((min(max((place + 0.25) / 1.5, 0), 1) * 4095).rounded())
    }
    var parts = way.map { [part(x($0.x)), part(y($0.y))] }
    while parts.count > 1, parts[parts.count - 1] == parts[parts.count - 2] { parts.removeLast() }
    let bytes = parts.joined().flatMap { [digits[$0 / 64], digits[$0 % 64]] }
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
