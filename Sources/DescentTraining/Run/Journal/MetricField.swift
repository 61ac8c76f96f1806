import Descent
import Foundation

/// A value in a line of `metrics.jsonl`.
///
/// JSON has no NaN and no infinity: both are written as null, and null is read as NaN.
enum MetricValue: Sendable, Equatable {
  case number(Double)
  case integer(Int)
  case flag(Bool)
  case text(String)
  case list([MetricValue])
  case object([String: MetricValue])

  /// The value as JSON; a number reads back to the same bits.
  var json: String {
    switch self {
    case .number(let x): x.isFinite ? "\(x)" : "null"
    case .integer(let n): "\(n)"
    case .flag(let on): "\(on)"
    case .text(let text): Self.quoted(text)
    case .list(let values): "[\(values.map(\.json).joined(separator: ", "))]"
    case .object(let values): Self.object(values.sorted { $0.key < $1.key })
    }
  }

  /// A JSON object with its keys in this order.
  static func object(_ fields: [(key: String, value: MetricValue)]) -> String {
    "{\(fields.map { "\(quoted($0.key)): \($0.value.json)" }.joined(separator: ", "))}"
  }

  /// A JSON string; names of groups are the user's.
  static func quoted(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 < 0x20 }) else {
      return "\"\(text)\""
    }
    let json = try? JSONEncoder().encode(text)
    return json.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }
}

extension MetricValue: Codable {
  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .number(.nan)
    } else if let x = try? value.decode(Double.self) {
      self = .number(x)
    } else if let on = try? value.decode(Bool.self) {
      self = .flag(on)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let values = try? value.decode([MetricValue].self) {
      self = .list(values)
    } else {
      self = .object(try value.decode([String: MetricValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .number(let x) where x.isFinite: try value.encode(x)
    case .integer(let n): try value.encode(n)
    case .flag(let on): try value.encode(on)
    case .text(let text): try value.encode(text)
    case .list(let values): try value.encode(values)
    case .object(let values): try value.encode(values)
    case .number: try value.encodeNil()
    }
  }
}

/// The keys of `metrics.jsonl`.
package enum MetricKey {
  /// `lr/<group>` for `lr.<group>`, and what else there is one of for each group.
  package static func slashed(_ key: String) -> String {
    guard let dot = key.firstIndex(of: "."), !key[..<dot].contains("/") else { return key }
    return "\(key[..<dot])/\(key[key.index(after: dot)...])"
  }
}

/// What a property of a record may be.
protocol MetricConvertible: Sendable {
  /// The value to write; nil for none.
  var metric: MetricValue? { get }
  /// The property from a value that was read; nil for one of another kind.
  init?(_ metric: MetricValue)
}

extension Double: MetricConvertible {
  var metric: MetricValue? { .number(self) }
  init?(_ metric: MetricValue) {
    switch metric {
    case .number(let x): self = x
    case .integer(let n): self = Double(n)
    default: return nil
    }
  }
}

extension Int: MetricConvertible {
  var metric: MetricValue? { .integer(self) }
  init?(_ metric: MetricValue) {
    switch metric {
    case .number(let x): self.init(exactly: x)
    case .integer(let n): self = n
    default: return nil
    }
  }
}

extension Bool: MetricConvertible {
  var metric: MetricValue? { .flag(self) }
  init?(_ metric: MetricValue) {
    guard case .flag(let on) = metric else { return nil }
    self = on
  }
}

extension String: MetricConvertible {
  var metric: MetricValue? { .text(self) }
  init?(_ metric: MetricValue) {
    guard case .text(let text) = metric else { return nil }
    self = text
  }
}

extension ClosureReport.Exit: MetricConvertible {
  var metric: MetricValue? { .text(rawValue) }
  init?(_ metric: MetricValue) {
    guard let text = String(metric) else { return nil }
    self.init(rawValue: text)
  }
}

extension Optional: MetricConvertible where Wrapped: MetricConvertible {
  var metric: MetricValue? { flatMap(\.metric) }
  init?(_ metric: MetricValue) { self = Wrapped(metric) }
}

/// A key of a line and the property that holds its value: declared once, for writing and reading.
struct MetricField<Record>: Sendable {
  let key: String
  let value: @Sendable (Record) -> MetricValue?
  let read: @Sendable (inout Record, MetricValue) -> Void

  init<Value: MetricConvertible>(
    _ key: String, _ property: any WritableKeyPath<Record, Value> & Sendable
  ) {
    self.key = key
    value = { $0[keyPath: property].metric }
    read = { record, metric in
      if let value = Value(metric) { record[keyPath: property] = value }
    }
  }

  /// A key that has the same value in every line.
  init(_ key: String, always value: MetricValue) {
    self.key = key
    self.value = { _ in value }
    read = { _, _ in }
  }
}

/// What a line of `metrics.jsonl` says, typed.
protocol MetricRecord {
  /// The keys that lines of this kind have, in their order.
  static var fields: [MetricField<Self>] { get }
  /// A record with nothing in it.
  init()
  /// Keys that depend on the optimizer.
  var others: [(key: String, value: MetricValue)] { get }
  /// Takes a key that is not among the fields; what it does not know it ignores.
  mutating func read(_ key: String, _ value: MetricValue)
}

extension MetricRecord {
  var others: [(key: String, value: MetricValue)] { [] }
  mutating func read(_ key: String, _ value: MetricValue) {}

  /// The keys and values of its line.
  var line: [(key: String, value: MetricValue)] {
    Self.fields.compactMap { field in field.value(self).map { (field.key, $0) } } + others
  }

  /// The record of a line.
  ///
  /// - Throws: `DecodingError` for a line without the number of a step.
  init(line: [String: MetricValue]) throws {
    guard line["step"].flatMap({ Int($0) }) != nil else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "it has no “step”, a whole number"))
    }
    self.init()
    let fields = Dictionary(uniqueKeysWithValues: Self.fields.map { ($0.key, $0) })
    for (key, value) in line {
      if let field = fields[key] { field.read(&self, value) } else { read(key, value) }
    }
  }

  /// Reads the object of a line; keys that it does not know are numbers of the optimizer or ignored.
  public init(from decoder: any Decoder) throws {
    try self.init(line: Dictionary(from: decoder))
  }

  /// Writes the object of a line.
  public func encode(to encoder: any Encoder) throws {
    try Dictionary(line.map { ($0.key, $0.value) }) { first, _ in first }.encode(to: encoder)
  }
}
