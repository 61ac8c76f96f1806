import Foundation
import Yams

/// The text of a recipe, in which single values change and all else stays as it was written, comments
/// and layout included.
public struct RecipeText: Sendable {
  /// The text.
  public private(set) var yaml: String

  /// A text that can be read as a recipe.
  public init(_ yaml: String) { self.yaml = yaml }

  /// A key on the way to a value, or the place of an item in a list, from 0.
  private enum Part: Equatable {
    case key(String)
    case item(Int)
  }

  /// Changes the value of a key, or adds the key to its section.
  ///
  /// - Parameters:
  ///   - path: the key: `optimizer.lr`, or `optimizer.groups[1].lr` for the first group.
  ///   - value: a plain value.
  /// - Throws: where that cannot be done without changing anything else, such as a value that an
  ///   alias shares with other keys, or a section that the text does not have.
  public mutating func set(_ path: String, to value: String) throws(RecipeError) {
    let refusal = RecipeError(problems: [
      "\(path) cannot be changed in the text alone: write \(path): \(value) into it yourself"
    ])
    let parts = Self.parts(path)
    guard let before = try? Self.leaves(of: yaml), let root = try? Self.node(of: yaml),
      case .key(let key)? = parts.last,
      let changed = Self.find(parts, in: root).map({ replacing($0, value) })
        ?? Self.find(parts.dropLast(), in: root)?.mapping.map({ adding(key, value, to: $0) })
        ?? addingSection(parts, value, to: root),
      let after = try? Self.leaves(of: changed)
    else { throw refusal }
    // Whatever the text is like, nothing else may say something new.
    let others = { (leaves: [(String, String)]) in leaves.filter { $0.0 != path } }
    let isAlone = others(before).elementsEqual(others(after)) { $0 == $1 }
    guard isAlone, after.contains(where: { $0 == (path, value) }) else { throw refusal }
    yaml = changed
  }

  /// Takes a key out, or a whole section, with the lines that it stands on.
  ///
  /// - Parameter path: the key: `optimizer.groups`, or the section: `schedule`.
  /// - Throws: where that cannot be done without changing anything else, such as a key that shares its
  ///   line with others.
  public mutating func remove(_ path: String) throws(RecipeError) {
    let refusal = RecipeError(problems: [
      "\(path) cannot be taken out of the text alone: take it out yourself"
    ])
    let parts = Self.parts(path)
    guard let before = try? Self.leaves(of: yaml), let root = try? Self.node(of: yaml),
      let place = Self.key(parts, in: root), let first = place.mark?.line,
      let changed = removingLines(from: first), let after = try? Self.leaves(of: changed)
    else { throw refusal }
    let isOther = { (leaf: String) in
      leaf != path && !leaf.hasPrefix(path + ".") && !leaf.hasPrefix(path + "[")
    }
    guard after.elementsEqual(before.filter { isOther($0.0) }, by: { $0 == $1 }) else {
      throw refusal
    }
    yaml = changed
  }

  /// The text without a line and those below it that stand further in, or are items of its list.
  private func removingLines(from first: Int) -> String? {
    var lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(first - 1) else { return nil }
    func indent(_ line: Substring) -> Int { line.prefix { $0 == " " }.count }
    let own = indent(lines[first - 1])
    var end = first
    while end < lines.count {
      let content = lines[end].drop { $0 == " " }
      let isInside =
        indent(lines[end]) > own || (indent(lines[end]) == own && content.hasPrefix("- "))
      guard !content.isEmpty, isInside, !(content.hasPrefix("#") && indent(lines[end]) <= own)
      else { break }
      end += 1
    }
    lines.removeSubrange(first - 1..<end)
    return lines.joined(separator: "\n")
  }

  /// The node of the last key of a path.
  private static func key(_ parts: [Part], in root: Node?) -> Node? {
    guard case .key(let name)? = parts.last else { return nil }
    return find(parts.dropLast(), in: root)?.mapping?.first { $0.key.scalar?.string == name }?.key
  }

  /// The text with a section of one key behind what there is.
  private func addingSection(_ parts: [Part], _ value: String, to root: Node?) -> String? {
    guard parts.count == 2, case .key(let section) = parts[0], case .key(let key) = parts[1],
      let mapping = root?.mapping,
      Self.find([.key(section)], in: root) == nil, mapping.style != .flow
    else { return nil }
    let gap = yaml.isEmpty || yaml.last?.isNewline == true ? "" : "\n"
    return yaml + "\(gap)\(section):\n  \(key): \(value)\n"
  }

  private static func parts(_ path: String) -> [Part] {
    path.split(separator: ".").flatMap { name -> [Part] in
      let pieces = name.split(whereSeparator: { "[]".contains($0) })
      guard let key = pieces.first else { return [] }
      return [.key(String(key))]
        + pieces.dropFirst().compactMap { Int($0).map { .item($0 - 1) } }
    }
  }

  private static func node(of yaml: String) throws -> Node? {
    _ = try YAMLValue(yaml: yaml)
    return try Parser(yaml: yaml, resolver: .basic, encoding: .utf8).singleRoot()
  }

  private static func find(_ parts: some Sequence<Part>, in root: Node?) -> Node? {
    parts.reduce(root) { node, part in
      switch part {
      case .key(let key): node?.mapping?.first { $0.key.scalar?.string == key }?.value
      case .item(let place):
        node?.sequence.flatMap { $0.indices.contains(place) ? $0[place] : nil }
      }
    }
  }

  /// Every single value of a text by its path, aliases written out.
  private static func leaves(of yaml: String) throws -> [(String, String)] {
    func list(_ value: YAMLValue, _ path: String) -> [(String, String)] {
      switch value {
      case .text(let text): [(path, text)]
      case .null: [(path, "null")]
      case .list(let items):
        items.enumerated().flatMap { list($0.element, "\(path)[\($0.offset + 1)]") }
      case .map(let entries):
        entries.flatMap { list($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") }
      }
    }
    return list(try YAMLValue(yaml: yaml), "").sorted { $0 < $1 }
  }

  // MARK: Places in the text

  private func index(_ mark: Mark) -> String.Index? {
    let scalars = yaml.unicodeScalars
    var line = scalars.startIndex
    for _ in 1..<max(1, mark.line) {
      guard let end = scalars[line...].firstIndex(of: "\n") else { return nil }
      line = scalars.index(after: end)
    }
    return scalars.index(line, offsetBy: mark.column - 1, limitedBy: scalars.endIndex)
  }

  /// Where a value stands as it was written; nil where the text there is something else.
  private func place(of node: Node) -> Range<String.Index>? {
    guard let scalar = node.scalar, let mark = node.mark, let start = index(mark) else {
      return nil
    }
    let scalars = yaml.unicodeScalars
    for text in ["\"\(scalar.string)\"", "'\(scalar.string)'", scalar.string]
    where !text.isEmpty && scalars[start...].starts(with: text.unicodeScalars) {
      return start..<(scalars.index(start, offsetBy: text.unicodeScalars.count))
    }
    return nil
  }

  private func replacing(_ node: Node, _ value: String) -> String? {
    place(of: node).map { yaml.replacingCharacters(in: $0, with: asJSON(value)) }
  }

  /// A value as JSON has it, where the text is JSON, so that it stays JSON.
  private func asJSON(_ value: String) -> String {
    isJSON && value.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/) == nil
      ? "\"\(value)\"" : value
  }

  /// Whether the text begins like JSON, with a key in quotation marks.
  private var isJSON: Bool { yaml.prefixMatch(of: /\s*\{\s*"/) != nil }

  /// Adds a key after the first of a section that has a single value.
  private func adding(_ key: String, _ value: String, to section: Node.Mapping) -> String? {
    guard let first = section.first(where: { $0.value.scalar != nil }),
      let name = place(of: first.key), let end = place(of: first.value)?.upperBound
    else { return nil }
    let entry = isJSON ? "\"\(key)\": \(asJSON(value))" : "\(key): \(value)"
    if let mark = section.mark, let brace = index(mark), yaml[brace...].hasPrefix("{") {
      return yaml.replacingCharacters(in: end..<end, with: ", \(entry)")
    }
    // As far in as the key before it; what leads to that may be the dash of a list.
    let line = yaml[..<name.lowerBound].lastIndex { $0.isNewline }.map { yaml.index(after: $0) }
    let indent = yaml[(line ?? yaml.startIndex)..<name.lowerBound].count
    let close = yaml[end...].firstIndex { $0.isNewline } ?? yaml.endIndex
    let added = "\n" + String(repeating: " ", count: indent) + entry
    return yaml.replacingCharacters(in: close..<close, with: added)
  }
}
