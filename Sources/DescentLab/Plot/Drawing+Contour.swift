/// Contour charts: bands from pale to strong, paths with a halo, crosses at the minima.
extension Drawing {
  /// What the labels of the vertical axis need.
  func labelWidth(_ chart: ContourChart) -> Double {
    Ticks(chart.surface.y, .linear, count: 6).labels.map { TextMetrics.width($0, size: 11) }.max()
      ?? 0
  }

  mutating func draw(_ chart: ContourChart, number: Int, top: Double) -> Double {
    var head = titles(chart.title, chart.subtitle, top: top)
    if !chart.y.isEmpty { head = axisLabel(chart.y, top: head) }
    let foot = foot(Axis(chart.x))
    var frame = Frame(left: left, right: right, top: head + 6, bottom: 0)
    frame.bottom =
      isFile
      ? max(top + fileHeight - foot, frame.top + 40) : frame.top + (0.72 * frame.width).rounded()
    let (x, y) = chart.places
    add("<g class=\"ticks\">")
    for (value, label) in zipped(Ticks(chart.surface.y, .linear, count: 6)) {
      let at = frame.bottom - y(value) * frame.height
      rule(frame.left - 4, at, frame.left, at, Palette.frame.light)
      text(label, frame.left - 8, at + 4, "text-anchor=\"end\" font-size=\"11\"")
    }
    horizontal(Axis(chart.x), chart.surface.x, frame, ticks: 6)
    add("</g>")
    horizontalLabel(chart.x, frame)

    open(frame, "", number: number)
    if medium != .narrow { content(chart, frame) }
    close()
    for spot in chart.spots {
      let (u, v) = (x(spot.place.x), y(spot.place.y))
      guard (0...1).contains(u), (0...1).contains(v) else { continue }
      let (a, b) = (frame.left + u * frame.width, frame.bottom - v * frame.height)
      let cross = "M\(n(a - 5)) \(n(b - 5))l10 10m0 -10l-10 10"
      for (color, width) in [(Palette.paper, 5), (Palette.title, 2)] {
        add(
          "<path d=\"\(cross)\" fill=\"none\" stroke=\"\(color.light)\" stroke-width=\"\(width)\" "
            + "stroke-linecap=\"round\" pointer-events=\"none\"/>")
      }
    }
    return frame.bottom + foot
  }

  private func zipped(_ ticks: Ticks) -> [(Double, String)] {
    Array(zip(ticks.values, ticks.labels))
  }

  /// The bands and the paths, in units.
  private mutating func content(_ chart: ContourChart, _ frame: Frame) {
    let units = units(frame)
    let surface = chart.surface
    if let known = surfaces[surface], !isFile {
      // Drawn once on a page.
      add("<use href=\"#\(known)\"/>")
    } else {
      let name = "\(names)surface\(surfaces.count)"
      surfaces[surface] = name
      // Outlines in a coarser unit, which makes the file smaller.
      let (w, h) = (1000.0, 1000 * units.y / units.x)
      add("<g\(isFile ? "" : " id=\"\(name)\"") transform=\"scale(\(units.x / w))\">")
      let (first, lines) = (Palette.bands[0].light, ContourLines(surface))
      add("<path d=\"M0 0H\(n(w))V\(n(h))H0z\" fill=\"\(first)\"/>")
      for (index, level) in surface.levels.enumerated() {
        let path = lines.path(at: level, width: w, height: h)
        if path.isEmpty { continue }
        let color = Palette.bands[min(index + 1, Palette.bands.count - 1)].light
        add(
          "<path d=\"\(path)\" fill=\"\(color)\" fill-rule=\"evenodd\" "
            + "stroke=\"\(Palette.contour.light)\" stroke-width=\"\(isFile ? "1.3" : "0.7")\""
            + (isFile ? "/>" : " vector-effect=\"non-scaling-stroke\"/>"))
      }
      add("</g>")
    }
    for (index, path) in chart.paths.enumerated() {
      let way = Way(path, chart, units)
      let color = Palette.line(path.color ?? index)
      let round = "stroke-linejoin=\"round\" stroke-linecap=\"round\" fill-opacity=\"0\""
      add("<g class=\"path\">")
      for (look, width) in [(Palette.paper.light, 4.5), (color, 1.8)] {
        add("<path class=\"line\" d=\"\(way.line)\" \(round)\(stroke(look, width))/>")
      }
      add("<path class=\"steps\" d=\"\(way.steps)\" \(round)\(stroke(color, 4.5))/>")
      for (kind, d) in [("from", way.first), ("now", way.last)] {
        let inner = kind == "from" ? Palette.paper.light : color
        let outer = kind == "from" ? Palette.title.light : Palette.paper.light
        for (look, width) in [(outer, 13.0), (inner, 9.0)] {
          add("<path class=\"\(kind)\" d=\"\(d)\" \(round)\(stroke(look, width))/>")
        }
      }
      add("</g>")
    }
  }

  /// A way as SVG paths.
  struct Way {
    /// Joined.
    var line = ""
    /// A dot for each point.
    var steps = ""
    /// The first and the last point.
    var (first, last) = ("", "")

    init(_ path: ContourChart.Path, _ chart: ContourChart, _ units: (x: Double, y: Double)) {
      let (x, y) = chart.places
      let kept = path.points.indices.map { index in
        path.points[index].x.isFinite && path.points[index].y.isFinite ? index : -1
      }
      let trace = Trace(path.points, kept: kept, x: x, y: y, width: units.x, height: units.y)
      line = trace.paths.line
      // More would be one blot.
      if path.points.count <= 150 { steps = trace.dots }
      let places = trace.runs.joined()
      if let a = places.first { first = "M\(a.x) \(a.y)h0" }
      if let b = trace.runs.last?.last { last = "M\(b.x) \(b.y)h0" }
    }
  }
}
