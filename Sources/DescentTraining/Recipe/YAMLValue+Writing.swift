import Descent
import Foundation
import Yams

extension YAMLValue {
  /// The entries of a section; nil for anything else.
  package var entries: [(key: String, value: YAMLValue)]? {
    if case .map(let entries) = self { entries } else { nil }
  }

  /// The value of a key of a section.
  package subscript(_ key: String) -> YAMLValue? { entries?.first { $0.key == key }?.value }

  /// The value as YAML, in lines.
  package var yaml: String {
    // Every node is a plain scalar, list or mapping, which always can be written.
    (try? Yams.serialize(node: node, width: -1, allowUnicode: true)) ?? ""
  }

  private var node: Node {
    switch self {
    case .null: return Node("null", Tag(.null), .plain)
    case .text(let text):
      let isNull = ["", "~", "null", "Null", "NULL"].contains(text)
      let style: Node.Scalar.Style =
        isNull ? .doubleQuoted : text.contains("\n") ? .literal : .any
      return Node(text, Tag(.str), style)
    case .list(let items):
      let isPlain = items.allSatisfy { if case .text = $0 { true } else { false } }
      return Node(items.map(\.node), Tag(.seq), isPlain ? .flow : .block)
    case .map(let entries):
      return Node(entries.map { (Node($0.key), $0.value.node) }, Tag(.map), .block)
    }
  }

  /// The value in one line of YAML, with brackets and quotes.
  package var line: String {
    func quoted(_ text: String) -> String {
      let json = try? JSONEncoder().encode(text)
      return json.map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
    return switch self {
    case .null: "null"
    case .text(let text): quoted(text)
    case .list(let items): "[\(items.map(\.line).joined(separator: ", "))]"
    case .map(let entries):
      "{\(entries.map { "\(quoted($0.key)): \($0.value.line)" }.joined(separator: ", "))}"
    }
  }

  /// The sections of another laid over those of this one: what the other says takes the place of
  /// what is here, key by key, and its null takes a key out.
  package func overlaid(with other: YAMLValue) -> YAMLValue {
    guard case .map(var own) = self, case .map(let others) = other else { return other }
    for (key, value) in others {
      let index = own.firstIndex { $0.key == key }
      if case .null = value {
        if let index { own.remove(at: index) }
      } else if let index {
        own[index].value = own[index].value.overlaid(with: value)
      } else {
        own.append((key, value))
      }
    }
    return .map(own)
  }
}

extension Recipe {
  /// What a section of changes says, as texts for `--set`: `optimizer: {lr: 1}` and `optimizer.lr:
  /// 1` are both `optimizer.lr=1`.
  ///
  /// - Parameter path: where the section stands.
  package static func changes(of value: YAMLValue, at path: String = "") -> [String] {
    switch value {
    case .map(let entries):
      return entries.flatMap { key, value in
        changes(of: value, at: path.isEmpty ? key : "\(path).\(key)")
      }
    case .list(let items):
      let texts = items.compactMap { item -> String? in
        if case .text(let text) = item { text } else { nil }
      }
      return [
        "\(path)=" + (texts.count == items.count ? "[\(texts.joined(separator: ","))]" : value.line)
      ]
    case .null: return ["\(path)=none"]
    case .text(let text): return ["\(path)=\(text)"]
    }
  }
}
