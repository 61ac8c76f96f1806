import DescentTokenizers

/// A text as tokens, its last part kept for validation.
public struct TextDataset: Sendable {
  /// How the text became tokens.
  public let tokenizer: Tokenizer
  /// The tokens to train on.
  public let training: [Int32]
  /// The tokens to validate on.
  public let validation: [Int32]

  /// The tokens of a window; nil is what the model says.
  public var context: Int?

  /// A part of the text.
  public enum Part: String, Sendable {
    /// The part to train on.
    case training
    /// The part to validate on.
    case validation
  }

  /// Tokens, cut by position: the last `validationFraction` of them are for validation.
  ///
  /// Throws `.unsuitable` if there are no tokens or `validationFraction` is not in 0 ..< 1.
  public init(tokens: [Int32], tokenizer: Tokenizer, validationFraction: Double = 0.1)
    throws(DataError)
  {
    if tokens.isEmpty { throw DataError.unsuitable("the text is empty") }
    if !(0..<1).contains(validationFraction) {
      throw DataError.unsuitable(
        "the validation fraction is \(validationFraction); it must be at least 0 and below 1")
    }
    // As in the reference: the training part is n · (1 - fraction), rounded down, where the small
    // excess keeps products such as 10 · 0.9 from falling below the whole number that is meant.
    let cut = Int((Double(tokens.count) * (1 - validationFraction) + 1e-9).rounded(.down))
    self.tokenizer = tokenizer
    training = Array(tokens[..<cut])
    validation = Array(tokens[cut...])
  }

  /// A text with a tokenizer of the given kind, whose vocabulary is taken from the whole text.
  ///
  /// Throws `.unsuitable` like the form for tokens.
  public init(text: String, tokenizer kind: Tokenizer.Kind, validationFraction: Double = 0.1)
    throws(DataError)
  {
    let tokenizer: Tokenizer =
      switch kind {
      case .byte: .byte
      case .character: .character(CharacterVocabulary(of: text))
      }
    try self.init(text: text, encodedBy: tokenizer, validationFraction: validationFraction)
  }

  /// A text as the tokens of a tokenizer.
  ///
  /// Throws `.unsuitable` like the form for tokens, and where the tokenizer cannot write the text.
  public init(text: String, encodedBy tokenizer: Tokenizer, validationFraction: Double = 0.1)
    throws(DataError)
  {
    try self.init(
      tokens: try tokenizer.encode(text), tokenizer: tokenizer,
      validationFraction: validationFraction)
  }

  /// A text to train on and another to validate on, whose vocabulary is taken from both.
  private init(
    training: [UInt8], validation: [UInt8], tokenizer kind: Tokenizer.Kind,
    paths: (training: String, validation: String)
  ) throws(DataError) {
    switch kind {
    case .byte:
      tokenizer = .byte
      self.training = training.map { Int32($0) }
      self.validation = validation.map { Int32($0) }
    case .character:
      let first = try Self.text(training, of: paths.training)
      let second = try Self.text(validation, of: paths.validation)
      tokenizer = .character(CharacterVocabulary(of: first + second))
      self.training = try tokenizer.encode(first)
      self.validation = try tokenizer.encode(second)
    }
  }

  /// Loads a text file, plain or packed by gzip, and another to validate on if there is one; then
  /// the fraction has no meaning.
  ///
  /// Throws `.missingFile`, `.unreadable`, `.malformed` if a file is empty or, with tokens for
  /// characters, not UTF-8, and `.unsuitable` like the form for tokens.
  public static func load(
    path: String, validationPath: String? = nil, tokenizer kind: Tokenizer.Kind,
    validationFraction: Double = 0.1
  ) throws(DataError) -> TextDataset {
    let bytes = try bytes(of: path)
    if let validationPath {
      return try TextDataset(
        training: bytes, validation: try Self.bytes(of: validationPath), tokenizer: kind,
        paths: (path, validationPath))
    }
    switch kind {
    case .byte:
      return try TextDataset(
        tokens: bytes.map { Int32($0) }, tokenizer: .byte, validationFraction: validationFraction)
    case .character:
      return try TextDataset(
        text: text(bytes, of: path), tokenizer: .character, validationFraction: validationFraction)
    }
  }

  /// The same with the tokenizer of a file.
  ///
  /// Throws the same, and what is wrong with the tokenizer's file.
  public static func load(
    path: String, validationPath: String? = nil, tokenizer source: TokenizerSource,
    validationFraction: Double = 0.1
  ) throws(DataError) -> TextDataset {
    let file: String
    switch source {
    case .kind(let kind):
      return try load(
        path: path, validationPath: validationPath, tokenizer: kind,
        validationFraction: validationFraction)
    case .file(let path): file = path
    }
    let tokenizer: Tokenizer
    do throws(TokenizerError) { tokenizer = .subword(try SubwordTokenizer(path: file)) } catch {
      throw DataError(error)
    }
    let text = try text(bytes(of: path), of: path)
    guard let validationPath else {
      return try TextDataset(
        text: text, encodedBy: tokenizer, validationFraction: validationFraction)
    }
    let other = try Self.text(bytes(of: validationPath), of: validationPath)
    return TextDataset(
      tokenizer: tokenizer, training: try tokenizer.encode(text),
      validation: try tokenizer.encode(other))
  }

  private init(tokenizer: Tokenizer, training: [Int32], validation: [Int32]) {
    (self.tokenizer, self.training, self.validation) = (tokenizer, training, validation)
  }

  static func bytes(of path: String) throws(DataError) -> [UInt8] {
    // A token takes four bytes, and the tokens are there once more when they are parted.
    let bytes = try DataFile.read(path, memoryPerByte: 8)
    if bytes.isEmpty {
      throw DataError.malformed(path: path, expected: "text", found: "an empty file")
    }
    return bytes
  }

  static func text(_ bytes: [UInt8], of path: String) throws(DataError) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    throw DataError.malformed(
      path: path, location: .init(line: lineOfInvalidUTF8(in: bytes)), expected: "UTF-8 text",
      found: "other bytes; data.tokenizer=byte takes any")
  }

  /// The byte that ends a line is in no character of several bytes, so each can be checked alone.
  private static func lineOfInvalidUTF8(in bytes: [UInt8]) -> Int {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return 1 + (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0)
  }

  /// The tokens of a part.
  public func tokens(of part: Part) -> [Int32] {
    switch part {
    case .training: training
    case .validation: validation
    }
  }

  /// Checks that windows of `context` tokens can be taken from `part`: it must hold one token
  /// more, the last target.
  ///
  /// Throws `.unsuitable`.
  public func check(context: Int, part: Part) throws(DataError) {
    let count = tokens(of: part).count
    if context < 1 { throw DataError.unsuitable("a context of \(context) tokens is too short") }
    if count <= context {
      throw DataError.unsuitable(
        "a context of \(context) tokens needs a \(part.rawValue) text of at least \(context + 1) "
          + "tokens, but there are \(count); shorten the context, give a longer text, or change the "
          + "validation fraction")
    }
  }

  /// The windows of `context` tokens that begin at `offsets`, and the token that follows each
  /// input: both row-major [offsets, context].
  ///
  ///     inputs[b, t] = text[offsets[b] + t],  targets[b, t] = text[offsets[b] + t + 1]
  ///
  /// An offset must lie in 0 ..< count - context.
  public func windows(
    at offsets: [Int], context: Int, part: Part
  ) -> (inputs: [Int32], targets: [Int32]) {
    let tokens = tokens(of: part)
    var (inputs, targets): ([Int32], [Int32]) = ([], [])
    inputs.reserveCapacity(offsets.count * context)
    targets.reserveCapacity(offsets.count * context)
    for offset in offsets {
      inputs += tokens[offset..<offset + context]
      targets += tokens[offset + 1..<offset + context + 1]
    }
    return (inputs, targets)
  }
}
