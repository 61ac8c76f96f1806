import DescentFiles

/// An object of a `tokenizer.json`, whose parts are asked for by name.
struct Section {
  /// What it describes, for messages: “normalizer”.
  let what: String
  private let members: [(key: String, value: JSON)]

  /// Nil for null, and where there is nothing.
  init?(_ value: JSON?, _ what: String) throws(Defect) {
    switch value {
    case nil, .null: return nil
    case .object(let members): (self.what, self.members) = (what, members)
    default: throw Defect("its \(what) is no object")
    }
  }

  /// The value of a key; nil for null, and where there is none.
  func value(_ key: String) -> JSON? {
    guard let value = members.first(where: { $0.key == key })?.value else { return nil }
    if case .null = value { return nil }
    return value
  }

  /// Its kind.
  func type() throws(Defect) -> String { try text("type") }

  func text(_ key: String) throws(Defect) -> String {
    guard let text = try optionalText(key) else { throw Defect("its \(what) has no “\(key)”") }
    return text
  }

  func optionalText(_ key: String) throws(Defect) -> String? {
    switch value(key) {
    case nil: nil
    case .string(let text): text
    default: throw Defect("“\(key)” of its \(what) is no text")
    }
  }

  func flag(_ key: String, default standard: Bool) throws(Defect) -> Bool {
    switch value(key) {
    case nil: standard
    case .bool(let flag): flag
    default: throw Defect("“\(key)” of its \(what) is neither true nor false")
    }
  }

  /// A whole number from 0 on.
  func count(_ key: String) throws(Defect) -> Int? {
    guard let value = value(key) else { return nil }
    guard case .number(let text) = value, let count = Int(text), count >= 0 else {
      throw Defect("“\(key)” of its \(what) is no whole number from 0 on")
    }
    return count
  }

  /// A text of one character.
  func scalar(_ key: String) throws(Defect) -> Unicode.Scalar {
    let scalars = Array(try text(key).unicodeScalars)
    guard scalars.count == 1 else { throw Defect("“\(key)” of its \(what) is no single character") }
    return scalars[0]
  }

  /// The sections of an array.
  func sections(_ key: String) throws(Defect) -> [Section] {
    guard case .array(let values) = value(key) else {
      throw Defect("its \(what) has no list “\(key)”")
    }
    var sections: [Section] = []
    for value in values {
      guard let section = try Section(value, what) else {
        throw Defect("the list “\(key)” of its \(what) holds null")
      }
      sections.append(section)
    }
    return sections
  }

  /// What `{"String": "…"}` or `{"Regex": "…"}` describes.
  func pattern(_ key: String) throws(Defect) -> Pattern {
    if case .string(let text) = value(key) { return try Pattern(literal: text) }
    guard let section = try Section(value(key), what) else {
      throw Defect("its \(what) has no “\(key)”")
    }
    if let text = try section.optionalText("String") { return try Pattern(literal: text) }
    if let text = try section.optionalText("Regex") { return try Pattern(text) }
    throw Defect("the “\(key)” of its \(what) is neither String nor Regex")
  }
}
