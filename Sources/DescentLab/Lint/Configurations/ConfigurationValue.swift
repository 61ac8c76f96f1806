import DescentTraining

/// A value of a configuration file, of the type that the tool which reads it sees.
enum ConfigurationValue: Sendable {
  case null
  case flag(Bool)
  /// A number, and how it is written.
  case number(Double, written: String)
  case text(String)
  case list([ConfigurationValue])
  case map([(key: String, value: ConfigurationValue)])
}

extension ConfigurationValue {
  /// What YAML 1.1 makes of a tree of words, as the parser of Python tools does: `yes` is true, and a
  /// number with an exponent needs a point and a sign, so that `1e-4` is a text.
  init(_ yaml: YAMLValue) {
    switch yaml {
    case .null: self = .null
    case .list(let items): self = .list(items.map(Self.init))
    case .map(let entries): self = .map(entries.map { ($0.key, Self($0.value)) })
    case .text(let word): self = Self.ofWord(word)
    }
  }

  private static func ofWord(_ word: String) -> ConfigurationValue {
    switch word {
    case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .flag(true)
    case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .flag(false)
    case ".inf", ".Inf", ".INF", "+.inf": return .number(.infinity, written: word)
    case "-.inf", "-.Inf", "-.INF": return .number(-.infinity, written: word)
    case ".nan", ".NaN", ".NAN": return .number(.nan, written: word)
    default: break
    }
    let digits = word.filter { $0 != "_" }
    if word.wholeMatch(of: /[-+]?(0|[1-9][0-9_]*)/) != nil
      || word.wholeMatch(of: /[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?/) != nil
      || word.wholeMatch(of: /[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?/) != nil,
      let x = Double(digits.hasPrefix(".") ? "0" + digits : digits)
    {
      return .number(x, written: word)
    }
    return .text(word)
  }

  /// The value as one would write it in a sentence: `0.1`, `[0.9, 0.95]`.
  var written: String {
    switch self {
    case .null: "null"
    case .flag(let on): "\(on)"
    case .number(_, let text): text
    case .text(let text): text.count > 60 ? text.prefix(57) + "…" : text
    case .list(let items):
      items.count > 8
        ? "a list of \(items.count)" : "[\(items.map(\.written).joined(separator: ", "))]"
    case .map(let entries): "a section of \(entries.count)"
    }
  }

  var map: [(key: String, value: ConfigurationValue)]? {
    if case .map(let entries) = self { entries } else { nil }
  }

  var isNull: Bool { if case .null = self { true } else { false } }

  /// What kind of value it is, for a sentence.
  var kind: String {
    switch self {
    case .null: "nothing"
    case .flag: "true or false"
    case .number: "a number"
    case .text: "a text"
    case .list: "a list"
    case .map: "a section"
    }
  }
}
