import Descent

/// `data.kind: text`: any text file, or the short stories that come with the package.
public struct TextData: DataKind {
  /// The file, plain or packed by gzip; nil learns the stories.
  public var path: String?
  /// What a token is; nil is that of the model, or for a model without one a character.
  public var tokenizer: TokenizerSource?
  /// The tokens of a window to train on and to evaluate; nil is what the model says.
  public var context: Int?
  /// A text to validate on; nil keeps the end of the other.
  public var testPath: String?
  /// The share of the text, its end, that is kept for validation, without a text for it.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "text"
  public static let settings: [Setting<TextData>] = [
    .optionalText("path", \.path, "a text file; none: short stories that come with the package"),
    .tokenizer(
      "tokenizer", \.tokenizer,
      "one token a character, one a byte, or those of a file; none: the model's own, or characters"),
    .optionalInteger(
      "context", \.context, .atLeast(1), "tokens of a window; none: what the model says"),
    .optionalText("test_path", \.testPath, "a text to validate on; none: the end of the other"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.text

  public func load(seed: UInt64) throws -> TextDataset {
    var dataset = try TextDataset.load(
      path: path ?? PackageResource.path("text/stories.txt"), validationPath: testPath,
      tokenizer: tokenizer ?? .kind(.character), validationFraction: validationFraction)
    dataset.context = context
    return dataset
  }
}
