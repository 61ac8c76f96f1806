import Descent
import DescentTokenizers
import Foundation

/// Where a tokenizer comes from: `data.tokenizer` of a recipe.
public enum TokenizerSource: Sendable, Equatable {
  /// It needs no file.
  case kind(Tokenizer.Kind)
  /// A `tokenizer.json`, or the folder of a model or a run that has one.
  case file(String)

  /// A text that is a name of a kind, or else the path of a file or a folder, which need not be there: a
  /// run has a copy. nil for what is empty, or a misspelt kind that is no path.
  public init?(_ text: String) {
    let names = Tokenizer.Kind.allCases.map(\.rawValue)
    if let kind = Tokenizer.Kind(rawValue: text) {
      self = .kind(kind)
    } else if text.isEmpty
      || !text.contains("/") && nearestName(to: text, among: names) != nil
        && !FileManager.default.fileExists(atPath: text)
    {
      return nil
    } else {
      self = .file(text)
    }
  }

  /// As a recipe has it.
  public var text: String {
    switch self {
    case .kind(let kind): kind.rawValue
    case .file(let path): path
    }
  }
}

extension Setting<TextData> {
  /// What a token is.
  static func tokenizer(
    _ name: String, _ path: SettingPath<TextData, TokenizerSource?>, _ meaning: String
  ) -> Setting {
    let names = Tokenizer.Kind.allCases.map(\.rawValue)
    let kind =
      "\(names.joined(separator: " or ")), the path of a tokenizer.json or of a model or run with one, or none"
    return custom(name, kind: kind, meaning) {
      $0[keyPath: path].map { .text($0.text) } ?? .none
    } assign: { (root, text) throws(SettingError) in
      if ["none", "null", "~"].contains(text) {
        root[keyPath: path] = nil
        return
      }
      guard let source = TokenizerSource(text) else {
        let hint = nearestName(to: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw .unreadable(name: name, given: text, expected: kind + hint)
      }
      root[keyPath: path] = source
    }
  }
}
