/// Heat maps: a picture of cells, names of rows, and what the colours mean.
extension Drawing {
  /// What the names of the rows need.
  func rowWidth(_ map: HeatMap) -> Double {
    let widest = map.rows.map { TextMetrics.width($0, size: 11) }.max() ?? 0
    return min(widest, 0.36 * width)
  }

  mutating func draw(_ map: HeatMap, number: Int, top: Double) -> Double {
    var head = titles(map.title, map.subtitle, top: top)
    let foot = foot(map.x)
    var frame = Frame(left: left, right: right, top: 0, bottom: 0)
    guard let limits = map.limits, !map.rows.isEmpty else {
      frame.top = head + 6
      frame.bottom = isFile ? top + fileHeight - foot : frame.top + 120
      nothing(frame)
      horizontalLabel(map.x.label, frame)
      return frame.bottom + foot
    }
    head = colors(map, limits, top: head)
    frame.top = head + 4
    let wanted = min(420, max(48, 16 * Double(map.rows.count)))
    frame.bottom = isFile ? max(top + fileHeight - foot, frame.top + 40) : frame.top + wanted

    // Names, as many as there is room for.
    let each = frame.height / Double(map.rows.count)
    let every = max(1, Int((13 / each).rounded(.up)))
    for index in stride(from: 0, to: map.rows.count, by: every) {
      let name = TextMetrics.ends(map.rows[index], frame.left - edge - 8, size: 11)
      let middle = frame.top + (Double(index) + 0.5) * each
      guard middle + 4 <= frame.bottom + 4 else { continue }
      text(
        name, frame.left - 8, max(middle + 4, frame.top + 8),
        "text-anchor=\"end\" font-size=\"11\"",
        whole: name == map.rows[index] ? nil : map.rows[index])
    }
    let range = map.range
    add("<g class=\"ticks\">")
    horizontal(map.x, range, frame)
    add("</g>")
    horizontalLabel(map.x.label, frame)

    let log = map.x.scale == .logarithmic ? " log" : ""
    let scale =
      switch map.scale {
      case .logarithmic: " log"
      default: ""
      }
    open(
      frame,
      " data-x=\"\(range.lowerBound) \(range.upperBound)\(log)\" data-axis=\"\(map.x.label.escaped)\""
        + " data-heat=\"\(limits.lowerBound) \(limits.upperBound)\(scale)\""
        + (medium == .wide
          ? " data-label=\"\(map.label.escaped)\" data-rows=\"\(map.rows.joined(separator: "\n").escaped)\""
          : ""),
      number: number)
    if medium != .narrow {
      let units = units(frame)
      let grid = map.grid(columns: 480, rows: 420)
      let (w, h) = (n(units.x), n(units.y))
      add("<path d=\"M0 0H\(w)V\(h)H0z\" fill=\"\(Palette.grid.light)\"/>")
      add(
        "<image width=\"\(w)\" height=\"\(h)\" preserveAspectRatio=\"none\" "
          + "style=\"image-rendering:pixelated\" href=\"\(picture(grid, map, limits))\"/>")
    }
    close()
    return frame.bottom + foot
  }

  private func picture(
    _ grid: HeatMap.Grid, _ map: HeatMap, _ limits: ClosedRange<Double>
  ) -> String {
    let log = map.scale == .logarithmic
    let place = Placement(limits, log ? .logarithmic : .linear)
    // The last colour is none at all.
    let pixels = grid.cells.map { value -> UInt8 in
      value.isNaN ? 255 : UInt8((min(1, max(0, place(value))) * 254).rounded())
    }
    var colors: [UInt8] = []
    for index in 0..<255 { colors += map.ramp[Double(index) / 254] }
    colors += [128, 128, 128]
    return PNG.indexed(width: grid.columns, height: grid.rows, pixels, colors, clear: 255).dataURL
  }

  /// A strip of the colours with the values that they stand for; returns where it ends.
  private mutating func colors(
    _ map: HeatMap, _ limits: ClosedRange<Double>, top: Double
  ) -> Double {
    let log = map.scale == .logarithmic
    var line = top
    if !map.label.isEmpty {
      let label = TextMetrics.beginning(map.label, right - edge, size: 11)
      text(
        label, edge, line + 12, "font-size=\"11\" fill=\"\(Palette.detail.light)\"",
        whole: label == map.label ? nil : map.label)
      line += 16
    }
    var shown: [UInt8] = []
    for index in 0..<128 { shown += map.ramp[Double(index) / 127] }
    let strip = PNG.indexed(width: 128, height: 1, Array(0..<128), shown, clear: nil)
    let length = min(240, right - edge - 110)
    let x = edge + 12
    add(
      "<image x=\"\(n(x))\" y=\"\(n(line + 4))\" width=\"\(n(length))\" height=\"10\" "
        + "preserveAspectRatio=\"none\" href=\"\(strip.dataURL)\"/>")
    let scale: Axis.Scale = log ? .logarithmic : .linear
    let ticks = Ticks(limits, scale, count: 4)
    let place = Placement(limits, scale)
    var values = Array(zip(ticks.values, ticks.labels))
    if values.count < 2 {
      values = [
        (limits.lowerBound, Ticks.short(limits.lowerBound, digits: 3)),
        (limits.upperBound, Ticks.short(limits.upperBound, digits: 3)),
      ]
    }
    var free = -Double.infinity
    for (value, label) in values {
      let half = TextMetrics.width(label, size: 11) / 2
      let at = x + min(1, max(0, place(value))) * length
      let middle = max(at, edge + half)
      guard middle - half > free else { continue }
      rule(at, line + 14, at, line + 18, Palette.frame.light)
      text(label, middle, line + 29, "text-anchor=\"middle\" font-size=\"11\"")
      free = middle + half + 6
    }
    let gaps = map.values.contains { row in
      row.count < map.columns.count || row.contains { !map.shows($0) }
    }
    if gaps || map.values.count < map.rows.count {
      let at = x + length + 16
      add(
        "<path d=\"M\(n(at)) \(n(line + 4))h10v10h-10z\" fill=\"\(Palette.grid.light)\" "
          + "stroke=\"\(Palette.frame.light)\"/>")
      text("no value", at + 15, line + 13, "font-size=\"11\"")
    }
    return line + 36
  }
}
