import Foundation
import Yams

/// A YAML text as a tree of texts: keys are texts, aliases are written out, `<<` is merged.
package enum YAMLValue {
  case text(String)
  /// `null`, `~`, or nothing at all.
  case null
  case list([YAMLValue])
  case map([(key: String, value: YAMLValue)])

  /// Why a text was not read: what follows "the recipe".
  package struct Problem: Error {
    package let text: String
  }

  /// The most values that a text may hold with its aliases written out, and the deepest they may nest.
  static let limits = (values: 20_000, depth: 32)
  /// The most bytes of a text.
  package static let byteLimit = 256 << 10

  /// Reads one document; an empty one is ``null``.
  package init(yaml text: String) throws(Problem) {
    let text =
      text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    if text.utf8.count > Self.byteLimit {
      throw Problem(text: "is larger than \(Self.byteLimit >> 10) KiB")
    }
    try Self.checkAliases(Array(text.utf8))
    let root: Node?
    do {
      // Without rules of its own, the resolver leaves every plain word a text.
      root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    } catch { throw Problem(yaml: error, in: text) }
    var writer = Writer()
    self = try root.map { node throws(Problem) in try writer.value(node, depth: 0) } ?? .null
  }

  /// Refuses aliases that could make the text very long, before anything looks at what they stand
  /// for: a parser compares keys, which may be made of aliases.
  ///
  /// A path from the root of the tree to a value passes through each anchor at most once, and gets
  /// there by the anchor or one of its aliases. So the tree is at most as many times as large as the
  /// product of these numbers.
  private static func checkAliases(_ text: [UInt8]) throws(Problem) {
    func word(after start: Int) -> [UInt8] {
      Array(text[(start + 1)...].prefix { isOfAName($0) })
    }
    var (aliases, anchors): ([[UInt8]: Int], [[UInt8]]) = ([:], [])
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "*"): aliases[word(after: index), default: 0] += 1
      case UInt8(ascii: "&"):
        let name = word(after: index)
        let next = text[(index + 1 + name.count)...].first { $0 != UInt8(ascii: " ") }
        // A single value holds no aliases.
        if next.map({ "[{\n\r&!#\t".utf8.contains($0) }) ?? true { anchors.append(name) }
      default: break
      }
    }
    let copies = anchors.reduce(1.0) { $0 * Double(1 + aliases[$1, default: 0]) }
    if copies > 1, copies * Double(text.count) > 8e6 { throw .tooLong }
  }

  private static func isOfAName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Writes the tree of a parser out, within the limits.
  private struct Writer {
    private var values = 0

    mutating func value(_ node: Node, depth: Int) throws(Problem) -> YAMLValue {
      values += 1
      if values > limits.values { throw .tooLong }
      if depth > limits.depth {
        throw .tooDeep(place(node))
      }
      switch node {
      case .scalar(let scalar):
        let isNull =
          scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
        return isNull ? .null : .text(scalar.string)
      case .sequence(let items):
        var list: [YAMLValue] = []
        for item in items { list.append(try value(item, depth: depth + 1)) }
        return .list(list)
      case .mapping(let pairs):
        var own: [(key: String, value: YAMLValue)] = []
        var merged: [(key: String, value: YAMLValue)] = []
        for (key, item) in pairs {
          guard let name = key.scalar else {
            throw Problem(
              text: "has a list or a section in the place of a key (\(place(key))); a key is a word"
            )
          }
          let item = try value(item, depth: depth + 1)
          if name.string == "<<", name.style == .plain {
            merged += try entries(merging: item, key)
          } else {
            own.append((name.string, item))
          }
        }
        // The section's own keys come before those that it merges, and the first of these count.
        var names = Set(own.map(\.key))
        for entry in merged where names.insert(entry.key).inserted { own.append(entry) }
        return .map(own)
      case .alias: return .null  // which parsers do not make
      }
    }

    private func entries(
      merging item: YAMLValue, _ key: Node
    ) throws(Problem) -> [(key: String, value: YAMLValue)] {
      switch item {
      case .map(let entries): return entries
      case .list(let items):
        var all: [(key: String, value: YAMLValue)] = []
        for item in items { all += try entries(merging: item, key) }
        return all
      default:
        throw Problem(
          text: "has something other than a section to merge after '<<' (\(place(key)))")
      }
    }

    private func place(_ node: Node) -> String {
      node.mark.map { "line \($0.line)" } ?? "somewhere"
    }
  }
}

extension YAMLValue.Problem {
  static let tooLong = Self(
    text: "becomes too long with its aliases (*name) written out: at most "
      + "\(YAMLValue.limits.values) values are read; write them out yourself, or use fewer")

  fileprivate static func tooDeep(_ place: String) -> Self {
    Self(text: "has more than \(YAMLValue.limits.depth) levels of values in one another (\(place))")
  }

  fileprivate init(yaml error: any Error, in text: String) {
    func isNot(_ place: String, _ problem: String) -> String {
      "is not valid YAML: \(place)\(problem)"
    }
    func at(_ mark: Mark) -> String { "line \(mark.line), column \(mark.column): " }
    switch error as? YamlError {
    // The parser has a limit of its own, beyond ours.
    case .scanner(_, let problem, let mark, _) where problem.contains("nesting level"),
      .parser(_, let problem, let mark, _) where problem.contains("nesting level"):
      self = .tooDeep("line \(mark.line)")
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _):
      let beginning = context.map {
        " (\($0.text), which begins at line \($0.mark.line), column \($0.mark.column))"
      }
      self.init(text: isNot(at(mark), problem + (beginning ?? "")))
    case .composer(let context, let problem, let mark, _):
      // Without a context it is an alias that nothing was given.
      self.init(
        text: context == nil
          ? isNot(at(mark), problem)
          : "holds more than one YAML document (the second begins at line \(mark.line)); keep one")
    case .reader(let problem, let offset, _, _):
      let line = text.prefix(offset ?? 0).count { $0.isNewline } + 1
      self.init(text: isNot("line \(line): ", problem))
    case .duplicatedKeysInMapping(let names, let context):
      let list = names.map { "'\($0)'" }.joined(separator: ", ")
      self.init(
        text: "gives \(list) more than once in one section, first at line \(context.mark.line)")
    default: self.init(text: isNot("", "it cannot be parsed"))
    }
  }
}
