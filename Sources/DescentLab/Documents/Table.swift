import Descent

/// Rows of typed cells under columns.
///
/// ```swift
/// var table = Table(
///   [.init("name", "optimizer"), .number("bytes", "state", unit: "bytes/weight")], key: "rules")
/// table.append("adamw", .number(8))
/// ```
public struct Table: Sendable {
  /// What stands above it; may be empty.
  public var caption: String
  /// The field of the JSON that holds the rows; nil leaves them out.
  public var key: String?
  /// From left to right.
  public var columns: [Column]
  /// What stands in the place of rows where there are none; empty prints nothing.
  public var empty: String
  /// As many cells a row as there are columns.
  public private(set) var rows: [[Cell]] = []

  /// A table.
  public init(
    _ columns: [Column], key: String? = nil, caption: String = "", empty: String = "none",
    rows: [[Cell]] = []
  ) {
    (self.columns, self.key, self.caption, self.empty) = (columns, key, caption, empty)
    for row in rows { append(row) }
  }

  /// Adds a row.
  public mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count, "a row has a cell for each column")
    rows.append(row)
  }

  /// Adds a row.
  public mutating func append(_ cells: Cell...) { append(cells) }

  /// Lets people read 0 for what is nothing beside the largest number of its column; programs read the
  /// number.
  mutating func roundToZero(below share: Double) {
    for column in columns.indices {
      let largest = rows.compactMap { row -> Double? in
        if case .number(let x) = row[column] { abs(x) } else { nil }
      }.max()
      guard let largest else { continue }
      for row in rows.indices {
        if case .number(let x) = rows[row][column], x != 0, abs(x) < share * largest {
          rows[row][column] = .negligible(x)
        }
      }
    }
  }

  /// What people see of it: without columns that hold nothing in any row.
  var visible: (columns: [Column], rows: [[Cell]]) {
    let kept = columns.indices.filter { column in
      rows.contains { $0[column] != .nothing && $0[column] != .text("") }
    }
    return (kept.map { columns[$0] }, rows.map { row in kept.map { row[$0] } })
  }

  /// A column of a table.
  public struct Column: Sendable {
    /// The field of the JSON.
    public var key: String
    /// The heading; a table whose headings are all empty has none.
    public var title: String
    /// The unit of its numbers, in the heading after the title.
    public var unit: String
    /// The side on which its cells stand.
    public var alignment: Alignment
    /// How its numbers are written.
    public var style: NumberStyle

    /// The side of a column on which its cells stand.
    public enum Alignment: Sendable { case left, right }

    /// A column of words, or of what `alignment` says.
    public init(
      _ key: String, _ title: String? = nil, unit: String = "", alignment: Alignment = .left,
      style: NumberStyle = .significant(3)
    ) {
      (self.key, self.title, self.unit) = (key, title ?? key, unit)
      (self.alignment, self.style) = (alignment, style)
    }

    /// A column of numbers.
    public static func number(
      _ key: String, _ title: String? = nil, unit: String = "",
      _ style: NumberStyle = .significant(3)
    ) -> Column {
      Column(key, title, unit: unit, alignment: .right, style: style)
    }

    /// The title with the unit.
    var heading: String {
      unit.isEmpty ? title : title.isEmpty ? unit : "\(title) (\(unit))"
    }
  }

  /// A part of a bar.
  public struct Part: Sendable, Equatable {
    /// What it is; text shows its first letter.
    public let name: String
    /// Its length, 1 for all of the column.
    public let share: Double
    /// An index into the palette.
    public let color: Int

    /// A bar of letters.
    static func letters(_ parts: [Part]) -> String {
      var (text, end) = ("", 0.0)
      for part in parts {
        end += 32 * part.share
        let count = max(0, Int(min(end, 64).rounded()) - text.count)
        text += String(repeating: String(part.name.prefix(1)), count: count)
      }
      return text
    }
  }

  /// How something came out.
  public enum Verdict: String, Sendable { case good, bad, open }

  /// What stands in a row under a column.
  public enum Cell: Sendable, Equatable {
    case text(String)
    /// A text that says how something came out, in its colour on a page.
    case verdict(String, Verdict)
    /// Written in the style of its column.
    case number(Double)
    /// A number that is nothing beside the others: `0`.
    case negligible(Double)
    /// A whole number, its thousands apart.
    case count(Int)
    /// The number of a step or another place in an order.
    case ordinal(Int)
    /// The lengths of a tensor's axes: an array in JSON.
    case shape([Int])
    /// A size, in the unit that suits it.
    case bytes(Int)
    /// `yes` or `no`.
    case flag(Bool)
    /// A text that leads to the ``Section`` with that `id`.
    case link(String, to: String)
    /// Parts of a bar one after another; it is as long as they are together, 1 fills the column.
    case bar([Part])
    /// `-`, and `null` in JSON. A column of nothing else is not printed.
    case nothing

    func text(_ style: NumberStyle) -> String {
      switch self {
      case .text(let text), .verdict(let text, _), .link(let text, _): text
      case .number(let x): style.text(x)
      case .negligible: "0"
      case .count(let n): grouped(n)
      case .ordinal(let n): "\(n)"
      case .shape(let axes): axes.isEmpty ? "scalar" : axes.map { "\($0)" }.joined(separator: "×")
      case .bytes(let n): DescentLab.bytes(n)
      case .flag(let on): on ? "yes" : "no"
      case .bar(let parts): Part.letters(parts)
      case .nothing: "-"
      }
    }

    var json: JSONValue {
      switch self {
      case .text(let text), .verdict(let text, _), .link(let text, _): .text(text)
      case .number(let x), .negligible(let x): .number(x)
      case .count(let n), .ordinal(let n), .bytes(let n): .integer(n)
      case .shape(let axes): .array(axes.map(JSONValue.integer))
      case .flag(let on): .flag(on)
      case .bar(let parts): .object(parts.map { (key: $0.name, value: .number($0.share)) })
      case .nothing: .null
      }
    }
  }
}

extension Table.Cell: ExpressibleByStringLiteral {
  /// A text.
  public init(stringLiteral text: String) { self = .text(text) }
}

/// A name with one value: a row of ``Document/Block/facts(_:)``.
public struct Fact: Sendable {
  /// What the value is.
  public var label: String
  /// The value.
  public var value: Table.Cell
  /// The field of the JSON; nil leaves the fact out.
  public var key: String?
  /// Follows the value.
  public var unit: String
  /// How a number is written.
  public var style: NumberStyle

  /// A fact.
  public init(
    _ label: String, _ value: Table.Cell, key: String? = nil, unit: String = "",
    style: NumberStyle = .significant(3)
  ) {
    (self.label, self.value, self.key) = (label, value, key)
    (self.unit, self.style) = (unit, style)
  }

  /// The value with its unit.
  var text: String { value.text(style) + (unit.isEmpty ? "" : " \(unit)") }
}
