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
  package static func text(of x: Double) -> String {
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

  // MARK: Reading

  /// How many sections may stand within one another.
  public static let mostNested = 16
  /// How many sections may stand beside one another.
  public static let mostListed = 1000

  /// Reads `a(x=1,y=[1,2]),b`, in brackets or not, a list of values too; nil where it is not of this
  /// form, or has more sections within or beside one another than ``mostNested`` and ``mostListed``.
  public static func list(_ text: String) -> [SettingSection]? {
    guard let parts = split(text[...]), parts.count <= mostListed else { return nil }
    var sections: [SettingSection] = []
    for part in parts {
      guard let open = part.utf8.firstIndex(of: UInt8(ascii: "(")) else {
        guard !part.isEmpty, !part.utf8.contains(UInt8(ascii: "=")) else { return nil }
        sections.append(SettingSection(String(part), []))
        continue
      }
      let name = trimmed(part[..<open])
      guard !name.isEmpty, part.utf8.last == UInt8(ascii: ")"),
        let fields = split(part[part.utf8.index(after: open)...].dropLast())
      else { return nil }
      var settings: [(name: String, value: SettingValue)] = []
      for field in fields {
        guard let equals = field.utf8.firstIndex(of: UInt8(ascii: "=")) else {
          // A list without brackets goes on: `betas=0.9,0.95`.
          guard let last = settings.popLast(), !field.isEmpty else { return nil }
          settings.append((last.name, .text("\(last.value),\(field)")))
          continue
        }
        let value = withoutBrackets(trimmed(field[field.utf8.index(after: equals)...]))
        settings.append((String(trimmed(field[..<equals])), .text(String(value))))
      }
      sections.append(SettingSection(String(name), settings))
    }
    return sections
  }

  /// The pieces between commas that stand in no parentheses and no brackets; nil where these do
  /// not match, or stand too deep in one another.
  package static func split(_ text: Substring) -> [Substring]? {
    let text = withoutBrackets(trimmed(text))
    // Each section brings its parentheses and perhaps the brackets of the list that it is in.
    let deepest = 2 * mostNested
    var (pieces, start, open) = ([Substring](), text.startIndex, [UInt8]())
    for (index, byte) in zip(text.utf8.indices, text.utf8) {
      switch byte {
      case UInt8(ascii: "("): open.append(UInt8(ascii: ")"))
      case UInt8(ascii: "["): open.append(UInt8(ascii: "]"))
      case UInt8(ascii: ")"), UInt8(ascii: "]"): guard open.popLast() == byte else { return nil }
      case UInt8(ascii: ",") where open.isEmpty:
        pieces.append(trimmed(text[start..<index]))
        start = text.utf8.index(after: index)
      default: break
      }
      if open.count > deepest { return nil }
    }
    guard open.isEmpty else { return nil }
    let last = trimmed(text[start...])
    return last.isEmpty && pieces.isEmpty ? [] : pieces + [last]
  }

  private static func withoutBrackets(_ text: Substring) -> Substring {
    text.hasPrefix("[") && text.hasSuffix("]") ? trimmed(text.dropFirst().dropLast()) : text
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.utf8.first == UInt8(ascii: " ") { text = text.dropFirst() }
    while text.utf8.last == UInt8(ascii: " ") { text = text.dropLast() }
    return text
  }
}
