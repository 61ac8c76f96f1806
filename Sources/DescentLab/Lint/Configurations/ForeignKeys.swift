import Descent

/// The keys of a tool's configuration as they are read: what was asked for is known, whatever has the
/// wrong type is collected, and what was never asked for is what the tool does not read either.
struct ForeignKeys {
  /// Where a text stands in the place of a number, what the tool makes of it.
  enum TextPolicy {
    /// It converts it.
    case converted
    /// It fails; the sentence says how.
    case fails(String)
  }

  /// The values by key.
  private let values: [String: ConfigurationValue]
  /// The keys of the file, in its order.
  let names: [String]
  let textPolicy: TextPolicy
  /// What the tool refuses, or what cannot be read.
  private(set) var refusals: [ForeignConfiguration.Refusal] = []
  /// Numbers that are written as texts.
  private(set) var textsForNumbers: [(key: String, text: String)] = []

  init(_ entries: [(key: String, value: ConfigurationValue)], _ policy: TextPolicy) {
    // Of a key that is given twice, tools take the last.
    values = Dictionary(entries.map { ($0.key, $0.value) }) { $1 }
    names = entries.map(\.key)
    textPolicy = policy
  }

  /// Whether the file gives the key a value.
  func has(_ key: String) -> Bool { values[key].map { !$0.isNull } ?? false }

  /// The value as the user wrote it.
  func written(_ key: String) -> String? {
    guard let value = values[key], !value.isNull else { return nil }
    return value.written
  }

  func raw(_ key: String) -> ConfigurationValue? {
    guard let value = values[key], !value.isNull else { return nil }
    return value
  }

  /// Notes what the tool refuses.
  ///
  /// - Parameters:
  ///   - sentence: why, without a full stop; what to do may stand behind a semicolon.
  ///   - key: the key that it is about; by default the first of the file's keys in the sentence.
  ///   - fix: what to do.
  mutating func refuse(_ sentence: String, at key: String? = nil, fix: String? = nil) {
    refusals.append(.init(sentence, key: key, fix: fix))
  }

  /// Notes a value that cannot be used.
  private mutating func replace(_ sentence: String, at key: String, fix: String) {
    refusals.append(.init(sentence, key: key, fix: fix, isReplaced: true))
  }

  private mutating func expected(_ what: String, _ key: String, _ value: ConfigurationValue) {
    replace(
      "\(key) takes \(what), not \(value.kind) (\(value.written))", at: key, fix: "write \(what)")
  }

  /// A number.
  ///
  /// - Parameters:
  ///   - least: the least that is allowed.
  ///   - isAbove: whether `least` itself is not allowed.
  mutating func number(
    _ key: String, least: Double? = 0, isAbove: Bool = false
  ) -> Double? {
    guard let value = raw(key) else { return nil }
    let x: Double
    switch value {
    case .number(let number, _): x = number
    case .text(let text):
      let trimmed = text.filter { $0 != " " && $0 != "_" }
      guard let number = Double(trimmed), !trimmed.isEmpty else {
        expected("a number", key, value)
        return nil
      }
      textsForNumbers.append((key, text))
      x = number
    default:
      expected("a number", key, value)
      return nil
    }
    guard x.isFinite else {
      replace(
        "\(key)=\(value.written) is not a finite number", at: key, fix: "write a finite number")
      return nil
    }
    if let least, isAbove ? x <= least : x < least {
      let range = "\(isAbove ? "above" : "at least") \(SettingValue.number(least).description)"
      replace("\(key)=\(value.written) must be \(range)", at: key, fix: "write a number \(range)")
      return nil
    }
    return x
  }

  /// A whole number.
  mutating func integer(_ key: String, least: Int? = 0) -> Int? {
    guard let x = number(key, least: least.map(Double.init)) else { return nil }
    guard abs(x) <= 1e12, let n = Int(exactly: x) else {
      replace(
        "\(key)=\(written(key) ?? "") must be a whole number, at most a million million", at: key,
        fix: "write a whole number")
      return nil
    }
    return n
  }

  mutating func flag(_ key: String) -> Bool? {
    guard let value = raw(key) else { return nil }
    switch value {
    case .flag(let on): return on
    case .text(let text) where ["true", "false"].contains(text.lowercased()):
      return text.lowercased() == "true"
    case .number(let x, _) where x == 0 || x == 1: return x == 1
    default:
      expected("true or false", key, value)
      return nil
    }
  }

  /// A word, or the text of a number.
  mutating func text(_ key: String) -> String? {
    guard let value = raw(key) else { return nil }
    switch value {
    case .text(let text): return text.isEmpty ? nil : text
    case .number(_, let text): return text
    case .flag(let on): return "\(on)"
    default:
      expected("a word", key, value)
      return nil
    }
  }

  /// A section's keys and values as texts: `{"num_cycles": 2}`, also written as a JSON text.
  mutating func section(_ key: String) -> [(key: String, value: ConfigurationValue)] {
    guard let value = raw(key) else { return [] }
    switch value {
    case .map(let entries): return entries.filter { !$0.value.isNull }
    case .text(let text) where text.hasPrefix("{"):
      if let map = (try? JSONTree.read(text, path: key))?.map {
        return map.filter { !$0.value.isNull }
      }
      replace(
        "\(key) is not valid JSON: \(value.written)", at: key,
        fix: "write a section, or JSON such as {\"num_cycles\": 2}")
    default: expected("a section", key, value)
    }
    return []
  }

  /// Settings as `name=value`, one text or a list of texts: `["betas=0.9,0.99"]`.
  mutating func assignments(_ key: String, separator: Character?) -> [(key: String, text: String)] {
    guard let value = raw(key) else { return [] }
    let parts: [String]
    switch value {
    case .text(let text):
      parts =
        separator.map { mark in
          text.split(separator: mark).map(String.init)
        } ?? [text]
    case .list(let items): parts = items.map(\.written)
    case .map(let entries): return entries.map { ($0.key, $0.value.written) }
    default:
      expected("texts such as weight_decay=0.01", key, value)
      return []
    }
    return parts.compactMap { part in
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else {
        if part.contains(where: { $0 != " " }) {
          replace(
            "\(key) takes texts such as weight_decay=0.01, not \(part)", at: key,
            fix: "write name=value")
        }
        return nil
      }
      func trimmed(_ text: Substring) -> String {
        String(text.filter { !" ()[]'\"".contains($0) })
      }
      return (trimmed(pair[0]), trimmed(pair[1]))
    }
  }
}
