import Foundation

extension Figure {
  /// The figure as lines of text, drawn in braille dots.
  ///
  /// - Parameters:
  ///   - columns: the width in characters, at least 30.
  ///   - rows: the height of each chart's frame in lines, at least 3.
  ///   - colored: whether lines are told apart by the terminal's colours; otherwise several lines
  ///     are drawn in letters.
  public func text(columns: Int = 80, rows: Int = 16, colored: Bool = false) -> String {
    charts.map { $0.lines(max(30, columns), max(3, rows), colored).joined(separator: "\n") }
      .joined(separator: "\n\n") + "\n"
  }
}

/// The terminal's colours in the order of ``Palette/series``.
private let terminalColors = [34, 31, 32, 35, 33, 36, 39]
/// What marks the lines where there are no colours.
private let letters: [Character] = ["•", "+", "x", "o", "*", "#", "~"]

extension LineChart {
  fileprivate func lines(_ columns: Int, _ rows: Int, _ colored: Bool) -> [String] {
    let xRange = range(x, \.x, isVertical: false)
    let yRange = range(y, \.y, isVertical: true)
    let yTicks = Ticks(yRange, y.scale, count: max(2, rows / 4))
    let gutter = (yTicks.labels.map(\.count).max() ?? 0) + 1
    let width = columns - gutter - 2
    let (xAt, yAt) = (Placement(xRange, x.scale), Placement(yRange, y.scale))
    var canvas = Canvas(columns: width, rows: rows)

    for (index, series) in series.enumerated() {
      var previous: (x: Int, y: Int)?
      for point in series.points {
        guard x.shows(point.x), y.shows(point.y) else {
          previous = nil
          continue
        }
        let dot = canvas.dot(xAt(point.x), yAt(point.y))
        canvas.line(from: previous ?? dot, to: dot, series: index)
        previous = dot
      }
    }

    var result: [String] = []
    if !title.isEmpty { result.append(title) }
    if !subtitle.isEmpty {
      result.append(subtitle.count <= columns ? subtitle : subtitle.prefix(columns - 1) + "…")
    }
    if series.count > 1 {
      let names = series.enumerated().map { index, series in
        "\(Self.paint(colored ? "━━" : String(letters[index % letters.count]), index, colored)) "
          + series.name
      }
      result.append(String(repeating: " ", count: gutter + 1) + names.joined(separator: "   "))
    }
    if !y.label.isEmpty, y.label != title { result.append(y.label) }

    let upright = marks.compactMap { mark -> Int? in
      guard case .x(let at) = mark.place, xRange.contains(at), x.shows(at) else { return nil }
      return canvas.cell(xAt(at))
    }
    let level = marks.compactMap { mark -> Int? in
      guard case .y(let at) = mark.place, yRange.contains(at), y.shows(at) else { return nil }
      return rows - 1 - canvas.row(yAt(at))
    }
    let labels = Dictionary(
      zip(yTicks.values, yTicks.labels).map { (rows - 1 - canvas.row(yAt($0)), $1) },
      uniquingKeysWith: { first, _ in first })
    for row in 0..<rows {
      let label = labels[row] ?? ""
      var line = String(repeating: " ", count: gutter - label.count) + label
      line += label.isEmpty ? "│" : "┤"
      // Characters of one line that stand side by side get their colour once.
      var (run, painter) = ("", Int?.none)
      func finish() {
        line += painter.map { Self.paint(run, $0, colored) } ?? run
        run = ""
      }
      for column in 0..<width {
        let cell = canvas[column, row]
        if cell?.owner != painter {
          finish()
          painter = cell?.owner
        }
        if let (dots, owner) = cell {
          run.append(colored || series.count == 1 ? dots : letters[owner % letters.count])
        } else {
          run.append(level.contains(row) ? "┈" : upright.contains(column) ? "┊" : " ")
        }
      }
      finish()
      result.append(Self.trimmed(line))
    }
    result += horizontal(xRange, xAt, canvas, gutter)
    for band in bands { result.append("━ \(band.label)") }
    for mark in marks where !mark.label.isEmpty {
      switch mark.place {
      case .x(let at): result.append("┊ \(mark.label): \(Ticks.short(at))")
      case .y(let at): result.append("┈ \(mark.label): \(Ticks.short(at))")
      }
    }
    return result
  }

  /// The horizontal axis and its labels.
  private func horizontal(
    _ range: ClosedRange<Double>, _ at: Placement, _ canvas: Canvas, _ gutter: Int
  ) -> [String] {
    let ticks = Ticks(range, x.scale, count: max(2, canvas.columns / 12))
    var axis = Array(repeating: Character("─"), count: canvas.columns)
    var below = Array(repeating: Character(" "), count: gutter + canvas.columns + 2)
    for band in bands {
      let (a, b) = (at(band.range.lowerBound), at(band.range.upperBound))
      guard b >= 0, a <= 1, a < b else { continue }
      for column in canvas.cell(a)...canvas.cell(b) { axis[column] = "━" }
    }
    var free = 0
    for (value, label) in zip(ticks.values, ticks.labels) {
      let column = canvas.cell(at(value))
      axis[column] = axis[column] == "━" ? "┯" : "┬"
      let start = min(max(0, gutter + 1 + column - label.count / 2), below.count - label.count)
      guard start >= free else { continue }
      for (offset, character) in label.enumerated() { below[start + offset] = character }
      free = start + label.count + 1
    }
    var lines = [
      String(repeating: " ", count: gutter) + "└" + String(axis), Self.trimmed(String(below)),
    ]
    if !x.label.isEmpty {
      let start = gutter + 1 + max(0, (canvas.columns - x.label.count) / 2)
      lines.append(String(repeating: " ", count: start) + x.label)
    }
    return lines
  }

  private static func paint(_ text: String, _ series: Int, _ colored: Bool) -> String {
    colored ? "\u{1B}[\(terminalColors[series % terminalColors.count])m\(text)\u{1B}[0m" : text
  }

  private static func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }
}

/// Dots, two by four to a character.
private struct Canvas {
  let columns: Int
  let rows: Int
  private var dots: [UInt8]
  /// The lines that pass through each character, a bit each.
  private var owners: [UInt64]

  init(columns: Int, rows: Int) {
    (self.columns, self.rows) = (columns, rows)
    dots = Array(repeating: 0, count: columns * rows)
    owners = Array(repeating: 0, count: columns * rows)
  }

  /// The dot at a place between 0 and 1 on both axes; others lie outside the canvas.
  func dot(_ x: Double, _ y: Double) -> (x: Int, y: Int) {
    func place(_ share: Double, _ count: Int) -> Int {
      Int((min(max(share, -1), 2) * Double(count - 1)).rounded())
    }
    return (place(x, 2 * columns), 4 * rows - 1 - place(y, 4 * rows))
  }

  /// The column of characters at a place between 0 and 1.
  func cell(_ x: Double) -> Int { min(max(dot(x, 0).x / 2, 0), columns - 1) }
  /// The row of characters from the bottom.
  func row(_ y: Double) -> Int { rows - 1 - min(max(dot(0, y).y / 4, 0), rows - 1) }

  /// The dots of a character and the line that it is drawn for: where several pass, each in turn.
  subscript(column: Int, row: Int) -> (dots: Character, owner: Int)? {
    let index = row * columns + column
    guard dots[index] != 0, let scalar = Unicode.Scalar(0x2800 + UInt32(dots[index])) else {
      return nil
    }
    let all = (0..<UInt64.bitWidth).filter { owners[index] >> $0 & 1 == 1 }
    return (Character(scalar), all[column / 2 % all.count])
  }

  /// Sets the dots between two dots.
  mutating func line(from a: (x: Int, y: Int), to b: (x: Int, y: Int), series: Int) {
    let steps = max(abs(b.x - a.x), abs(b.y - a.y), 1)
    for step in 0...steps {
      let share = Double(step) / Double(steps)
      set(
        a.x + Int((share * Double(b.x - a.x)).rounded()),
        a.y + Int((share * Double(b.y - a.y)).rounded()), series)
    }
  }

  private mutating func set(_ x: Int, _ y: Int, _ series: Int) {
    guard x >= 0, y >= 0, x < 2 * columns, y < 4 * rows else { return }
    // The order of the dots in a braille character.
    let bits: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    let index = y / 4 * columns + x / 2
    dots[index] |= bits[y % 4][x % 2]
    owners[index] |= 1 << UInt64(series % UInt64.bitWidth)
  }
}
