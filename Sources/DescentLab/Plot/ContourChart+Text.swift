/// Contour charts in a terminal: shades, dots where the path goes, and letters at its ends.
extension ContourChart {
  /// The chart in lines.
  func lines(_ columns: Int, _ rows: Int, _ colored: Bool) -> [String] {
    var result = Terminal.titles(title, subtitle, columns)
    let width = max(8, columns - 1)
    var canvas = BrailleCanvas(columns: width, rows: rows)
    let (x, y) = places
    var ends: [[Int]: (sign: Character, color: Int?)] = [:]
    func cell(_ point: Point) -> [Int]? {
      let (u, v) = (x(point.x), y(point.y))
      guard (0...1).contains(u), (0...1).contains(v) else { return nil }
      return [canvas.cell(u), rows - 1 - canvas.row(v)]
    }
    for spot in spots { if let at = cell(spot.place) { ends[at] = ("×", nil) } }
    for (index, path) in paths.enumerated() {
      var previous: (x: Int, y: Int)?
      for point in path.points {
        guard point.x.isFinite, point.y.isFinite else {
          previous = nil
          continue
        }
        let dot = canvas.dot(x(point.x), y(point.y))
        canvas.line(from: previous ?? dot, to: dot, series: index)
        previous = dot
      }
      let color = path.color ?? index
      if let at = path.points.first.flatMap(cell) { ends[at] = ("o", color) }
      if path.points.count > 1, let at = path.points.last.flatMap(cell) { ends[at] = ("●", color) }
    }
    let shades: [Character] = [" ", "░", "▒", "▓"]
    let most = max(1, surface.levels.count)
    for row in 0..<rows {
      var line = ""
      for column in 0..<width {
        if let (sign, color) = ends[[column, row]] {
          line += color.map { Terminal.paint(String(sign), $0, colored) } ?? String(sign)
        } else if let (dots, owner) = canvas[column, row] {
          line += Terminal.paint(String(dots), paths[owner % paths.count].color ?? owner, colored)
        } else {
          let band = surface.band(
            (Double(column) + 0.5) / Double(width), (Double(row) + 0.5) / Double(rows))
          line.append(shades[min(3, band * 4 / (most + 1))])
        }
      }
      result.append(Terminal.trimmed(line))
    }
    func range(_ name: String, _ range: ClosedRange<Double>) -> String {
      "\(name) \(Ticks.short(range.lowerBound)) to \(Ticks.short(range.upperBound))"
    }
    result.append(
      Terminal.cut("\(range(self.x, surface.x)), \(range(self.y, surface.y))", columns))
    return result
  }
}
