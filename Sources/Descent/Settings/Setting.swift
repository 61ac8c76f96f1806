/// The path to a value of a setting in what it configures.
public typealias SettingPath<Root, Value> = any WritableKeyPath<Root, Value> & Sendable

/// One declared setting of `Root`: name, kind, range, meaning and the source of its default.
///
/// The default is the value that `Root()` has, so it is written once. This declaration feeds
/// validation, recipes, `--set`, help, documentation and checkpoints.
public struct Setting<Root>: Sendable {
  /// The name in recipes, `--set` and saved state: the reference implementation's.
  public let name: String
  /// What the setting takes, in words: `a number, at least 0`.
  public let kind: String
  /// What the setting does, in a phrase.
  public let meaning: String
  /// Where the default comes from, for example `torch`.
  public let source: String

  /// Reads the value.
  public let value: @Sendable (Root) -> SettingValue
  /// The value's plain numbers, for schedules; empty for settings that cannot be scheduled.
  let numbers: [SettingPath<Root, Double>]
  private let assign: @Sendable (inout Root, String) throws(SettingError) -> Void

  /// Reads `text` and stores it in `root`.
  public func set(_ text: String, in root: inout Root) throws(SettingError) {
    try assign(&root, text)
  }
}

extension Setting {
  /// A real number, finite unless `bounds` say otherwise.
  public static func number(
    _ name: String, _ path: SettingPath<Root, Double>, _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "a number, \(bounds)", meaning: meaning, source: source,
      value: { .number($0[keyPath: path]) }, numbers: [path],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = try readNumber(text, name, bounds)
      })
  }

  /// Several real numbers, written `name=a,b`.
  public static func numbers(
    _ name: String, _ paths: [SettingPath<Root, Double>], _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    let kind = "\(counted(paths.count, "number")) separated by commas, each \(bounds)"
    return Setting(
      name: name, kind: kind, meaning: meaning, source: source,
      value: { root in .numbers(paths.map { root[keyPath: $0] }) }, numbers: paths,
      assign: { (root, text) throws(SettingError) in
        let parts = listItems(text)
        guard parts.count == paths.count, !parts.contains("") else {
          throw .unreadable(name: name, given: text, expected: kind)
        }
        for (path, part) in zip(paths, parts) {
          root[keyPath: path] = try readNumber(part, name, bounds)
        }
      })
  }

  /// A real number or `none`. Schedules drive it through `scheduled`, the same number as a plain
  /// one, where that is given.
  public static func optionalNumber(
    _ name: String, _ path: SettingPath<Root, Double?>, _ bounds: Bounds,
    _ meaning: String, source: String = "", scheduled: [SettingPath<Root, Double>] = []
  ) -> Setting {
    Setting(
      name: name, kind: "a number, \(bounds), or none", meaning: meaning, source: source,
      value: { $0[keyPath: path].map(SettingValue.number) ?? .none },
      numbers: scheduled,
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = isNone(text) ? nil : try readNumber(text, name, bounds)
      })
  }

  /// Several real numbers, each of which may be `none`, written `name=none,b`.
  public static func optionalNumbers(
    _ name: String, _ paths: [SettingPath<Root, Double?>], _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    let kind =
      "\(counted(paths.count, "number")) or none separated by commas, each number \(bounds)"
    return Setting(
      name: name, kind: kind, meaning: meaning, source: source,
      value: { root in
        let items = paths.map { root[keyPath: $0].map(SettingValue.text(of:)) ?? "none" }
        return .text(items.joined(separator: ","))
      },
      numbers: [],
      assign: { (root, text) throws(SettingError) in
        let parts = listItems(text)
        guard parts.count == paths.count, !parts.contains("") else {
          throw .unreadable(name: name, given: text, expected: kind)
        }
        for (path, part) in zip(paths, parts) {
          root[keyPath: path] = isNone(part) ? nil : try readNumber(part, name, bounds)
        }
      })
  }

  /// A whole number.
  public static func integer(
    _ name: String, _ path: SettingPath<Root, Int>, _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "a whole number, \(bounds)", meaning: meaning, source: source,
      value: { .integer($0[keyPath: path]) }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = try readInteger(text, name, bounds)
      })
  }

  /// A whole number or `none`.
  public static func optionalInteger(
    _ name: String, _ path: SettingPath<Root, Int?>, _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "a whole number, \(bounds), or none", meaning: meaning, source: source,
      value: { $0[keyPath: path].map(SettingValue.integer) ?? .none }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = isNone(text) ? nil : try readInteger(text, name, bounds)
      })
  }

  /// `true` or `false`.
  public static func flag(
    _ name: String, _ path: SettingPath<Root, Bool>, _ meaning: String,
    source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "true or false", meaning: meaning, source: source,
      value: { .flag($0[keyPath: path]) }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = try readFlag(text, name, "true or false")
      })
  }

  /// `true`, `false` or `none`.
  public static func optionalFlag(
    _ name: String, _ path: SettingPath<Root, Bool?>, _ meaning: String,
    source: String = ""
  ) -> Setting {
    let kind = "true, false or none"
    return Setting(
      name: name, kind: kind, meaning: meaning, source: source,
      value: { $0[keyPath: path].map(SettingValue.flag) ?? .none }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = isNone(text) ? nil : try readFlag(text, name, kind)
      })
  }

  /// One of the cases of a string enumeration.
  public static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ path: SettingPath<Root, Choice>, _ meaning: String,
    source: String = ""
  ) -> Setting {
    let names = Choice.allCases.map(\.rawValue)
    let kind =
      names.count == 2 ? "\(names[0]) or \(names[1])" : "one of \(names.joined(separator: ", "))"
    return Setting(
      name: name, kind: kind, meaning: meaning,
      source: source, value: { .text($0[keyPath: path].rawValue) }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        guard let choice = Choice(rawValue: WrittenValue.trimmed(text)) else {
          let hint = nearestName(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
          throw .unreadable(
            name: name, given: text, expected: kind + hint)
        }
        root[keyPath: path] = choice
      })
  }

  /// Any of the cases of a string enumeration, written `name=a,b`, or none of them.
  public static func choices<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ path: SettingPath<Root, [Choice]>, _ meaning: String, source: String = ""
  ) -> Setting {
    let names = Choice.allCases.map(\.rawValue)
    let kind = "none, or some of \(names.joined(separator: ", "))"
    return Setting(
      name: name, kind: kind, meaning: meaning, source: source,
      value: {
        let chosen = $0[keyPath: path].map(\.rawValue)
        return chosen.isEmpty ? .none : .text(chosen.joined(separator: ","))
      }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        var list: [Choice] = []
        for item in listItems(text) {
          guard let choice = Choice(rawValue: String(item)) else {
            throw .unreadable(name: name, given: text, expected: kind)
          }
          list.append(choice)
        }
        root[keyPath: path] = list
      })
  }

  /// Whole numbers, any count, written `name=1,2,3`.
  public static func integers(
    _ name: String, _ path: SettingPath<Root, [Int]>, _ bounds: Bounds,
    _ meaning: String, source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "whole numbers separated by commas, each \(bounds)", meaning: meaning,
      source: source, value: { .numbers($0[keyPath: path].map(Double.init)) }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        var list: [Int] = []
        let items = listItems(text)
        if items.contains("") {
          throw .unreadable(name: name, given: text, expected: "whole numbers separated by commas")
        }
        for item in items { list.append(try readInteger(item, name, bounds)) }
        root[keyPath: path] = list
      })
  }

  /// A value that reads and writes itself; `kind` says what it takes.
  public static func parsed<Value: LosslessStringConvertible & Sendable>(
    _ name: String, _ path: SettingPath<Root, Value>, _ kind: String, _ meaning: String
  ) -> Setting {
    custom(name, kind: kind, meaning) {
      .text($0[keyPath: path].description)
    } assign: { (root, text) throws(SettingError) in
      guard let value = Value(text) else {
        throw .unreadable(name: name, given: text, expected: kind)
      }
      root[keyPath: path] = value
    }
  }

  /// The same, or `none`.
  public static func optionalParsed<Value: LosslessStringConvertible & Sendable>(
    _ name: String, _ path: SettingPath<Root, Value?>, _ kind: String, _ meaning: String,
    source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: kind + ", or none", meaning: meaning, source: source,
      value: { $0[keyPath: path].map { .text($0.description) } ?? .none }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        if isNone(text) {
          root[keyPath: path] = nil
          return
        }
        // A list is written in brackets.
        let isList = text.hasPrefix("[") && text.hasSuffix("]")
        guard let value = Value(isList ? String(text.dropFirst().dropLast()) : text) else {
          throw .unreadable(name: name, given: text, expected: kind)
        }
        root[keyPath: path] = value
      })
  }

  /// A kind of its own.
  package static func custom(
    _ name: String, kind: String, _ meaning: String,
    value: @escaping @Sendable (Root) -> SettingValue,
    assign: @escaping @Sendable (inout Root, String) throws(SettingError) -> Void
  ) -> Setting {
    Setting(
      name: name, kind: kind, meaning: meaning, source: "", value: value, numbers: [],
      assign: assign)
  }

  /// Free text, or `none`.
  public static func optionalText(
    _ name: String, _ path: SettingPath<Root, String?>, _ meaning: String,
    source: String = ""
  ) -> Setting {
    Setting(
      name: name, kind: "text, or none", meaning: meaning, source: source,
      value: { $0[keyPath: path].map(SettingValue.text) ?? .none }, numbers: [],
      assign: { (root, text) throws(SettingError) in
        root[keyPath: path] = isNone(text) ? nil : text
      })
  }
}

private func readNumber(
  _ text: some StringProtocol, _ name: String, _ bounds: Bounds
) throws(SettingError) -> Double {
  guard let x = WrittenValue.number(String(text)) else {
    throw .unreadable(name: name, given: String(text), expected: "a number, \(bounds)")
  }
  guard bounds.contains(x) else {
    let finite = x.isFinite || bounds == .any ? "" : "finite and "
    throw .outOfRange(name: name, given: String(text), allowed: "\(finite)\(bounds)")
  }
  return x
}

private func readInteger(
  _ text: some StringProtocol, _ name: String, _ bounds: Bounds
) throws(SettingError) -> Int {
  guard let n = WrittenValue.wholeNumber(String(text)) else {
    throw .unreadable(
      name: name, given: String(text), expected: "a whole number, \(bounds), of at most 15 digits")
  }
  guard bounds.contains(Double(n)) else {
    throw .outOfRange(name: name, given: String(text), allowed: "\(bounds)")
  }
  return n
}

private func readFlag(
  _ text: String, _ name: String, _ expected: String
) throws(SettingError) -> Bool {
  switch WrittenValue.trimmed(text).lowercased() {
  case "true", "yes", "on", "1": true
  case "false", "no", "off", "0": false
  default: throw .unreadable(name: name, given: text, expected: expected)
  }
}

private func isNone(_ text: some StringProtocol) -> Bool { WrittenValue.isNone(String(text)) }

private func listItems(_ text: String) -> [String] { WrittenValue.list(text) }
