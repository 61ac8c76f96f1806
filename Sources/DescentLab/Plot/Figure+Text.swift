import Foundation

extension Figure {
  /// The figure as lines of text, drawn in braille dots, blocks and shades.
  ///
  /// - Parameters:
  ///   - columns: the width in characters, at least 30.
  ///   - rows: the height of each chart's frame in lines, at least 3.
  ///   - colored: whether lines are told apart by the terminal's colours; otherwise several lines
  ///     are drawn in letters.
  public func text(columns: Int = 80, rows: Int = 16, colored: Bool = false) -> String {
    let (columns, rows) = (max(30, columns), max(3, rows))
    return charts.map { chart in
      let lines =
        switch chart {
        case .lines(let chart): chart.lines(columns, rows, colored)
        case .heat(let map): map.lines(columns, colored)
        case .bars(let chart): chart.lines(columns, rows, colored)
        case .contour(let chart): chart.lines(columns, rows, colored)
        }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n\n") + "\n"
  }
}

/// What texts for a terminal are made of: colours, bars, what fits into a line.
enum Terminal {
  /// The terminal's colours in the order of ``Palette/series``.
  private static let colors = [34, 31, 32, 35, 33, 36, 39]
  /// What marks the lines where there are no colours.
  static let letters: [Character] = ["•", "+", "x", "o", "*", "#", "~"]

  static func paint(_ text: String, _ color: Int, _ colored: Bool) -> String {
    colored ? "\u{1B}[\(colors[color % colors.count])m\(text)\u{1B}[0m" : text
  }

  static func bold(_ text: String, _ isColored: Bool) -> String {
    isColored ? "\u{1B}[1m\(text)\u{1B}[0m" : text
  }

  /// A bar of so many columns, filled to a share from 0 to 1.
  static func bar(_ share: Double, _ width: Int) -> String {
    // A share of whole columns may lie a rounding below them.
    let filled = min(width, Int(Double(width) * min(1, max(0, share)) + 1e-9))
    return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
  }

  static func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }

  /// The beginning of a text that fits.
  static func cut(_ text: String, _ columns: Int) -> String {
    if text.columns <= columns { return text }
    var (kept, used) = ("", 1)
    for character in text {
      used += character.columns
      if used > columns { break }
      kept.append(character)
    }
    return kept + "…"
  }

  /// The lines above a chart.
  static func titles(_ title: String, _ subtitle: String, _ columns: Int) -> [String] {
    [title, subtitle].filter { !$0.isEmpty }.map { cut($0, columns) }
  }

  /// A legend in as many lines as it needs, at most four.
  static func legend(
    _ entries: [(sample: String, color: Int, name: String)], indent: Int, columns: Int,
    colored: Bool
  ) -> [String] {
    var (lines, used) = ([""], 0)
    for (index, entry) in entries.enumerated() {
      let name = cut(entry.name, max(8, columns - indent - entry.sample.columns - 1))
      let width = entry.sample.columns + 1 + name.columns
      if used > 0, indent + used + 3 + width > columns {
        if lines.count == 4 {
          lines.append("and \(entries.count - index) more")
          break
        }
        lines.append("")
        used = 0
      }
      lines[lines.count - 1] +=
        (used > 0 ? "   " : "") + "\(paint(entry.sample, entry.color, colored)) \(name)"
      used += (used > 0 ? 3 : 0) + width
    }
    return lines.map { String(repeating: " ", count: indent) + $0 }
  }
}

extension LineChart {
  fileprivate func lines(_ columns: Int, _ rows: Int, _ colored: Bool) -> [String] {
    var result = Terminal.titles(title, subtitle, columns)
    let letters = Terminal.letters
    let colors = self.colors
    let count = max(2, rows / 4)
    guard let ranges = ranges(ticks: (max(2, columns / 12), count)) else {
      return result + ["no finite values"]
    }
    let (xRange, yRange) = (ranges.x, ranges.y)
    let yTicks = Ticks(yRange, y.scale, count: count)
    let gutter = (yTicks.labels.map(\.columns).max() ?? 0) + 1
    let width = max(8, columns - gutter - 2)
    let (xAt, yAt) = (Placement(xRange, x.scale), Placement(yRange, y.scale))
    var canvas = BrailleCanvas(columns: width, rows: rows)

    for (index, series) in series.enumerated() {
      var previous: (x: Int, y: Int)?
      let kept = Thinning.kept(series.points, x: x, y: y, range: xRange, most: 8 * width)
      for at in kept {
        guard at >= 0 else {
          previous = nil
          continue
        }
        let point = series.points[at]
        let dot = canvas.dot(xAt(point.x), yAt(point.y))
        canvas.line(
          from: series.stroke == .dots ? dot : previous ?? dot, to: dot, series: index)
        previous = dot
      }
    }

    if series.count > 1 {
      let named = series.indices.filter { !series[$0].name.isEmpty }
      // Lines without any name need no legend.
      result +=
        named.isEmpty
        ? []
        : Terminal.legend(
          named.map {
            (colored ? "━━" : String(letters[$0 % letters.count]), colors[$0], series[$0].name)
          }, indent: gutter + 1, columns: columns, colored: colored)
    }
    if !y.label.isEmpty, y.label != title { result.append(Terminal.cut(y.label, columns)) }

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
        line += painter.map { Terminal.paint(run, colors[$0], colored) } ?? run
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
      result.append(Terminal.trimmed(line))
    }
    result += horizontal(xRange, xAt, canvas, gutter)
    for band in bands where !band.label.isEmpty { result.append("━ \(band.label)") }
    for mark in marks where !mark.label.isEmpty {
      switch mark.place {
      case .x(let at): result.append("┊ \(mark.label): \(Ticks.short(at))")
      case .y(let at): result.append("┈ \(mark.label): \(Ticks.short(at))")
      }
    }
    return result
  }

  /// The horizontal axis and its labels.
  func horizontal(
    _ range: ClosedRange<Double>, _ at: Placement, _ canvas: BrailleCanvas, _ gutter: Int
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
      String(repeating: " ", count: gutter) + "└" + String(axis), Terminal.trimmed(String(below)),
    ]
    if !x.label.isEmpty {
      let start = gutter + 1 + max(0, (canvas.columns - x.label.count) / 2)
      lines.append(String(repeating: " ", count: start) + x.label)
    }
    return lines
  }
}
