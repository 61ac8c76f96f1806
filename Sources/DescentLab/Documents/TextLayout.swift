/// What a terminal needs to know of a text: how wide it is, where it breaks.
extension Character {
  /// The columns that it takes: 2 for those of East Asian scripts and for emoji, 0 for marks that
  /// stand on others.
  var columns: Int {
    guard let scalar = unicodeScalars.first else { return 0 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    let isWide =
      scalar.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}")
      || Self.wide.contains { $0.contains(scalar.value) }
    return isWide ? 2 : 1
  }

  /// Wide and full-width characters (Unicode, annex 11).
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
    0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
  ]
}

extension StringProtocol {
  /// The columns that it takes in a terminal.
  package var columns: Int { reduce(0) { $0 + $1.columns } }

  /// The text with spaces up to a number of columns.
  func padded(to width: Int, _ alignment: Table.Column.Alignment = .left) -> String {
    let space = String(repeating: " ", count: Swift.max(0, width - columns))
    return alignment == .left ? self + space : space + self
  }

  /// The lines of the text, broken between words where they are wider than `width` columns, and
  /// inside of words that are.
  func wrapped(to width: Int) -> [String] {
    split(separator: "\n", omittingEmptySubsequences: false).flatMap { line -> [String] in
      if line.columns <= width { return [String(line)] }
      var (lines, last) = ([String](), "")
      for var word in line.split(separator: " ") {
        if !last.isEmpty, last.columns + 1 + word.columns <= width {
          last += " " + word
          continue
        }
        if !last.isEmpty { lines.append(last) }
        while word.columns > width {
          var (head, used) = (0, 0)
          for character in word where used + character.columns <= width {
            (head, used) = (head + 1, used + character.columns)
          }
          lines.append(String(word.prefix(Swift.max(1, head))))
          word = word.dropFirst(Swift.max(1, head))
        }
        last = String(word)
      }
      return lines + (last.isEmpty ? [] : [last])
    }
  }
}

/// Columns of text side by side, two spaces apart.
struct TextColumns {
  let alignments: [Table.Column.Alignment]
  let widths: [Int]

  /// Columns as wide as their cells; where that is more than `width`, columns of words are narrowed
  /// as far as no word of up to 24 columns breaks, the widest first.
  init(_ alignments: [Table.Column.Alignment], fitting rows: [[String]], width: Int) {
    var widths = alignments.indices.map { column in
      rows.map { $0[column].split(separator: "\n").map(\.columns).max() ?? 0 }.max() ?? 0
    }
    let narrowest = alignments.indices.map { column in
      let words = rows.flatMap { $0[column].split { $0 == " " || $0 == "\n" } }
      return max(12, min(24, words.map(\.columns).max() ?? 0))
    }
    while widths.reduce(2 * (widths.count - 1), +) > width,
      let column = widths.indices.filter({ alignments[$0] == .left && widths[$0] > narrowest[$0] })
        .max(by: { widths[$0] < widths[$1] })
    { widths[column] -= 1 }
    (self.alignments, self.widths) = (alignments, widths)
  }

  /// Columns of known widths, for rows that are not all known yet.
  init(_ columns: [(alignment: Table.Column.Alignment, width: Int)]) {
    (alignments, widths) = (columns.map(\.alignment), columns.map(\.width))
  }

  /// A row, in as many lines as its cells need.
  func lines(_ row: [String]) -> [String] {
    let cells = zip(row, widths).map { $0.wrapped(to: $1) }
    return (0..<(cells.map(\.count).max() ?? 0)).map { line in
      let parts = cells.indices.map { column in
        (line < cells[column].count ? cells[column][line] : "")
          .padded(to: widths[column], alignments[column])
      }
      let text = parts.joined(separator: "  ")
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
  }
}
