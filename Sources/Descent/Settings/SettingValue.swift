/// The value of one setting, in the types that a recipe, a command line and a checkpoint can hold.
public enum SettingValue: Sendable, Equatable {
  case number(Double)
  case integer(Int)
  case flag(Bool)
  case numbers([Double])
  case text(String)
  /// Parts with settings of their own, such as the schedules of a sequence.
  case sections([SettingSection])
  /// No value: the setting is switched off (`null` in YAML, `none` on the command line).
  case none
}

extension SettingValue: CustomStringConvertible {
  /// The value as it is written in a recipe or after `--set name=`.
  public var description: String {
    switch self {
    case .number(let x): Self.text(of: x)
    case .integer(let n): "\(n)"
    case .flag(let on): on ? "true" : "false"
    case .numbers(let list): list.map(Self.text(of:)).joined(separator: ",")
    case .text(let text): text
    case .sections(let parts): parts.map(\.description).joined(separator: ",")
    case .none: "none"
    }
  }

  /// The shortest text that reads back as the same number; whole numbers without a fraction.
  static func text(of x: Double) -> String {
    if x == x.rounded(), abs(x) < 1e15 { return "\(Int(x))" }
    return "\(x)"
  }
}

/// A name with settings inside another setting's value, written `cosine(warmup=100,floor_ratio=0.1)`.
public struct SettingSection: Sendable, Equatable, CustomStringConvertible {
  /// What it is.
  public let name: String
  /// Its settings, in order.
  public let settings: [(name: String, value: SettingValue)]

  /// A section.
  public init(_ name: String, _ settings: [(name: String, value: SettingValue)]) {
    (self.name, self.settings) = (name, settings)
  }

  /// Whether names and values are the same, in the same order.
  public static func == (a: SettingSection, b: SettingSection) -> Bool {
    a.name == b.name && a.settings.elementsEqual(b.settings) { $0 == $1 }
  }

  /// The settings as text.
  public var texts: [(name: String, text: String)] {
    settings.map { ($0.name, $0.value.description) }
  }

  /// The section as it is written after `--set name=`.
  public var description: String {
    let list = texts.map { name, text in
      text.contains { ",([".contains($0) } ? "\(name)=[\(text)]" : "\(name)=\(text)"
    }
    return list.isEmpty ? name : "\(name)(\(list.joined(separator: ",")))"
  }

  /// Reads `a(x=1,y=[1,2]),b`, in brackets or not; nil where it is not of this form.
  public static func list(_ text: String) -> [SettingSection]? {
    guard let parts = split(text) else { return nil }
    var sections: [SettingSection] = []
    for part in parts {
      guard let open = part.firstIndex(of: "(") else {
        guard !part.isEmpty, !part.contains("=") else { return nil }
        sections.append(SettingSection(part, []))
        continue
      }
      let name = trimmed(part[..<open])
      guard !name.isEmpty, part.hasSuffix(")"),
        let fields = split(String(part[part.index(after: open)...].dropLast()))
      else { return nil }
      var settings: [(name: String, value: SettingValue)] = []
      for field in fields {
        guard let equals = field.firstIndex(of: "=") else { return nil }
        settings.append(
          (
            trimmed(field[..<equals]),
            .text(withoutBrackets(trimmed(field[field.index(after: equals)...])))
          ))
      }
      sections.append(SettingSection(name, settings))
    }
    return sections
  }

  /// The pieces between commas that stand in no parentheses and no brackets; nil where these do
  /// not match.
  private static func split(_ text: String) -> [String]? {
    let text = withoutBrackets(trimmed(text[...]))
    var (pieces, start, open) = ([String](), text.startIndex, [Character]())
    for index in text.indices {
      switch text[index] {
      case "(": open.append(")")
      case "[": open.append("]")
      case ")", "]": guard open.popLast() == text[index] else { return nil }
      case "," where open.isEmpty:
        pieces.append(trimmed(text[start..<index]))
        start = text.index(after: index)
      default: break
      }
    }
    guard open.isEmpty else { return nil }
    let last = trimmed(text[start...])
    return last.isEmpty && pieces.isEmpty ? [] : pieces + [last]
  }

  private static func withoutBrackets(_ text: String) -> String {
    text.hasPrefix("[") && text.hasSuffix("]") ? trimmed(text.dropFirst().dropLast()) : text
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
