/// Texts as tokens, their last part kept for validation: one running text, or documents that begin
/// windows of their own.
public struct TextDataset: Sendable {
  /// How the text became tokens.
  public let tokenizer: Tokenizer
  /// The tokens to train on.
  public let training: TokenSequence
  /// The tokens to validate on.
  public let validation: TokenSequence

  /// The tokens of a window; nil is what the model says.
  public var context: Int?
  /// What stands behind each document; nil for one text.
  public internal(set) var end: DocumentEnd?
  /// Tokens of a text that the model knew before, to validate on.
  private(set) var old: TokenSequence?
  /// How tokens become windows.
  let packing: Packing
  /// The documents of both parts, where windows begin with them; otherwise none.
  let documents: (training: [TextDocument], validation: [TextDocument])
  /// What else is to be said of the texts, a line each.
  var notes: [String] = []

  /// How tokens become windows.
  enum Packing: Sendable {
    /// Anywhere in the running text.
    case stream
    /// Several documents from their beginnings.
    case several
    /// One document from its beginning.
    case single
  }

  /// A part of the text.
  public enum Part: String, Sendable {
    /// The part to train on.
    case training
    /// The part to validate on.
    case validation
    /// What the model knew before; nothing where no such text is given.
    case old
  }

  /// Tokens, cut by position: the last `validationFraction` of them are for validation.
  ///
  /// Throws `.unsuitable` if there are no tokens or `validationFraction` is not in 0 ..< 1.
  public init(tokens: [Int32], tokenizer: Tokenizer, validationFraction: Double = 0.1)
    throws(DataError)
  {
    if tokens.isEmpty { throw DataError.unsuitable("the text is empty") }
    let part = TextPart(
      tokens: TokenSequence(tokens), documents: [TextDocument(count: tokens.count)],
      counts: TextCounts())
    try self.init(
      [part], tokenizer: tokenizer, packing: .stream, validationFraction: validationFraction)
  }

  /// Texts to train on, and those to validate on where they are others.
  init(
    _ parts: [TextPart], tokenizer: Tokenizer, packing: Packing, validationFraction: Double
  ) throws(DataError) {
    (self.tokenizer, self.packing) = (tokenizer, packing)
    if parts.count > 1 {
      (training, validation) = (parts[0].tokens, parts[1].tokens)
      documents = packing == .stream ? ([], []) : (parts[0].documents, parts[1].documents)
      return
    }
    if !(0..<1).contains(validationFraction) {
      throw DataError.unsuitable(
        "the validation fraction is \(validationFraction); it must be at least 0 and below 1")
    }
    // As in the reference: the training part is n · (1 - fraction), rounded down, where the small
    // excess keeps products such as 10 · 0.9 from falling below the whole number that is meant.
    func cut(_ count: Int) -> Int {
      Int((Double(count) * (1 - validationFraction) + 1e-9).rounded(.down))
    }
    let tokens = parts[0].tokens
    var place = cut(tokens.count)
    if packing == .stream {
      documents = ([], [])
    } else {
      // Documents stay whole.
      let all = parts[0].documents
      let first = cut(all.count)
      documents = (Array(all[..<first]), Array(all[first...]))
      place = documents.training.reduce(0) { $0 + $1.count }
    }
    training = tokens.part(0..<place)
    validation = tokens.part(place..<tokens.count)
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

  /// Loads texts, and others to validate on if there are any; then the fraction has no meaning.
  ///
  /// - Parameters:
  ///   - path: a text file, a file of JSON lines, or a folder of such files, plain or packed by
  ///     gzip.
  ///   - validationPath: the same, to validate on.
  ///   - kind: what a token is.
  ///   - validationFraction: the share that is kept for validation, at the end.
  /// - Throws: ``DataError``: `.missingFile`, `.unreadable`, `.malformed` for a file that is empty
  ///   or, with tokens for characters, not UTF-8, for bad lines and folders without texts;
  ///   `.unsuitable` like the form for tokens.
  public static func load(
    path: String, validationPath: String? = nil, tokenizer kind: Tokenizer.Kind,
    validationFraction: Double = 0.1
  ) throws(DataError) -> TextDataset {
    try load(
      path: path, validationPath: validationPath, tokenizer: TokenizerSource.kind(kind),
      validationFraction: validationFraction)
  }

  /// The same with the tokenizer of a file.
  ///
  /// - Parameters:
  ///   - path: as there.
  ///   - validationPath: as there.
  ///   - source: where the tokenizer comes from.
  ///   - validationFraction: as there.
  ///   - pack: whether documents share windows; otherwise each is one, filled up.
  ///   - cache: the file in which the tokens are kept from start to start; nil keeps them in
  ///     memory.
  /// - Throws: the same, and what is wrong with the tokenizer's file or with the cache.
  public static func load(
    path: String, validationPath: String? = nil, tokenizer source: TokenizerSource,
    validationFraction: Double = 0.1, pack: Bool = true, cache: String? = nil
  ) throws(DataError) -> TextDataset {
    try TextLoading(
      path: path, validationPath: validationPath, tokenizer: source,
      validationFraction: validationFraction, pack: pack, cache: cache
    ).load()
  }

  /// Adds a text that the model knew before, of which the last part is for validation.
  ///
  /// - Throws: as ``load(path:validationPath:tokenizer:validationFraction:)``; where the tokenizer cannot
  ///   write it.
  mutating func addOld(_ path: String, _ validationFraction: Double) throws(DataError) {
    var tokens = TokenMemory(vocabulary: tokenizer.vocabularySize)
    let end = end ?? DocumentEnd(of: tokenizer, beside: nil)
    let (documents, counts) = try TextEncoding(tokenizer: tokenizer, end: end).encode(
      TextFiles(path)
    ) { tokens.append($0) }
    let part = TextPart(tokens: TokenSequence(tokens), documents: documents, counts: counts)
    old = try TextDataset(
      [part], tokenizer: tokenizer, packing: .stream, validationFraction: validationFraction
    ).validation
  }

  /// The tokens of a part.
  public func tokens(of part: Part) -> TokenSequence {
    switch part {
    case .training: training
    case .validation: validation
    case .old: old ?? TokenSequence([])
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
      inputs += tokens.array(offset..<offset + context)
      targets += tokens.array(offset + 1..<offset + context + 1)
    }
    return (inputs, targets)
  }
}
