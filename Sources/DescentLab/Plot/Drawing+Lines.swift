/// Line charts, and bars along their outlines.
extension Drawing {
  /// What a line looks like in the frame and in the legend.
  struct Look {
    let color: String
    let stroke: Series.Stroke
    let dashes: String?
  }

  mutating func draw(_ chart: LineChart, bars: BarChart?, number: Int, top: Double) -> Double {
    let colors = chart.colors
    let ranges = chart.ranges(ticks: Self.ticks)
    var frame = Frame(left: left, right: right, top: 0, bottom: 0)
    let foot = foot(chart.x)

    // Lines first: the legend shows which of them are dashed since another covers them.
    let units = units(
      Frame(left: left, right: right, top: 0, bottom: isFile ? fileHeight - foot - 80 : 0))
    var traces: [Trace] = []
    if medium != .narrow, let ranges {
      traces = self.traces(chart, ranges, units, isBars: bars != nil)
    }
    let near = (1 / frame.width * units.x, 1.5 * units.y / 200)
    let looks =
      looksOfWide[number]
      ?? chart.series.enumerated().map { index, series in
        let isHidden =
          bars == nil && traces.count <= 20 && !traces.isEmpty
          && traces[..<index].contains { $0.covers(traces[index], x: near.0, y: near.1) }
        let dashes =
          isHidden
          ? "7 6"
          : series.stroke == .dashed
            ? "5 4"
            : series.stroke == .dots
              ? nil : Palette.dashes(colors[index])
        return Look(color: Palette.line(colors[index]), stroke: series.stroke, dashes: dashes)
      }

    looksOfWide[number] = looks

    var head = titles(chart.title, chart.subtitle, top: top)
    let rows = isFile ? max(1, Int((fileHeight - foot - 140) / 18)) : medium == .wide ? 4 : 5
    head = legend(chart, looks, top: head, rows: rows, isBars: bars != nil)
    if !chart.y.label.isEmpty, chart.y.label != chart.title {
      head = axisLabel(chart.y.label, top: head)
    }
    guard let ranges else {
      frame.top = head + 6
      frame.bottom = isFile ? top + fileHeight - foot : frame.top + 120
      nothing(frame)
      horizontalLabel(chart.x.label, frame)
      return frame.bottom + foot
    }
    let labels = uprightLabels(chart, ranges.x, frame)
    frame.top = head + 8 + 15 * Double(labels.map { $0.row + 1 }.max() ?? 0)
    frame.bottom = isFile ? max(top + fileHeight - foot, frame.top + 40) : frame.top + 190
    for label in labels {
      text(
        label.text, label.middle, frame.top - 6 - 15 * Double(label.row),
        "text-anchor=\"middle\" font-size=\"11\" data-x=\"\(n(label.share * 4000))\" fill=\"\(label.color)\""
      )
    }

    add("<g class=\"ticks\">")
    grid(chart, ranges, frame)
    horizontal(chart.x, ranges.x, frame)
    add("</g>")
    horizontalLabel(chart.x.label, frame)

    open(frame, data(chart, ranges, isBars: bars != nil), number: number)
    if medium != .narrow { content(chart, bars, looks, traces, ranges, self.units(frame)) }
    close()
    levelLabels(chart, ranges.y, frame)
    return frame.bottom + foot
  }

  /// The height of a chart in a file.
  var fileHeight: Double { if case .file(let height) = medium { height } else { 0 } }

  /// What the page's script needs to know of a frame.
  private func data(
    _ chart: LineChart, _ ranges: (x: ClosedRange<Double>, y: ClosedRange<Double>), isBars: Bool
  ) -> String {
    func axis(_ axis: Axis, _ range: ClosedRange<Double>) -> String {
      "\(range.lowerBound) \(range.upperBound)\(axis.scale == .logarithmic ? " log" : "")"
    }
    return " data-x=\"\(axis(chart.x, ranges.x))\" data-y=\"\(axis(chart.y, ranges.y))\""
      + " data-axis=\"\(chart.x.label.escaped)\""
  }

  private func traces(
    _ chart: LineChart, _ ranges: (x: ClosedRange<Double>, y: ClosedRange<Double>),
    _ units: (x: Double, y: Double), isBars: Bool
  ) -> [Trace] {
    let limits = Figure.pointsOfChart
    let most =
      isFile
      ? 4 * max(8, Int((right - left).rounded(.up)))
      : min(limits.most, max(limits.least, limits.all / max(1, chart.series.count)))
    let (x, y) = (Placement(ranges.x, chart.x.scale), Placement(ranges.y, chart.y.scale))
    return chart.series.map { series in
      // The outlines of bars begin and end on the axis.
      var points = series.points
      if isBars, let first = points.first, let last = points.last {
        let floor = ranges.y.lowerBound
        points = points.map { Point($0.x, chart.y.shows($0.y) ? $0.y : floor) }
        points = [Point(first.x, floor)] + points + [Point(last.x, floor)]
      }
      let kept = Thinning.kept(points, x: chart.x, y: chart.y, range: ranges.x, most: most)
      return Trace(points, kept: kept, x: x, y: y, width: units.x, height: units.y)
    }
  }

  /// Bands, lines and marks, in units.
  private mutating func content(
    _ chart: LineChart, _ bars: BarChart?, _ looks: [Look], _ drawn: [Trace],
    _ ranges: (x: ClosedRange<Double>, y: ClosedRange<Double>), _ units: (x: Double, y: Double)
  ) {
    let (x, y) = (Placement(ranges.x, chart.x.scale), Placement(ranges.y, chart.y.scale))
    let (wide, high) = (Trace.unit(1, units.x), Trace.unit(1, units.y))
    for band in chart.bands {
      let (a, b) = (
        Trace.unit(x(max(band.range.lowerBound, ranges.x.lowerBound)), units.x),
        Trace.unit(x(min(band.range.upperBound, ranges.x.upperBound)), units.x)
      )
      guard a < b else { continue }
      add(
        "<path d=\"M\(a) 0H\(b)V\(high)H\(a)z\" fill=\"\(Palette.series[0].light)\" "
          + "fill-opacity=\"0.07\"/>")
    }
    // Files have their own units, which follow from the height.
    let traces = isFile ? self.traces(chart, ranges, units, isBars: bars != nil) : drawn
    let owners = owners(chart)
    for (index, series) in chart.series.enumerated() where !series.spread.isEmpty {
      let outline = Thinning.outline(
        series.spread, x: chart.x, y: chart.y, range: ranges.x, most: 300)
      let floor = ranges.y.lowerBound
      func place(_ at: Double, _ value: Double) -> String {
        let value = chart.y.shows(value) ? value : floor
        return "\(Trace.unit(x(at), units.x)) \(Trace.unit(1 - y(value), units.y))"
      }
      let path =
        outline.map { place($0.x, $0.high) } + outline.reversed().map { place($0.x, $0.low) }
      guard !path.isEmpty else { continue }
      add(
        "<path class=\"spread\" data-s=\"\(owners[index].escaped)\" d=\"M\(path.joined(separator: "L"))z\" "
          + "fill=\"\(looks[index].color)\" fill-opacity=\"0.18\"/>")
    }
    for (index, series) in chart.series.enumerated() where index < traces.count {
      let look = looks[index]
      let trace = traces[index]
      guard !trace.isEmpty else { continue }
      let shown =
        series.name.isEmpty && series.stroke == .faint && !owners[index].isEmpty
        ? owners[index] + ", raw" : series.name
      let name = "data-s=\"\(owners[index].escaped)\" data-n=\"\(shown.escaped)\" "
      if series.stroke == .dots {
        add(
          "<path class=\"line\" \(name)d=\"\(trace.dots)\" stroke-linecap=\"round\""
            + stroke(look.color, 5) + "/>")
        continue
      }
      let (line, single) = trace.paths
      if bars != nil {
        let fill = chart.series.count == 1 ? 0.5 : 0.12
        add(
          "<path class=\"spread\" data-s=\"\(owners[index].escaped)\" d=\"\(line)z\" fill=\"\(look.color)\" "
            + "fill-opacity=\"\(fill)\"/>")
      }
      if !line.isEmpty {
        add(
          "<path class=\"line\" \(name)d=\"\(line)\" stroke-linejoin=\"round\""
            + stroke(
              look.color, bars == nil ? series.stroke.width : 1.5, dashes: look.dashes,
              opacity: series.stroke.opacity) + "/>")
      }
      if !single.isEmpty {
        add(
          "<path class=\"line\" \(name)d=\"\(single)\" stroke-linecap=\"round\""
            + stroke(look.color, 5) + "/>")
      }
    }
    for mark in chart.marks {
      let path: String
      switch mark.place {
      case .x(let at) where ranges.x.contains(at) && chart.x.shows(at):
        path = "M\(Trace.unit(x(at), units.x)) 0V\(high)"
      case .y(let at) where ranges.y.contains(at) && chart.y.shows(at):
        path = "M0 \(Trace.unit(1 - y(at), units.y))H\(wide)"
      default: continue
      }
      add("<path d=\"\(path)\"\(stroke(Palette.detail.light, 1, dashes: "4 3"))/>")
    }
  }

  /// Whose switch in the legend hides each line: its own, or that of the named line of its colour.
  private func owners(_ chart: LineChart) -> [String] {
    let colors = chart.colors
    return chart.series.enumerated().map { index, series in
      if !series.name.isEmpty { return series.name }
      let owner = chart.series.indices.first {
        colors[$0] == colors[index] && !chart.series[$0].name.isEmpty
      }
      return owner.map { chart.series[$0].name } ?? ""
    }
  }

  private mutating func grid(
    _ chart: LineChart, _ ranges: (x: ClosedRange<Double>, y: ClosedRange<Double>), _ frame: Frame
  ) {
    let (x, y) = (Placement(ranges.x, chart.x.scale), Placement(ranges.y, chart.y.scale))
    let xTicks = Ticks(ranges.x, chart.x.scale, count: max(2, Int(frame.width / 72)))
    let yTicks = Ticks(ranges.y, chart.y.scale, count: max(2, min(8, Int(frame.height / 36))))
    for tick in xTicks.minor {
      let at = frame.left + x(tick) * frame.width
      rule(at, frame.top, at, frame.bottom, Palette.minorGrid.light)
    }
    for tick in yTicks.minor {
      let at = frame.bottom - y(tick) * frame.height
      rule(frame.left, at, frame.right, at, Palette.minorGrid.light)
    }
    for tick in xTicks.values {
      let at = frame.left + x(tick) * frame.width
      rule(at, frame.top, at, frame.bottom, Palette.grid.light)
    }
    var free = Double.infinity
    for (tick, label) in zip(yTicks.values, yTicks.labels) {
      let at = frame.bottom - y(tick) * frame.height
      rule(frame.left, at, frame.right, at, Palette.grid.light)
      guard at + 7 <= free else { continue }
      text(label, frame.left - 8, at + 4, "text-anchor=\"end\" font-size=\"11\"")
      free = at - 7
    }
  }

  // MARK: Legends and labels

  /// The names of the lines, in at most so many rows; returns where they end.
  private mutating func legend(
    _ chart: LineChart, _ looks: [Look], top: Double, rows: Int, isBars: Bool
  ) -> Double {
    var seen: Set<String> = []
    let entries = chart.series.indices.filter {
      !chart.series[$0].name.isEmpty && seen.insert(chart.series[$0].name).inserted
    }
    guard entries.count > 1 else { return top }
    let owners = owners(chart)
    let sample = 22.0
    let room = right - edge
    var places: [(index: Int, text: String, x: Double, row: Int)] = []
    var (x, row) = (0.0, 0)
    var rest = 0
    let names = TextMetrics.names(
      entries.map { chart.series[$0].name }, min(room - sample - 4, 320))
    for (count, index) in entries.enumerated() {
      let name = names[count]
      let needed = sample + 4 + TextMetrics.width(name)
      if x > 0, x + needed > room { (x, row) = (0, row + 1) }
      guard row < rows else {
        rest = entries.count - count
        break
      }
      places.append((index, name, x, row))
      x += needed + 16
    }
    if rest > 0 {
      // Room for how many are left out.
      while let last = places.last {
        x = last.x + sample + 4 + TextMetrics.width(last.text) + 16
        if x + TextMetrics.width("and \(rest) more") <= room || last.x == 0 && places.count == 1 {
          break
        }
        places.removeLast()
        rest += 1
      }
    }
    for place in places {
      let look = looks[place.index]
      let (left, y) = (edge + place.x, top + 14 + 18 * Double(place.row))
      add("<g class=\"key\" data-s=\"\(owners[place.index].escaped)\">")
      let width = look.stroke == .plain || look.stroke == .dashed ? 3 : look.stroke.width
      if isBars {
        add(
          "<path d=\"M\(n(left + 4)) \(n(y - 9))h12v10h-12z\" fill=\"\(look.color)\" "
            + "fill-opacity=\"0.5\" stroke=\"\(look.color)\"/>")
      } else if look.stroke == .dots {
        add("<circle cx=\"\(n(left + 10))\" cy=\"\(n(y - 4))\" r=\"3\" fill=\"\(look.color)\"/>")
      } else {
        add(
          "<path d=\"M\(n(left)) \(n(y - 4))h20\" stroke=\"\(look.color)\" stroke-width=\"\(n(width))\""
            + (look.dashes.map { " stroke-dasharray=\"\($0)\"" } ?? "")
            + (look.stroke.opacity < 1 ? " stroke-opacity=\"\(look.stroke.opacity)\"" : "") + "/>")
      }
      let name = chart.series[place.index].name
      text(place.text, left + sample + 4, y, "", whole: place.text == name ? nil : name)
      add("</g>")
    }
    let last = places.last?.row ?? 0
    if rest > 0 {
      text(
        "and \(rest) more", edge + min(x, room - 80), top + 14 + 18 * Double(last),
        "fill=\"\(Palette.detail.light)\"")
    }
    return top + 14 + 18 * Double(last) + 8
  }

  /// The labels of bands and upright marks, in one or two rows above the frame; one that fits in
  /// neither is left out.
  private func uprightLabels(
    _ chart: LineChart, _ range: ClosedRange<Double>, _ frame: Frame
  ) -> [(text: String, middle: Double, share: Double, row: Int, color: String)] {
    let place = Placement(range, chart.x.scale)
    var wanted: [(text: String, share: Double, color: String)] = []
    for band in chart.bands where !band.label.isEmpty {
      let (a, b) = (max(0, place(band.range.lowerBound)), min(1, place(band.range.upperBound)))
      if a < b { wanted.append((band.label, (a + b) / 2, Palette.band.light)) }
    }
    for mark in chart.marks where !mark.label.isEmpty {
      if case .x(let at) = mark.place, range.contains(at), chart.x.shows(at) {
        wanted.append((mark.label, place(at), Palette.text.light))
      }
    }
    wanted.sort { $0.share < $1.share }
    var free = [-Double.infinity, -Double.infinity]
    var labels: [(text: String, middle: Double, share: Double, row: Int, color: String)] = []
    for label in wanted {
      let cut = TextMetrics.beginning(label.text, frame.width / 2, size: 11)
      let half = TextMetrics.width(cut, size: 11) / 2
      let middle = min(
        max(frame.left + label.share * frame.width, frame.left + half), frame.right - half)
      guard let row = free.firstIndex(where: { middle - half > $0 + 8 }) else { continue }
      free[row] = middle + half
      labels.append((cut, middle, label.share, row, label.color))
    }
    return labels
  }

  /// The labels of level marks, at their right ends, none over another.
  private mutating func levelLabels(
    _ chart: LineChart, _ range: ClosedRange<Double>, _ frame: Frame
  ) {
    let place = Placement(range, chart.y.scale)
    var taken: [Double] = []
    for mark in chart.marks where !mark.label.isEmpty {
      guard case .y(let at) = mark.place, range.contains(at), chart.y.shows(at) else { continue }
      let y = frame.bottom - place(at) * frame.height
      let choices = [y - 5, y + 13].filter { choice in
        choice > frame.top + 9 && choice < frame.bottom - 2
          && taken.allSatisfy { abs($0 - choice) >= 14 }
      }
      guard let line = choices.first else { continue }
      taken.append(line)
      let cut = TextMetrics.beginning(mark.label, 0.8 * frame.width, size: 11)
      text(
        cut, frame.right - 4, line,
        "text-anchor=\"end\" font-size=\"11\" data-y=\"\(n((1 - place(at)) * 2000))\" paint-order=\"stroke\" "
          + "stroke=\"\(Palette.paper.light)\" stroke-width=\"3\"",
        whole: cut == mark.label ? nil : mark.label)
    }
  }
}
