import Foundation

/// A JSON value whose objects keep the order of their fields.
public enum JSONValue: Sendable {
  case null
  case flag(Bool)
  case integer(Int)
  /// `null` where it is not finite: JSON has no NaN and no infinity.
  case number(Double)
  case text(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])

  /// A number, or `null`.
  public init(_ number: Double?) { self = number.map(JSONValue.number) ?? .null }

  /// The value in one line, without spaces.
  public var line: String { written(indent: nil) }

  /// The value in lines, fields indented by two spaces; an array of plain values is one line.
  public var text: String { written(indent: "") }

  private func written(indent: String?) -> String {
    switch self {
    case .null: "null"
    case .flag(let on): "\(on)"
    case .integer(let n): "\(n)"
    case .number(let x): x.isFinite ? "\(x)" : "null"
    case .text(let text): Self.quoted(text)
    case .array(let items):
      Self.list(
        "[", "]", items.map(\.isNested).contains(true) ? indent : nil, items
      ) {
        $0.written(indent: $1)
      }
    case .object(let fields):
      Self.list("{", "}", indent, fields) {
        "\(Self.quoted($0.key)):\($1 == nil ? "" : " ")\($0.value.written(indent: $1))"
      }
    }
  }

  private var isNested: Bool {
    switch self {
    case .array, .object: true
    default: false
    }
  }

  private static func list<Item>(
    _ open: String, _ close: String, _ indent: String?, _ items: [Item],
    _ written: (Item, _ indent: String?) -> String
  ) -> String {
    guard let indent, !items.isEmpty else {
      return open + items.map { written($0, nil) }.joined(separator: ",") + close
    }
    let inner = indent + "  "
    let lines = items.map { inner + written($0, inner) }
    return "\(open)\n\(lines.joined(separator: ",\n"))\n\(indent)\(close)"
  }

  private static func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // A string can always be encoded.
    return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
  /// An object.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { (key: $0, value: $1) })
  }

  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}
