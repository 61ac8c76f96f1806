extension Document {
  /// The document as one HTML page that needs nothing else and fetches nothing. It follows the
  /// reader's choice of light or dark, fits a phone, and prints in black on white. Where scripts run,
  /// figures show their values under the pointer, can be zoomed, and hide lines by their legends;
  /// where none do, everything else is the same.
  public func html() -> String {
    let fragment = htmlFragment()
    var script = fragment.contains("class=\"frame\"") ? "<script>\n\(Self.script)\n</script>\n" : ""
    if fragment.contains("class=\"motion\"") {
      script += "<script>\n\(MotionScript.source)\n</script>\n"
    }
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
      style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>\(title.escaped)</title>
      <style>
      \(Self.style)</style>
      </head>
      <body>
      <main>
      \(fragment)</main>
      \(script)</body>
      </html>

      """
  }

  /// The style sheet of ``html()``, for a page of another kind around ``htmlFragment()``.
  public static var style: String { PageStyle.css }

  /// The script of ``html()``, for a page of another kind. It prepares the figures that are there
  /// when it runs; after a part of the page was replaced, `descentFigures(part)` prepares those in
  /// it. What is zoomed and hidden stays so.
  public static var script: String { FigureScript.source }

  /// What stands between the `main` tags of ``html()``, for a page with a style of its own.
  public func htmlFragment() -> String {
    var writer = HTMLWriter()
    if !title.isEmpty { writer.add("<h1>\(title.escaped)</h1>") }
    writer.addContents(blocks)
    writer.add(blocks, level: 2)
    return writer.lines.map { $0 + "\n" }.joined()
  }
}

private struct HTMLWriter {
  var lines: [String] = []
  /// How many figures there are so far: names of their parts must differ.
  private var figures = 0
  /// The contours that are drawn so far, by their names.
  private var surfaces: [ContourChart.Surface: String] = [:]

  mutating func add(_ line: String) { lines.append(line) }

  /// Links to the sections of a page that has several.
  mutating func addContents(_ blocks: [Document.Block]) {
    let sections = blocks.flatMap { block -> [Section] in
      switch block {
      case .section(let section, _): [section]
      case .sections(let sections, _): sections
      default: []
      }
    }.filter { !$0.isEmpty }
    guard sections.count > 2 else { return }
    add("<nav id=\"contents\" aria-label=\"Contents\"><ul>")
    for section in sections {
      add("<li><a href=\"#\(section.id.escaped)\">\(section.title.escaped)</a></li>")
    }
    add("</ul></nav>")
  }

  mutating func add(_ blocks: [Document.Block], level: Int) {
    for block in blocks { add(block, level: level) }
  }

  private mutating func add(_ block: Document.Block, level: Int) {
    if block.isEmpty { return }
    switch block {
    case .paragraph(let text, _):
      add("<p>\(text.marked.replacing("\n", with: "<br>\n"))</p>")
    case .preformatted(let text, _): add("<pre>\(text.inParts)</pre>")
    case .list(let items, let style, _):
      add("<ul class=\"\(style)\">")
      for item in items { add("<li>\(item.marked)</li>") }
      add("</ul>")
    case .facts(let facts):
      add("<dl>")
      for fact in facts {
        add("<dt>\(fact.label.escaped)</dt><dd>\(link(fact.value, fact.text))</dd>")
      }
      add("</dl>")
    case .table(let table): add(table)
    case .figures(let all, _):
      add("<div class=\"figures\">")
      for figure in all {
        figures += 1
        let (wide, narrow) = figure.pageSVG(names: "figure\(figures)-", surfaces: &surfaces)
        add("<figure>")
        add(wide + narrow)
        if !figure.caption.isEmpty { add("<figcaption>\(figure.caption.escaped)</figcaption>") }
        add("</figure>")
      }
      add("</div>")
    case .motion(let motion): add(motion)
    case .pictures(let pictures, _):
      add("<div class=\"pictures\">")
      for picture in pictures {
        // Pixels are to be seen; those of a grid of images as well as those of one.
        let width = picture.width * max(1, (picture.width > 32 ? 400 : 64) / max(1, picture.width))
        let size = " width=\"\(width)\""
        add(
          "<figure><img alt=\"\(picture.label.escaped)\"\(size) src=\"\(picture.dataURL)\">"
            + "<figcaption>\(picture.label.escaped)</figcaption></figure>")
      }
      add("</div>")
    case .film(let film, _): lines += film.html
    case .section(let section, _): add(section, level)
    case .sections(let sections, _): for section in sections { add(section, level) }
    case .data: break
    }
  }

  private mutating func add(_ motion: Motion) {
    add("<div class=\"motion\" \(motion.attributes)>")
    add("<div class=\"controls\" hidden></div>")
    add("<div class=\"panels\">")
    for chart in motion.charts {
      figures += 1
      let figure = Figure([.contour(chart)])
      add("<figure>\(figure.panelSVG(names: "figure\(figures)-", surfaces: &surfaces))</figure>")
    }
    add("</div></div>")
  }

  private mutating func add(_ section: Section, _ level: Int) {
    if section.isEmpty { return }
    let heading = "h\(min(level, 6))"
    add("<section id=\"\(section.id.escaped)\">")
    let title = "<\(heading)>\(section.title.escaped)</\(heading)>"
    add(section.isFolded ? "<details><summary>\(title)</summary>" : title)
    add(section.blocks, level: level + 1)
    if section.isFolded { add("</details>") }
    add("</section>")
  }

  private mutating func add(_ table: Table) {
    guard !table.rows.isEmpty else { return add("<p>\(table.empty.escaped)</p>") }
    let (columns, rows) = table.visible
    let sides = columns.map { $0.alignment == .right ? " class=\"right\"" : "" }
    add("<div class=\"wide\"><table>")
    if !table.caption.isEmpty { add("<caption>\(table.caption.escaped)</caption>") }
    if columns.contains(where: { !$0.heading.isEmpty }) {
      let cells = zip(columns, sides).map { column, side in
        let text = column.heading.escaped
        // Keys of metrics may be parted, so that no heading is wider than its numbers.
        let parted =
          side.isEmpty ? text : text.replacing(/[_.](?=[a-z])/) { "\($0.output)<wbr>" }
        return "<th scope=\"col\"\(side)>\(parted)</th>"
      }
      add("<thead><tr>\(cells.joined())</tr></thead>")
    }
    add("<tbody>")
    for row in rows {
      let cells = zip(zip(row, columns), sides).map { cell, side in
        let text = cell.0.text(cell.1.style)
        let kind = side.isEmpty && text.count > Self.longest ? " class=\"long\"" : side
        // What is known of a number stands below it, so that columns stay narrow.
        if case .text = cell.0, !side.isEmpty, let place = text.firstRange(of: " ("),
          text.last == ")"
        {
          let under = text[place.lowerBound...].dropFirst()
          return "<td\(kind)>\(String(text[..<place.lowerBound]).marked)"
            + "<span class=\"under\"> \(String(under).marked)</span></td>"
        }
        return "<td\(kind)>\(link(cell.0, text))</td>"
      }
      add("<tr>\(cells.joined())</tr>")
    }
    add("</tbody></table></div>")
    addKeys(rows)
  }

  /// What the colours of bars are.
  private mutating func addKeys(_ rows: [[Table.Cell]]) {
    var parts: [Table.Part] = []
    for case .bar(let all) in rows.joined() {
      parts += all.filter { part in !parts.contains { $0.name == part.name } }
    }
    if parts.isEmpty { return }
    let keys = parts.map { part in
      "<span class=\"key\"><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect width=\"10\" "
        + "height=\"10\" fill=\"\(part.fill)\"/></svg> \(part.name.escaped)</span>"
    }
    add("<p>\(keys.joined(separator: " "))</p>")
  }

  private func bar(_ parts: [Table.Part]) -> String {
    var (rectangles, x) = ("", 0.0)
    for part in parts {
      let width = 100 * part.share
      rectangles +=
        "<rect x=\"\(short(x, 5))\" width=\"\(short(width, 5))\" height=\"8\" "
        + "fill=\"\(part.fill)\"/>"
      x += width
    }
    let label = parts.map { "\($0.name) \(percent($0.share, 0))" }.joined(separator: ", ")
    return "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" role=\"img\" "
      + "aria-label=\"\(label.escaped)\"><title>\(label.escaped)</title>\(rectangles)</svg>"
  }

  /// From how many characters on a cell is wrapped on a phone.
  private static let longest = 32

  /// The text of a cell, with a link where it is one.
  private func link(_ cell: Table.Cell, _ text: String) -> String {
    if case .bar(let parts) = cell { return bar(parts) }
    if case .verdict(_, let verdict) = cell {
      return "<span class=\"\(verdict.rawValue)\">\(text.escaped)</span>"
    }
    guard case .link(_, let id) = cell else {
      // Numbers are not wrapped at all.
      if case .text = cell { return text.marked }
      return text.escaped
    }
    return "<a href=\"#\(id.escaped)\">\(text.escaped)</a>"
  }
}

extension Table.Part {
  fileprivate var fill: String { Palette.series[color % Palette.series.count].light }
}

extension String {
  /// The text for HTML, with marks around what no line break may part: `--ranks N`, `1e-07`, `28 GB`.
  fileprivate var marked: String {
    let isPlain = !contains("--") && !contains { $0.isNumber }
    return isPlain
      ? escaped
      : escaped.replacing(
        /--[a-z][-a-z0-9]*(?: [A-Z]+\b| \d+\b)?|[-−]?\d[\d.]*e[-−]\d+|\d[\d.,]* (?:[KMGT]i?B\b|%)/
      ) { "<span class=\"one\">\($0.output)</span>" }
  }

  /// Lines of formulas for HTML: what stands behind a semicolon or a wide gap is marked, since it has
  /// a line of its own on a phone.
  fileprivate var inParts: String {
    guard contains("--") || contains(";  ") || contains("   ") else { return escaped }
    let lines = split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().map { number, line in
      let indent = line.prefix { $0 == " " }
      let rest = String(line.dropFirst(indent.count)).marked.replacing(/(;  +|   +)(?=[^ ])/) {
        "\($0.output.1)\u{0}"
      }
      let parts = rest.split(separator: "\u{0}", omittingEmptySubsequences: false)
      // A line break behind a part would be an empty line where parts are lines.
      let end = number < lines.count - 1 ? "\n" : ""
      let others = parts.dropFirst().enumerated().map { index, part in
        "<span class=\"part\">\(part)\(index == parts.count - 2 ? end : "")</span>"
      }
      return "\(indent)\(parts.first ?? "")\(others.joined())\(others.isEmpty ? end : "")"
    }.joined()
  }

  /// The text as it stands in HTML and SVG, between tags or quotes.
  package var escaped: String {
    let isAllowed = { (byte: UInt8) in byte >= 0x20 && byte != 0x7F || byte == 0x0A || byte == 0x09
    }
    if !utf8.allSatisfy(isAllowed) {
      // XML has no characters for these.
      let bytes = utf8.flatMap { isAllowed($0) ? [$0] : Array("\u{FFFD}".utf8) }
      return String(decoding: bytes, as: UTF8.self).escaped
    }
    return replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }
}
