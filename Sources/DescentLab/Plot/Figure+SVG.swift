import Foundation

extension Figure {
  /// The figure as SVG.
  ///
  /// - Parameters:
  ///   - width: in pixels.
  ///   - height: of each chart.
  public func svg(width: Double = 760, height: Double = 380) -> String {
    svg(width: width, height: height, names: "")
  }

  /// The same with `names` before the names of its parts, which must differ within a page.
  func svg(width: Double, height: Double, names: String) -> String {
    var page = Page(names: names)
    page.open(width: width, height: height * Double(charts.count), title: charts.first?.title ?? "")
    // All frames begin at one edge.
    let left = charts.map { page.left($0, height) }.max() ?? 0
    for (index, chart) in charts.enumerated() {
      page.draw(
        chart, number: index, top: Double(index) * height, left: left, width: width, height: height)
    }
    page.add("</svg>")
    return page.lines.joined(separator: "\n") + "\n"
  }
}

/// An SVG document in the making.
private struct Page {
  let names: String
  var lines: [String] = []

  init(names: String) { self.names = names }

  mutating func add(_ line: String) { lines.append(line) }

  mutating func open(width: Double, height: Double, title: String) {
    add(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(n(width))\" height=\"\(n(height))\" "
        + "viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\" font-family=\"system-ui, "
        + "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"12\" "
        + "fill=\"\(Palette.text.light)\">")
    if !title.isEmpty { add("<title>\(title.escaped)</title>") }
    add("<rect width=\"\(n(width))\" height=\"\(n(height))\" fill=\"\(Palette.paper.light)\"/>")
  }

  /// What the labels of a chart need on the left.
  func left(_ chart: LineChart, _ height: Double) -> Double {
    let labels = yTicks(chart, height).labels.map(textWidth)
    return (chart.y.label.isEmpty ? 12 : 30) + (labels.max() ?? 0) + 12
  }

  private func yTicks(_ chart: LineChart, _ height: Double) -> Ticks {
    let range = chart.range(chart.y, \.y, isVertical: true)
    return Ticks(range, chart.y.scale, count: max(2, Int((height - 60) / 55)))
  }

  mutating func draw(
    _ chart: LineChart, number: Int, top: Double, left: Double, width: Double, height: Double
  ) {
    let xRange = chart.range(chart.x, \.x, isVertical: false)
    let yRange = chart.range(chart.y, \.y, isVertical: true)
    let hasLegend = chart.series.count > 1
    var head = top + 12
    if !chart.title.isEmpty { head += 20 }
    if !chart.subtitle.isEmpty { head += 17 }
    if hasLegend { head += 22 }
    // Room above the frame for the labels of stretches and upright lines.
    head += chart.bands.isEmpty && chart.marks.allSatisfy { !$0.isUpright } ? 6 : 22

    let yTicks = yTicks(chart, height)
    let (right, bottom) = (width - 24, top + height - (chart.x.label.isEmpty ? 30 : 46))
    let (xAt, yAt) = (Placement(xRange, chart.x.scale), Placement(yRange, chart.y.scale))
    let px = { (x: Double) in left + xAt(x) * (right - left) }
    let py = { (y: Double) in bottom - yAt(y) * (bottom - head) }

    let lines = chart.series.map { runs($0.points, chart, px, py) }
    let isHidden = lines.indices.map { index in
      lines[..<index].contains { covers(lines[index], $0) }
    }

    // Title, subtitle, legend.
    var line = top + 12
    if !chart.title.isEmpty {
      line += 14
      text(
        chart.title, left, line,
        "font-size=\"15\" font-weight=\"600\" fill=\"\(Palette.title.light)\"")
      line += 6
    }
    if !chart.subtitle.isEmpty {
      line += 12
      text(fitting(chart.subtitle, right - left), left, line, "fill=\"\(Palette.detail.light)\"")
      line += 5
    }
    if hasLegend { legend(chart, isHidden, left, line + 14) }

    // Shaded stretches, grid, frame.
    for band in chart.bands {
      let (a, b) = (max(left, px(band.range.lowerBound)), min(right, px(band.range.upperBound)))
      guard a < b else { continue }
      add(
        "<rect x=\"\(n(a))\" y=\"\(n(head))\" width=\"\(n(b - a))\" height=\"\(n(bottom - head))\" "
          + "fill=\"\(Palette.series[0].light)\" fill-opacity=\"0.07\"/>")
    }
    let xTicks = Ticks(xRange, chart.x.scale, count: max(2, Int((right - left) / 85)))
    for x in xTicks.minor { rule(px(x), head, px(x), bottom, Palette.minorGrid.light) }
    for y in yTicks.minor { rule(left, py(y), right, py(y), Palette.minorGrid.light) }
    for (x, label) in zip(xTicks.values, xTicks.labels) {
      rule(px(x), head, px(x), bottom, Palette.grid.light)
      text(label, px(x), bottom + 17, "text-anchor=\"middle\"")
    }
    for (y, label) in zip(yTicks.values, yTicks.labels) {
      rule(left, py(y), right, py(y), Palette.grid.light)
      text(label, left - 8, py(y) + 4, "text-anchor=\"end\"")
    }
    rule(left, bottom, right, bottom, Palette.frame.light)
    rule(left, head, left, bottom, Palette.frame.light)
    if !chart.x.label.isEmpty {
      text(chart.x.label, (left + right) / 2, bottom + 36, "text-anchor=\"middle\"")
    }
    if !chart.y.label.isEmpty {
      let (x, y) = (18.0, (head + bottom) / 2)
      text(
        chart.y.label, x, y,
        "text-anchor=\"middle\" transform=\"rotate(-90 \(n(x)) \(n(y)))\"")
    }

    // Lines, cut at the frame.
    add(
      "<clipPath id=\"\(names)frame\(number)\"><rect x=\"\(n(left))\" y=\"\(n(head - 2))\" "
        + "width=\"\(n(right - left))\" height=\"\(n(bottom - head + 4))\"/></clipPath>")
    add("<g clip-path=\"url(#\(names)frame\(number))\" fill=\"none\" stroke-linejoin=\"round\">")
    for (index, series) in chart.series.enumerated() {
      let color = Palette.series[index % Palette.series.count].light
      let style = strokeStyle(
        series.stroke, width: series.stroke.width, isDashed: isHidden[index])
      for run in lines[index] {
        if run.count == 1 {
          add("<circle cx=\"\(n(run[0].x))\" cy=\"\(n(run[0].y))\" r=\"2.5\" fill=\"\(color)\"/>")
        } else {
          let path = run.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
          add("<polyline points=\"\(path)\" stroke=\"\(color)\" \(style)/>")
        }
      }
    }
    add("</g>")

    // Marks, on top of the lines; a label that would cover its neighbour is left out.
    var taken = -Double.infinity
    func label(_ text: String, _ middle: Double) -> Double? {
      let half = textWidth(text) / 2
      let place = min(max(middle, left + half), right - half)
      guard place - half > taken + 6 else { return nil }
      taken = place + half
      return place
    }
    let small = "text-anchor=\"middle\" font-size=\"11\""
    for band in chart.bands {
      let (a, b) = (max(left, px(band.range.lowerBound)), min(right, px(band.range.upperBound)))
      if a < b, let place = label(band.label, (a + b) / 2) {
        text(band.label, place, head - 7, small + " fill=\"\(Palette.band.light)\"")
      }
    }
    for mark in chart.marks {
      switch mark.place {
      case .x(let x) where xRange.contains(x) && chart.x.shows(x):
        rule(px(x), head, px(x), bottom, Palette.detail.light, "stroke-dasharray=\"4 3\"")
        if !mark.label.isEmpty, let place = label(mark.label, px(x)) {
          text(mark.label, place, head - 7, small)
        }
      case .y(let y) where yRange.contains(y) && chart.y.shows(y):
        rule(left, py(y), right, py(y), Palette.detail.light, "stroke-dasharray=\"4 3\"")
        if !mark.label.isEmpty {
          text(mark.label, right - 4, py(y) - 5, "text-anchor=\"end\" font-size=\"11\"")
        }
      default: break
      }
    }
  }

  private mutating func legend(
    _ chart: LineChart, _ isDashed: [Bool], _ left: Double, _ y: Double
  ) {
    var x = left
    for (index, series) in chart.series.enumerated() {
      let color = Palette.series[index % Palette.series.count].light
      let width = series.stroke == .plain ? 3 : series.stroke.width
      rule(
        x, y - 4, x + 20, y - 4, color,
        strokeStyle(series.stroke, width: width, isDashed: isDashed[index]))
      text(series.name, x + 26, y, "")
      x += 26 + textWidth(series.name) + 20
    }
  }

  /// Dashes let through the line that they lie on.
  private func strokeStyle(_ stroke: Series.Stroke, width: Double, isDashed: Bool) -> String {
    "stroke-width=\"\(n(width))\"" + (isDashed ? " stroke-dasharray=\"7 6\"" : "")
      + (stroke.opacity < 1 ? " stroke-opacity=\"\(stroke.opacity)\"" : "")
  }

  /// Whether a line hides most of another of the same points on the paper.
  private func covers(_ line: [[Point]], _ other: [[Point]]) -> Bool {
    let (line, other) = (line.flatMap(\.self), other.flatMap(\.self))
    guard line.count == other.count, !line.isEmpty else { return false }
    let near = zip(line, other).count { abs($0.x - $1.x) < 1 && abs($0.y - $1.y) < 1.5 }
    return 4 * near >= 3 * line.count
  }

  /// The parts of a line between gaps, in pixels. Of the points that fall on one column of pixels
  /// only the first, the lowest, the highest and the last are kept.
  private func runs(
    _ points: [Point], _ chart: LineChart, _ px: (Double) -> Double, _ py: (Double) -> Double
  ) -> [[Point]] {
    var (runs, column) = ([[Point]](), [Point]())
    func finish() {
      guard let first = column.first, let last = column.last else { return }
      let low = column.min { $0.y < $1.y }!
      let high = column.max { $0.y < $1.y }!
      let kept = column.count <= 4 ? column : [first, low, high, last]
      runs[runs.count - 1] += kept
      column = []
    }
    var isOpen = false
    for point in points {
      guard chart.x.shows(point.x), chart.y.shows(point.y) else {
        finish()
        isOpen = false
        continue
      }
      let place = Point(px(point.x), py(point.y))
      if !isOpen {
        runs.append([])
        isOpen = true
      }
      if let first = column.first, first.x.rounded(.down) != place.x.rounded(.down) { finish() }
      column.append(place)
    }
    finish()
    return runs
  }

  private mutating func rule(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String, _ more: String = ""
  ) {
    add(
      "<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\" stroke=\"\(color)\""
        + (more.isEmpty ? "/>" : " \(more)/>"))
  }

  private mutating func text(_ text: String, _ x: Double, _ y: Double, _ style: String) {
    add(
      "<text x=\"\(n(x))\" y=\"\(n(y))\"\(style.isEmpty ? "" : " \(style)")>\(text.escaped)</text>"
    )
  }

  /// The beginning of a text that fits into `width` pixels.
  private func fitting(_ text: String, _ width: Double) -> String {
    textWidth(text) <= width ? text : text.prefix(Int(width / 6.6) - 1) + "…"
  }

  /// About the width of a text in pixels: there is nothing here that could measure it.
  private func textWidth(_ text: String) -> Double { 6.6 * Double(text.count) }

  /// A coordinate in tenths of a pixel.
  private func n(_ x: Double) -> String {
    let tenths = (x * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
  }
}
