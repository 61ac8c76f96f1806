extension Document {
  /// The document as lines of text.
  ///
  /// - Parameters:
  ///   - width: the columns of the terminal. Prose and tables are wrapped to it, except lines and
  ///     columns that cannot be; without a limit only figures are cut to 78.
  ///   - isColored: whether the terminal shows headings in bold and lines of figures in colours.
  ///   - isSpaced: whether blocks stand an empty line apart.
  public func text(
    width: Int = .max, isColored: Bool = false, isSpaced: Bool = true
  ) -> String {
    let writer = TextWriter(isColored: isColored, isSpaced: isSpaced)
    let body = writer.lines(blocks, max(20, width))
    let head = title.isEmpty ? [] : title.wrapped(to: max(20, width)).map(writer.bold)
    let gap = isSpaced && !head.isEmpty && !body.isEmpty ? [""] : []
    return (head + gap + body).map { $0 + "\n" }.joined()
  }
}

private struct TextWriter {
  let isColored: Bool
  let isSpaced: Bool

  func bold(_ text: String) -> String { Terminal.bold(text, isColored) }

  func lines(_ blocks: [Document.Block], _ width: Int) -> [String] {
    spaced(blocks.map { lines($0, width) })
  }

  private func spaced(_ parts: [[String]]) -> [String] {
    Array(parts.filter { !$0.isEmpty }.joined(separator: isSpaced ? [""] : []))
  }

  private func lines(_ block: Document.Block, _ width: Int) -> [String] {
    switch block {
    case .paragraph(let text, _): return text.isEmpty ? [] : text.wrapped(to: width)
    case .preformatted(let text, _):
      return text.isEmpty
        ? [] : indented(text.split(separator: "\n", omittingEmptySubsequences: false), by: 4)
    case .list(let items, let style, _):
      return items.flatMap { hanging(after: style.prefix, $0, width) }
    case .facts(let facts):
      let labels = (facts.map(\.label.columns).max() ?? 0) + 2
      return facts.flatMap { hanging(after: $0.label.padded(to: labels), $0.text, width) }
    case .table(let table): return lines(table, width)
    case .figures(let figures, _):
      return spaced(
        figures.map { figure in
          let drawing = figure.text(columns: min(width, 78), rows: 12, colored: isColored)
          return drawing.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init) + (figure.caption.isEmpty ? [] : figure.caption.wrapped(to: width))
        })
    case .motion(let motion): return motion.lines(min(width, 120), isColored)
    case .pictures(let pictures, _):
      return spaced(
        pictures.map { picture in
          picture.lines(columns: min(width, 64), isColored: isColored)
            + (picture.label.isEmpty ? [] : picture.label.wrapped(to: width))
        })
    case .film(let film, _): return film.text.wrapped(to: width)
    case .section(let section, _): return lines(section, width)
    case .sections(let sections, _): return spaced(sections.map { lines($0, width) })
    case .data: return []
    }
  }

  private func lines(_ section: Section, _ width: Int) -> [String] {
    let body = lines(section.blocks, max(20, width - 2))
    return body.isEmpty ? [] : section.title.wrapped(to: width).map(bold) + indented(body, by: 2)
  }

  private func lines(_ table: Table, _ width: Int) -> [String] {
    if table.rows.isEmpty { return table.empty.isEmpty ? [] : [table.empty] }
    let (shown, cells) = table.visible
    let rows = cells.map { row in zip(row, shown).map { $0.text($1.style) } }
    let head = shown.map(\.heading)
    let hasHead = head.contains { !$0.isEmpty }
    let all = hasHead ? [head] + rows : rows
    let columns = TextColumns(shown.map(\.alignment), fitting: all, width: width)
    let caption = table.caption.isEmpty ? [] : table.caption.wrapped(to: width)
    return caption + (hasHead ? columns.lines(head).map(bold) : []) + rows.flatMap(columns.lines)
  }

  private func indented<Text: StringProtocol>(_ lines: [Text], by count: Int) -> [String] {
    lines.map { $0.isEmpty ? "" : String(repeating: " ", count: count) + $0 }
  }

  /// A text beside what stands before its first line.
  private func hanging(after prefix: String, _ text: String, _ width: Int) -> [String] {
    let lines = text.wrapped(to: max(10, width - prefix.columns))
    return lines.enumerated().map {
      ($0 == 0 ? prefix : String(repeating: " ", count: prefix.columns)) + $1
    }
  }
}

extension Document.ListStyle {
  fileprivate var prefix: String {
    switch self {
    case .bullets: "- "
    case .notes: "note: "
    case .warnings: "warning: "
    }
  }
}
