import Descent

/// `data.kind: text`: any text file, or the short stories that come with the package.
public struct TextData: DataKind {
  /// The file, plain or packed by gzip; nil learns the stories.
  public var path: String?
  /// What a token is.
  public var tokenizer = TokenizerSource.kind(.character)
  /// A text to validate on; nil keeps the end of the other.
  public var testPath: String?
  /// The share of the text, its end, that is kept for validation, without a text for it.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "text"
  public static let settings: [Setting<TextData>] = [
    .optionalText("path", \.path, "a text file; none: short stories that come with the package"),
    .tokenizer(
      "tokenizer", \.tokenizer, "one token a character, one a byte, or those of a model's file"),
    .optionalText("test_path", \.testPath, "a text to validate on; none: the end of the other"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.text

  public func load(seed: UInt64) throws -> TextDataset {
    try TextDataset.load(
      path: path ?? PackageResource.path("text/stories.txt"), validationPath: testPath,
      tokenizer: tokenizer, validationFraction: validationFraction)
  }
}
