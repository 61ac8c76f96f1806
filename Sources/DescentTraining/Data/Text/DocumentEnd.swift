import DescentFiles
import DescentTokenizers
import Foundation

/// What stands behind each document.
public struct DocumentEnd: Sendable, Equatable {
  /// What it is, as part of a sentence: `<|endoftext|>`, `a blank line`.
  public let name: String
  /// Its tokens; a tokenizer that drops white space may have none.
  public let tokens: [Int32]

  /// The tokenizer's end-of-text token, or a blank line where it has none.
  ///
  /// - Parameters:
  ///   - tokenizer: the tokenizer.
  ///   - path: its file or the folder with it, beside which the model's settings may name the
  ///     token.
  init(of tokenizer: Tokenizer, beside path: String?) {
    if case .subword(let subwords) = tokenizer, let id = Self.token(of: subwords, beside: path) {
      self.init(name: subwords.token(id) ?? "the token \(id)", tokens: [id])
    } else {
      self.init(name: "a blank line", tokens: (try? tokenizer.encode("\n\n")) ?? [])
    }
  }

  init(name: String, tokens: [Int32]) { (self.name, self.tokens) = (name, tokens) }

  /// The token alone, where it is one.
  var token: Int32? { tokens.count == 1 ? tokens[0] : nil }

  /// Names that end-of-text tokens have where nothing says which it is, the surest first.
  static let names = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>"]

  /// What `tokenizer_config.json` or `config.json` beside the tokenizer says, else a special token
  /// of a usual name.
  private static func token(of tokenizer: SubwordTokenizer, beside path: String?) -> Int32? {
    if let path {
      let folder =
        path.hasSuffix(".json") ? URL(filePath: path).deletingLastPathComponent().path : path
      if let name = settings(folder + "/tokenizer_config.json").flatMap(name),
        let id = tokenizer.id(of: name)
      {
        return id
      }
      if let id = settings(folder + "/config.json").flatMap(number), tokenizer.token(id) != nil {
        return id
      }
    }
    return names.lazy.compactMap { tokenizer.id(of: $0) }.first { tokenizer.isSpecial($0) }
  }

  /// `"eos_token": "</s>"`, or `{"content": "</s>", ...}`.
  private static func name(_ settings: [String: Any]) -> String? {
    let token = settings["eos_token"]
    return token as? String ?? (token as? [String: Any])?["content"] as? String
  }

  /// `"eos_token_id": 2`, or a list of which the first counts.
  private static func number(_ settings: [String: Any]) -> Int32? {
    let number = settings["eos_token_id"]
    let first = number as? Int ?? (number as? [Any])?.first as? Int
    return first.flatMap { Int32(exactly: $0) }
  }

  /// A file of settings, if it is there and can be read.
  private static func settings(_ path: String) -> [String: Any]? {
    guard let text = try? TextFile.read(path, upTo: 64 << 20) else { return nil }
    return try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
  }
}
