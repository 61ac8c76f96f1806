/// Heat maps as shades or colours, bars as blocks.
extension HeatMap {
  func lines(_ columns: Int, _ colored: Bool) -> [String] {
    var result = Terminal.titles(title, subtitle, columns)
    guard let limits, !rows.isEmpty else { return result + ["no finite values"] }
    let gutter = min(columns / 3, (rows.map(\.columns).max() ?? 0)) + 1
    let width = max(8, columns - gutter - 1)
    let grid = self.grid(columns: width, rows: rows.count)
    // A line of blank space tells what the shades mean; a cell as wide as it must be.
    func cell(_ value: Double) -> String {
      if value.isNaN { return "·" }
      let share = self.share(value, limits)
      guard colored else {
        if case .diverging = scale { return String(Self.signed[min(6, Int(share * 7))]) }
        return String(Self.shades[min(4, Int(share * 5))])
      }
      return "\u{1B}[48;2;\(ramp[share].map(String.init).joined(separator: ";"))m \u{1B}[0m"
    }
    for (row, name) in rows.enumerated() {
      var line = Terminal.cut(name, gutter - 1).padded(to: gutter)
      for column in 0..<width {
        // As wide as the frame: cells are repeated.
        let at = min(grid.columns - 1, column * grid.columns / width)
        line += cell(grid.cells[row * grid.columns + at])
      }
      result.append(Terminal.trimmed(line))
    }
    let axis = LineChart(x: x)
    result += axis.horizontal(
      range, Placement(range, x.scale), BrailleCanvas(columns: width, rows: 1), gutter - 1)
    let (low, high) = (
      Ticks.short(limits.lowerBound, digits: 3), Ticks.short(limits.upperBound, digits: 3)
    )
    let name = label.isEmpty ? "" : label + ": "
    let key =
      colored
      ? (0..<16).map { cell(Self.value(Double($0) / 15, limits, scale)) }.joined()
      : { if case .diverging = scale { String(Self.signed) } else { String(Self.shades) } }()
    let logarithmic = scale == .logarithmic ? " (logarithmic)" : ""
    let gaps = grid.cells.contains(where: \.isNaN) ? ", · no value" : ""
    return result + ["\(name)\(low) [\(key)] \(high)\(logarithmic)\(gaps)"]
  }

  private static let shades: [Character] = [" ", "░", "▒", "▓", "█"]
  /// Below a centre, and above it.
  private static let signed: [Character] = ["=", "-", "‐", " ", "░", "▒", "▓"]

  private static func value(
    _ share: Double, _ limits: ClosedRange<Double>, _ scale: Scale
  ) -> Double {
    Placement(limits, scale == .logarithmic ? .logarithmic : .linear).value(share)
  }
}

extension BarChart {
  func lines(_ columns: Int, _ rows: Int, _ colored: Bool) -> [String] {
    var result = Terminal.titles(title, subtitle, columns)
    let chart = outlines
    guard let ranges = chart.ranges(ticks: (max(2, columns / 12), max(2, rows / 4))) else {
      return result + ["no finite values"]
    }
    // Several histograms stand one below the other on one axis, each at least three lines high.
    let height = max(3, rows / max(1, series.count))
    let ticks = Ticks(ranges.y, y.scale, count: max(2, height / 3))
    let gutter = (ticks.labels.map(\.columns).max() ?? 0) + 1
    let width = max(8, columns - gutter - 2)
    let (x, y) = (Placement(ranges.x, chart.x.scale), Placement(ranges.y, chart.y.scale))
    if !chart.y.label.isEmpty, chart.y.label != title {
      result.append(Terminal.cut(chart.y.label, columns))
    }
    let canvas = BrailleCanvas(columns: width, rows: height)
    for (index, bins) in series.enumerated() {
      if series.count > 1 { result.append(Terminal.cut(bins.name, columns)) }
      // The highest bar in each column: none is lost.
      var tops = Array(repeating: 0.0, count: width)
      for (bin, count) in bins.counts.prefix(max(0, bins.edges.count - 1)).enumerated()
      where chart.y.shows(count) && chart.x.shows(bins.edges[bin]) {
        let (from, to) = (x(bins.edges[bin]), x(bins.edges[bin + 1]))
        guard from.isFinite, to.isFinite, to >= 0, from <= 1 else { continue }
        let first = min(width - 1, Int(max(0, from) * Double(width)))
        let last = max(first, min(width, Int((min(1, to) * Double(width)).rounded())) - 1)
        for column in first...last { tops[column] = max(tops[column], y(count)) }
      }
      let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
      let labels = Dictionary(
        zip(ticks.values, ticks.labels).map { (height - 1 - canvas.row(y($0)), $1) },
        uniquingKeysWith: { first, _ in first })
      for row in 0..<height {
        let floor = Double(height - 1 - row)
        let bars = tops.map { top -> Character in
          let eighths = (top * Double(height) - floor) * 8
          // A bar that is there is seen.
          if floor == 0, top > 0, eighths < 1 { return "▁" }
          return blocks[min(8, max(0, Int(eighths.rounded())))]
        }
        let label = (labels[row] ?? "").padded(to: gutter - 1, .right)
        let text = Terminal.trimmed(String(bars))
        result.append(
          Terminal.trimmed(
            " \(label)\(labels[row] == nil ? "│" : "┤")"
              + (text.isEmpty ? "" : Terminal.paint(text, bins.color ?? index, colored))))
      }
    }
    result += chart.horizontal(ranges.x, x, canvas, gutter)
    for mark in marks where !mark.label.isEmpty {
      switch mark.place {
      case .x(let at): result.append("\(mark.label): x = \(Ticks.short(at))")
      case .y(let at): result.append("\(mark.label): \(Ticks.short(at))")
      }
    }
    return result
  }
}
