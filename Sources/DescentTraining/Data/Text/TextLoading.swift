import DescentCompute
import DescentTokenizers

/// Texts as tokens: those to train on, or others to validate on.
struct TextPart: Sendable {
  let tokens: TokenSequence
  let documents: [TextDocument]
  let counts: TextCounts
}

/// How the texts of a recipe become a ``TextDataset``.
struct TextLoading {
  let path: String
  var validationPath: String?
  var tokenizer: TokenizerSource = .kind(.character)
  var validationFraction = 0.1
  /// Whether several documents share a window.
  var pack = true
  /// Where the tokens are kept; nil is memory.
  var cache: String?
  /// The bytes of memory that there are.
  var memory = Machine.memory

  /// Loads them.
  func load() throws(DataError) -> TextDataset {
    let texts = try TextFiles(path)
    let others: TextFiles? = if let validationPath { try TextFiles(validationPath) } else { nil }
    let all = [texts] + (others.map { [$0] } ?? [])
    var known: Tokenizer?
    var file: String?
    switch tokenizer {
    case .kind(.byte): known = .byte
    case .kind(.character): break
    case .file(let path):
      file = path
      known = try Tokenizer(path: path)
    }
    let areDocuments = all.contains { $0.areDocuments }
    let end = known.map { DocumentEnd(of: $0, beside: file) }
    var notes: [String] = []
    var cached: TokenCache?
    if let cache {
      let place = TokenCache(path: cache, fingerprint: try fingerprint(all, known, end))
      cached = place
      switch try place.read(vocabulary: known?.vocabularySize) {
      case .tokens(let parts, let own):
        if let tokenizer = known ?? own {
          return try dataset(parts, all, tokenizer, areDocuments, file, notes)
        }
      case .none: break
      case .unusable(let reason): notes.append("\(cache) \(reason), and is made anew")
      }
    }
    if cached == nil { try requireMemory(all, isByte: known == .byte) }
    let tokenizer: Tokenizer
    if let known { tokenizer = known } else { tokenizer = .character(try .of(all)) }
    let parts: [TextPart]
    if let cached {
      parts = try write(all, tokenizer, file, to: cached)
    } else {
      parts = try all.map { (files) throws(DataError) in
        var tokens = TokenMemory(vocabulary: tokenizer.vocabularySize)
        let (documents, counts) = try encoding(tokenizer, file).encode(files) {
          (more) throws(DataError) in
          tokens.append(more)
          // An array that grows is there twice for a moment.
          if tokens.bytes > memory / 2 { throw tooLarge(files.path, nil) }
        }
        return TextPart(tokens: TokenSequence(tokens), documents: documents, counts: counts)
      }
    }
    return try dataset(parts, all, tokenizer, areDocuments, file, notes)
  }

  private func encoding(_ tokenizer: Tokenizer, _ file: String?) -> TextEncoding {
    TextEncoding(tokenizer: tokenizer, end: DocumentEnd(of: tokenizer, beside: file))
  }

  /// Makes the file of tokens, and maps it.
  private func write(
    _ all: [TextFiles], _ tokenizer: Tokenizer, _ file: String?, to cache: TokenCache
  ) throws(DataError) -> [TextPart] {
    let writer = try TokenCacheWriter(cache.path, vocabulary: tokenizer.vocabularySize)
    var description = TokenCache.Description(fingerprint: cache.fingerprint)
    if tokenizer.kind != nil { description.tokenizer = tokenizer }
    var table: [TextDocument] = []
    for files in all {
      var count = 0
      let (documents, counts) = try encoding(tokenizer, file).encode(files) {
        (more) throws(DataError) in
        count += more.count
        try writer.append(more)
      }
      table += documents
      description.parts.append(
        .init(tokens: count, documents: documents.count, counts: counts))
    }
    try writer.finish(table, description)
    guard case .tokens(let parts, _) = try cache.read(vocabulary: tokenizer.vocabularySize) else {
      throw .unreadable(path: cache.path, reason: "its tokens are not those that were written")
    }
    return parts
  }

  /// What the tokens follow from. Files are known by name, size and time of change, as texts may be
  /// large.
  private func fingerprint(
    _ all: [TextFiles], _ tokenizer: Tokenizer?, _ end: DocumentEnd?
  ) throws(DataError) -> String {
    var hash = Fingerprint()
    for files in all { try files.addState(to: &hash) }
    switch tokenizer {
    case .subword(let tokenizer): for byte in tokenizer.json { hash.add(UInt32(byte)) }
    case .character(let vocabulary): for scalar in vocabulary.scalars { hash.add(scalar.value) }
    case let tokenizer: hash.add(tokenizer?.kind?.rawValue ?? Tokenizer.Kind.character.rawValue)
    }
    for token in end?.tokens ?? [] { hash.add(UInt32(bitPattern: token)) }
    return hash.text
  }

  /// Refuses plain files whose tokens cannot fit into memory before they are read.
  private func requireMemory(_ all: [TextFiles], isByte: Bool) throws(DataError) {
    var size = 0
    for files in all { for file in files.files { size += try DataFile.size(of: file.path) } }
    // A byte is a token of two bytes; few texts have more than four bytes a token.
    let least = isByte ? size.times(2) : size / 2
    if least > memory { throw tooLarge(path, least) }
  }

  private func tooLarge(_ path: String, _ bytes: Int?) -> DataError {
    .unreadable(
      path: path,
      reason: "its tokens need "
        + (bytes.map { "at least \(Amount.bytes(Double($0))) of memory" } ?? "more memory")
        + ", and there are \(Amount.bytes(Double(memory))); keep them in a file by data.cache=FILE"
    )
  }

  // MARK: What was loaded

  private func dataset(
    _ parts: [TextPart], _ files: [TextFiles], _ tokenizer: Tokenizer, _ areDocuments: Bool,
    _ file: String?, _ notes: [String]
  ) throws(DataError) -> TextDataset {
    let end = areDocuments ? DocumentEnd(of: tokenizer, beside: file) : nil
    let areExamples = parts[0].counts.areExamples
    if let other = parts.dropFirst().first, other.counts.areExamples != areExamples {
      let (one, another) = ("prompts with completions", "texts")
      throw .unsuitable(
        "data.path has \(areExamples ? one : another), and data.test_path has "
          + "\(areExamples ? another : one); give the same kind in both")
    }
    let packing: TextDataset.Packing = !pack ? .single : areExamples ? .several : .stream
    var dataset = try TextDataset(
      parts, tokenizer: tokenizer, packing: packing, validationFraction: validationFraction)
    dataset.end = end
    dataset.notes = notes
    if areDocuments { dataset.notes.append(Self.documents(parts, files, end)) }
    dataset.notes += Self.faults(parts, files)
    return dataset
  }

  private static func documents(
    _ parts: [TextPart], _ files: [TextFiles], _ end: DocumentEnd?
  ) -> String {
    let documents = parts.reduce(0) { $0 + $1.documents.count }
    let count = files.reduce(0) { $0 + $1.files.count }
    let name = parts[0].counts.areExamples ? "example" : "document"
    let close =
      if let end, !end.tokens.isEmpty { ", each ended by \(end.name)" } else { "" }
    return "\(Amount.count(documents, name)) in \(Amount.count(count, "file"))\(close)"
  }

  private static func faults(_ parts: [TextPart], _ files: [TextFiles]) -> [String] {
    var notes: [String] = []
    let leftOut = files.flatMap(\.leftOut)
    if !leftOut.isEmpty {
      let names = leftOut.prefix(3).joined(separator: ", ") + (leftOut.count > 3 ? ", ..." : "")
      notes.append("left out as no texts: \(Amount.count(leftOut.count, "file")) (\(names))")
    }
    let empty = parts.reduce(0) { $0 + $1.counts.empty }
    if empty > 0 { notes.append("left out: \(Amount.count(empty, "document")) without text") }
    let merged = parts.reduce(0) { $0 + $1.counts.merged }
    if merged > 0 {
      notes.append(
        "in \(Amount.count(merged, "example")) the completion begins within a token that the "
          + "prompt shares; let completions, not prompts, have the space between them")
    }
    return notes
  }
}
