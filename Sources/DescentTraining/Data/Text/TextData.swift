import Descent

/// `data.kind: text`: texts, prompts with completions, or the short stories that come with the
/// package.
public struct TextData: DataKind {
  /// A text file, a file of JSON lines, or a folder of such files, plain or packed by gzip; nil
  /// learns the stories.
  public var path: String?
  /// What a token is; nil is that of the model, or for a model without one a character.
  public var tokenizer: TokenizerSource?
  /// The tokens of a window to train on and to evaluate; nil is what the model says.
  public var context: Int?
  /// Texts to validate on, in the forms that `path` has; nil keeps the end of the others.
  public var testPath: String?
  /// The share of the text, its end, that is kept for validation, without a text for it.
  public var validationFraction = 0.1
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
      "a text file, a .jsonl file, or a folder of them; none: the stories that come with the package"
    ),
    .tokenizer(
      "tokenizer", \.tokenizer,
      "one token a character, one a byte, or those of a file; none: the model's own, or characters"),
    .optionalInteger(
      "context", \.context, .atLeast(1), "tokens of a window; none: what the model says"),
    .optionalText(
      "test_path", \.testPath, "what to validate on, as path; none: the end of the other"),
    .validationFraction(\.validationFraction),
    .flag("pack", \.pack, "whether several documents share a window, rather than one filled up"),
    .optionalText(
      "cache", \.cache, "a file that keeps the tokens from start to start; none: memory"),
  ]
  public static let form = DataForm.text

  public func load(seed: UInt64) throws -> TextDataset {
    var dataset = try TextLoading(
      path: path ?? PackageResource.path("text/stories.txt"), validationPath: testPath,
      tokenizer: tokenizer ?? modelFolder.map { .file($0) } ?? .kind(.character),
      validationFraction: validationFraction,
      pack: pack, cache: cache
    ).load()
    dataset.context = context
    return dataset
  }
}
