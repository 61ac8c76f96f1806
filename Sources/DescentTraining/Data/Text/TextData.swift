import Descent
import Foundation

/// `data.kind: text`: texts, prompts with completions, or one of the texts that come with the package.
public struct TextData: DataKind {
  /// A text file, a file of JSON lines, or a folder of such files, plain or packed by gzip; `stories` or
  /// `ship-log` for a text of the package, where no file is called so; nil learns the stories.
  public var path: String?
  /// What a token is; nil is that of the model, or for a model without one a character.
  public var tokenizer: TokenizerSource?
  /// The tokens of a window to train on and to evaluate; nil is what the model says.
  public var context: Int?
  /// Texts to validate on, in the forms that `path` has; nil keeps the end of the others.
  public var testPath: String?
  /// The share of the text, its end, that is kept for validation, without a text for it.
  public var validationFraction = 0.1
  /// A text that the model knew before, as ``path``: evaluations measure the loss on its validation part,
  /// `val_old`, too.
  public var oldPath: String?
  /// Whether documents share windows; otherwise each is one, filled up.
  public var pack = true
  /// The file in which the tokens are kept from start to start; nil keeps them in memory.
  public var cache: String?
  /// The folder of the model that learns the texts, where it has a tokenizer of its own.
  var modelFolder: String?

  public init() {}

  public static let name = "text"
  public static let settings: [Setting<TextData>] = [
    .optionalText(
      "path", \.path,
      "a text file, a .jsonl file, a folder of them, or stories or ship-log, which come with the "
        + "package; none: the stories"),
    .tokenizer(
      "tokenizer", \.tokenizer,
      "one token a character, one a byte, or those of a file; none: the model's own, or characters"),
    .optionalInteger(
      "context", \.context, .atLeast(1), "tokens of a window; none: what the model says"),
    .optionalText(
      "test_path", \.testPath, "what to validate on, as path; none: the end of the other"),
    .validationFraction(\.validationFraction),
    .optionalText(
      "old_path", \.oldPath, "what the model knew before, as path: evaluations measure it too"),
    .flag("pack", \.pack, "whether several documents share a window, rather than one filled up"),
    .optionalText(
      "cache", \.cache, "a file that keeps the tokens from start to start; none: memory"),
  ]
  public static let form = DataForm.text

  public func load(seed: UInt64) throws -> TextDataset {
    var dataset = try TextLoading(
      path: Self.file(path ?? Self.texts[0]), validationPath: try testPath.map(Self.file),
      tokenizer: tokenizer ?? modelFolder.map { .file($0) } ?? .kind(.character),
      validationFraction: validationFraction,
      pack: pack, cache: cache
    ).load()
    dataset.context = context
    if let oldPath { try dataset.addOld(Self.file(oldPath), validationFraction) }
    return dataset
  }

  /// The texts that come with the package.
  static let texts = ["stories", "ship-log"]

  /// The path of a text: a name of the package's texts is one where no file is called so.
  private static func file(_ path: String) throws(DataError) -> String {
    texts.contains(path) && !FileManager.default.fileExists(atPath: path)
      ? try PackageResource.path("text/\(path).txt") : path
  }
}
