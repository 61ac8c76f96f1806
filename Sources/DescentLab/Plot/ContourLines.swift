/// The outlines of what lies at or above a level, by marching squares.
///
/// The values are surrounded by a ring below any level that takes no room, so every outline is
/// closed: it can be filled, even and odd.
package struct ContourLines {
  private let surface: ContourChart.Surface

  package init(_ surface: ContourChart.Surface) { self.surface = surface }

  /// The outlines, in columns and rows of the values.
  package func loops(at level: Double) -> [[(x: Double, y: Double)]] {
    let (columns, rows) = (surface.columns, surface.rows)
    // Corners run from −1 to the count: the ring is among them.
    let width = columns + 2
    func value(_ i: Int, _ j: Int) -> Double? {
      guard i >= 0, j >= 0, i < columns, j < rows else { return nil }
      let v = surface.values[j * columns + i]
      return v.isNaN ? .infinity : v
    }
    func isAbove(_ i: Int, _ j: Int) -> Bool { value(i, j).map { $0 >= level } ?? false }
    // An edge is the corner that it starts from, to the right (even) or downwards (odd).
    func edge(_ i: Int, _ j: Int, down: Bool) -> Int {
      2 * ((j + 1) * width + i + 1) + (down ? 1 : 0)
    }

    var next: [Int: Int] = [:]
    for j in -1..<rows {
      for i in -1..<columns {
        let corners = [
          isAbove(i, j), isAbove(i + 1, j), isAbove(i + 1, j + 1), isAbove(i, j + 1),
        ]
        if corners == [true, true, true, true] || !corners.contains(true) { continue }
        let edges = [
          edge(i, j, down: false), edge(i + 1, j, down: true), edge(i, j + 1, down: false),
          edge(i, j, down: true),
        ]
        // Around the cell: where it comes up to the level, and where it falls below.
        let ups = (0..<4).filter { !corners[$0] && corners[($0 + 1) % 4] }
        let downs = (0..<4).filter { corners[$0] && !corners[($0 + 1) % 4] }
        if ups.count == 1 {
          next[edges[ups[0]]] = edges[downs[0]]
          continue
        }
        // Two corners across from each other: the middle decides whether they hang together.
        let all = [value(i, j), value(i + 1, j), value(i + 1, j + 1), value(i, j + 1)]
        let middle = all.reduce(0) { $0 + ($1 ?? -.infinity) / 4 }
        for up in ups { next[edges[up]] = edges[(up + (middle >= level ? 3 : 1)) % 4] }
      }
    }

    func place(_ edge: Int) -> (x: Double, y: Double) {
      let (corner, down) = (edge / 2, edge % 2 == 1)
      let (i, j) = (corner % width - 1, corner / width - 1)
      let (a, b) = (value(i, j), value(i + (down ? 0 : 1), j + (down ? 1 : 0)))
      var share = 0.5
      if let a, let b, a.isFinite, b.isFinite { share = min(1, max(0, (level - a) / (b - a))) }
      let (x, y) = (Double(i) + (down ? 0 : share), Double(j) + (down ? share : 0))
      return (min(max(x, 0), Double(columns - 1)), min(max(y, 0), Double(rows - 1)))
    }
    var loops: [[(x: Double, y: Double)]] = []
    for start in next.keys.sorted() {
      guard var edge = next.removeValue(forKey: start) else { continue }
      var loop = [place(start)]
      while edge != start {
        loop.append(place(edge))
        guard let following = next.removeValue(forKey: edge) else { break }
        edge = following
      }
      loops.append(loop)
    }
    return loops
  }

  /// The outlines as an SVG path of whole units, in a drawing of `width` by `height` units; points
  /// that lie nearly on a straight line are left out.
  func path(at level: Double, width: Double, height: Double) -> String {
    let scale = (x: width / Double(surface.columns - 1), y: height / Double(surface.rows - 1))
    return loops(at: level).map { loop in
      var points: [(x: Int, y: Int)] = []
      for at in loop {
        let p = (x: Int((at.x * scale.x).rounded()), y: Int((at.y * scale.y).rounded()))
        if let last = points.last, last == p { continue }
        while points.count > 1,
          Self.isStraight(points[points.count - 2], points[points.count - 1], p)
        {
          points.removeLast()
        }
        points.append(p)
      }
      guard points.count > 2 else { return "" }
      var text = "M\(points[0].x) \(points[0].y)l"
      for (a, b) in zip(points, points.dropFirst()) {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        if !text.hasSuffix("l"), dx >= 0 { text += " " }
        text += "\(dx)\(dy < 0 ? "" : " ")\(dy)"
      }
      return text + "z"
    }.joined()
  }

  /// Whether the middle of three points is less than a unit and a half off the line through the
  /// others, and between them.
  private static func isStraight(
    _ a: (x: Int, y: Int), _ b: (x: Int, y: Int), _ c: (x: Int, y: Int)
  ) -> Bool {
    let (x, y) = (c.x - a.x, c.y - a.y)
    let (u, v) = (b.x - a.x, b.y - a.y)
    let cross = Double(x * v - y * u)
    let length = Double(x * x + y * y).squareRoot()
    let along = x * u + y * v
    return abs(cross) <= 1.5 * length && along >= 0 && along <= x * x + y * y && length < 120
  }
}
