import Foundation

extension Figure {
  /// The figure as SVG.
  ///
  /// - Parameters:
  ///   - width: in pixels.
  ///   - height: of each chart.
  public func svg(width: Double = 760, height: Double = 380) -> String {
    var drawing = Drawing(medium: .file(height: height), width: max(120, width), names: "")
    return drawing.svg(of: self)
  }

  /// The figure for a page, drawn for wide columns and for phones and paper; the second shows the
  /// lines of the first again. `names` stands before the names of its parts, which must differ
  /// within a page.
  /// `surfaces` are those that the page has drawn before, by the names of their drawings.
  func pageSVG(
    names: String, surfaces: inout [ContourChart.Surface: String]
  ) -> (wide: String, narrow: String) {
    var wide = Drawing(medium: .wide, width: 600, names: names)
    var narrow = Drawing(medium: .narrow, width: 340, names: names)
    wide.surfaces = surfaces
    let first = wide.svg(of: self)
    surfaces = wide.surfaces
    narrow.looksOfWide = wide.looksOfWide
    return (first, narrow.svg(of: self))
  }

  /// The figure for a page, drawn once, as wide as a phone: for several side by side.
  func panelSVG(names: String, surfaces: inout [ContourChart.Surface: String]) -> String {
    var panel = Drawing(medium: .wide, width: 340, names: names)
    panel.kind = "p"
    panel.surfaces = surfaces
    defer { surfaces = panel.surfaces }
    return panel.svg(of: self)
  }

  /// How many points the lines of a chart have on a page, together and each.
  static let pointsOfChart = (all: 8000, most: 3000, least: 240)
}

/// An SVG document in the making: what all kinds of charts share.
struct Drawing {
  /// What it is made for.
  enum Medium: Equatable {
    /// A file that stands alone; each chart is so high.
    case file(height: Double)
    /// The column of a page. What its frames hold is drawn in units of its own, which the page's
    /// script can stretch.
    case wide
    /// A phone, or half a sheet of paper: its frames show what those of `wide` hold.
    case narrow
  }

  let medium: Medium
  let width: Double
  let names: String
  var body = ""
  /// The left edge of all frames of the figure.
  var left = 0.0
  /// How the lines of each chart look, as it was found for the wide drawing.
  var looksOfWide: [Int: [Look]] = [:]
  /// The surfaces that the page has drawn, by the names of their drawings.
  var surfaces: [ContourChart.Surface: String] = [:]
  /// The class of the drawing on a page.
  var kind: String?

  init(medium: Medium, width: Double, names: String) {
    (self.medium, self.width, self.names) = (medium, width, names)
  }

  /// The edge of the drawing, where titles begin.
  var edge: Double { isFile ? 14 : 2 }
  /// The right edge of the frames.
  var right: Double { width - (isFile ? 24 : 14) }
  var isFile: Bool { if case .file = medium { true } else { false } }

  mutating func svg(of figure: Figure) -> String {
    left = figure.charts.map { leftEdge($0) }.max() ?? 0
    var top = 0.0
    for (number, chart) in figure.charts.enumerated() {
      if number > 0, !isFile { top += 14 }
      top = draw(chart, number: number, top: top)
    }
    let titles = figure.charts.map(\.title).filter { !$0.isEmpty }
    let name = titles.isEmpty ? "figure" : titles.joined(separator: "; ")
    let what = figure.charts.map(\.summary).joined(separator: " ")
    var head = "<svg xmlns=\"http://www.w3.org/2000/svg\" "
    if !isFile { head += "class=\"\(kind ?? (medium == .wide ? "w" : "n"))\" " }
    head += "width=\"\(n(width))\" height=\"\(n(top))\" viewBox=\"0 0 \(n(width)) \(n(top))\" "
    head += "role=\"img\" "
    if !isFile { head += "aria-label=\"\(name.escaped)\" " }
    head += "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\" "
    head += "font-size=\"12\" fill=\"\(Palette.text.light)\">\n"
    if isFile {
      if let title = titles.first { head += "<title>\(title.escaped)</title>\n" }
      head += "<desc>\(what.escaped)</desc>\n"
      head +=
        "<rect width=\"\(n(width))\" height=\"\(n(top))\" fill=\"\(Palette.paper.light)\"/>\n"
    } else {
      head += "<desc>\(what.escaped)</desc>\n"
    }
    return head + body + "</svg>\n"
  }

  /// Draws a chart and returns where it ends.
  private mutating func draw(_ chart: Chart, number: Int, top: Double) -> Double {
    switch chart {
    case .lines(let chart): draw(chart, bars: nil, number: number, top: top)
    case .bars(let chart): draw(chart.outlines, bars: chart, number: number, top: top)
    case .heat(let chart): draw(chart, number: number, top: top)
    case .contour(let chart): draw(chart, number: number, top: top)
    }
  }

  /// What the labels of a chart need on the left.
  private func leftEdge(_ chart: Chart) -> Double {
    switch chart {
    case .lines(let chart): edge + labelWidth(chart) + 10
    case .bars(let chart): edge + labelWidth(chart.outlines) + 10
    case .heat(let map): edge + rowWidth(map) + 8
    case .contour(let chart): edge + labelWidth(chart) + 12
    }
  }

  private func labelWidth(_ chart: LineChart) -> Double {
    guard let ranges = chart.ranges(ticks: Self.ticks) else { return 0 }
    return Ticks(ranges.y, chart.y.scale, count: Self.ticks.y).labels
      .map { TextMetrics.width($0, size: 11) }.max() ?? 0
  }

  /// About how many ticks ranges are made for: the same for all sizes of a figure.
  static let ticks = (x: 6, y: 5)

  // MARK: Above the frame

  /// A title and a subtitle; returns where they end.
  mutating func titles(_ title: String, _ subtitle: String, top: Double) -> Double {
    var line = top + (isFile ? 10 : 2)
    let room = right - edge
    for part in TextMetrics.lines(title, room, size: 15 * 1.05, most: 2) {
      line += 18
      text(
        part.text, edge, line,
        "font-size=\"15\" font-weight=\"600\" fill=\"\(Palette.title.light)\"",
        whole: part.isCut ? title : nil)
    }
    for part in TextMetrics.lines(subtitle, room, size: 12, most: 2) {
      line += 16
      text(
        part.text, edge, line, "fill=\"\(Palette.detail.light)\"",
        whole: part.isCut ? subtitle : nil)
    }
    return line + (title.isEmpty && subtitle.isEmpty ? 0 : 6)
  }

  /// The label of the vertical axis, above it.
  mutating func axisLabel(_ label: String, top: Double) -> Double {
    let cut = TextMetrics.beginning(label, right - edge, size: 11)
    text(
      cut, edge, top + 12, "font-size=\"11\" fill=\"\(Palette.detail.light)\"",
      whole: cut == label ? nil : label)
    return top + 16
  }

  // MARK: Around the frame

  /// Where a frame lies.
  struct Frame {
    var left: Double
    var right: Double
    var top: Double
    var bottom: Double
    var width: Double { right - left }
    var height: Double { bottom - top }
  }

  /// How many units the content of a frame is wide and high.
  func units(_ frame: Frame) -> (x: Double, y: Double) {
    isFile ? (10 * frame.width, 10 * frame.height) : (4000, 2000)
  }

  /// The horizontal axis under a frame.
  mutating func horizontal(
    _ axis: Axis, _ range: ClosedRange<Double>, _ frame: Frame, ticks count: Int? = nil
  ) {
    let place = Placement(range, axis.scale)
    let ticks = Ticks(range, axis.scale, count: count ?? max(2, Int(frame.width / 72)))
    var free = 0.0
    for (x, label) in zip(ticks.values, ticks.labels) {
      let half = TextMetrics.width(label, size: 11) / 2
      let at = frame.left + place(x) * frame.width
      let middle = max(min(at, width - half - 1), half + 1)
      guard middle - half >= free else { continue }
      rule(at, frame.bottom, at, frame.bottom + 4, Palette.frame.light)
      text(label, middle, frame.bottom + 17, "text-anchor=\"middle\" font-size=\"11\"")
      free = middle + half + 8
    }
    rule(frame.left, frame.bottom, frame.right, frame.bottom, Palette.frame.light)
  }

  /// The label of the horizontal axis; returns where the chart ends.
  mutating func horizontalLabel(_ label: String, _ frame: Frame) {
    guard !label.isEmpty else { return }
    let cut = TextMetrics.beginning(label, right - edge)
    let half = TextMetrics.width(cut) / 2
    let middle = min((frame.left + frame.right) / 2, width - half - 2)
    text(
      cut, max(middle, half + 2), frame.bottom + 34, "text-anchor=\"middle\"",
      whole: cut == label ? nil : label)
  }

  /// What an axis needs below the frame.
  func foot(_ axis: Axis) -> Double { (axis.label.isEmpty ? 24 : 40) + (isFile ? 6 : 2) }

  /// Opens the part of the drawing that shows the content of a frame, cut at its edge.
  mutating func open(_ frame: Frame, _ data: String, number: Int) {
    let units = units(frame)
    let (sx, sy) = (2 * units.x / frame.width, 2 * units.y / frame.height)
    add(
      "<svg class=\"frame\" x=\"\(n(frame.left - 2))\" y=\"\(n(frame.top - 2))\" "
        + "width=\"\(n(frame.width + 4))\" height=\"\(n(frame.height + 4))\" "
        + "viewBox=\"\(n(-sx)) \(n(-sy)) \(n(units.x + 2 * sx)) \(n(units.y + 2 * sy))\" "
        + "preserveAspectRatio=\"none\"\(isFile ? "" : data)>")
    if medium == .narrow { add("<use href=\"#\(names)\(number)\"/>") }
    if medium == .wide { add("<g id=\"\(names)\(number)\">") }
    if isFile { add("<g>") }
  }

  mutating func close() { add(medium == .narrow ? "</svg>" : "</g></svg>") }

  /// How wide a stroke is: in pixels, whatever the units.
  func stroke(_ color: String, _ width: Double, dashes: String? = nil, opacity: Double = 1)
    -> String
  {
    var style =
      " fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(n(isFile ? 10 * width : width))\""
    if let dashes {
      let scaled = dashes.split(separator: " ").compactMap { Double($0) }
        .map { n(isFile ? 10 * $0 : $0) }
      style += " stroke-dasharray=\"\(scaled.joined(separator: " "))\""
    }
    if opacity < 1 { style += " stroke-opacity=\"\(opacity)\"" }
    return style + (isFile ? "" : " vector-effect=\"non-scaling-stroke\"")
  }

  /// A frame of which nothing can be shown.
  mutating func nothing(_ frame: Frame) {
    rule(frame.left, frame.bottom, frame.right, frame.bottom, Palette.frame.light)
    text(
      "no finite values", (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2,
      "class=\"none\" text-anchor=\"middle\" fill=\"\(Palette.detail.light)\"")
  }

  // MARK: Elements

  mutating func add(_ line: String) {
    body += line
    body += "\n"
  }

  mutating func rule(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String, _ more: String = ""
  ) {
    // On a pixel: lines of one pixel stay sharp.
    let (dx, dy) = (x1 == x2 ? 0.5 : 0, y1 == y2 ? 0.5 : 0)
    let a = (x1 == x2 ? x1.rounded(.down) : x1, y1 == y2 ? y1.rounded(.down) : y1)
    let b = (x1 == x2 ? a.0 : x2, y1 == y2 ? a.1 : y2)
    let path =
      y1 == y2
      ? "M\(n(a.0 + dx)) \(n(a.1 + dy))H\(n(b.0 + dx))"
      : "M\(n(a.0 + dx)) \(n(a.1 + dy))V\(n(b.1 + dy))"
    add("<path d=\"\(path)\" stroke=\"\(color)\"\(more.isEmpty ? "" : " ")\(more)/>")
  }

  /// A text; `whole` is what it was cut from.
  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ style: String, whole: String? = nil
  ) {
    let title = whole.map { "<title>\($0.escaped)</title>" } ?? ""
    add(
      "<text x=\"\(n(x))\" y=\"\(n(y))\"\(style.isEmpty ? "" : " \(style)")>\(title)\(text.escaped)</text>"
    )
  }

  /// A coordinate in tenths of a pixel.
  func n(_ x: Double) -> String {
    let tenths = (x * 10).rounded()
    guard tenths.isFinite, abs(tenths) < 1e15 else { return "0" }
    let (whole, rest) = (Int(tenths) / 10, abs(Int(tenths) % 10))
    if rest == 0 { return "\(whole)" }
    return "\(tenths < 0 && whole == 0 ? "-" : "")\(whole).\(rest)"
  }
}

extension Chart {
  /// What it is, for those who do not see it.
  fileprivate var summary: String {
    func list(_ names: [String]) -> String {
      let names = names.filter { !$0.isEmpty }
      let first = names.prefix(12).joined(separator: ", ")
      return names.isEmpty ? "" : ": \(first)\(names.count > 12 ? " and more" : "")"
    }
    func over(_ y: Axis, _ x: Axis) -> String {
      (y.label.isEmpty ? "" : " of \(y.label)") + (x.label.isEmpty ? "" : " over \(x.label)")
    }
    return switch self {
    case .lines(let c): "Line chart\(over(c.y, c.x))\(list(c.series.map(\.name)))."
    case .bars(let c): "Histogram\(over(c.y, c.x))\(list(c.series.map(\.name)))."
    case .heat(let c): "Heat map\(over(Axis(c.label), c.x))\(list(c.rows))."
    case .contour(let c): "Contours over \(c.x) and \(c.y)\(list(c.paths.map(\.name)))."
    }
  }
}
