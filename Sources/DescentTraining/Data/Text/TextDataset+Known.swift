extension TextDataset {
  /// All of the texts at `path` to validate on, by a tokenizer that is there already.
  ///
  /// - Parameters:
  ///   - path: as for ``load(path:validationPath:tokenizer:validationFraction:)``.
  ///   - tokenizer: the tokenizer of the run.
  ///   - folder: the run's folder, which names the end of documents.
  ///   - pack: whether several documents share a window.
  /// - Throws: as loading does, and `.malformed` with the line of the first character that the
  ///   tokenizer does not know.
  static func known(
    _ path: String, by tokenizer: Tokenizer, of folder: String?, pack: Bool
  ) throws(DataError) -> TextDataset {
    let files = try TextFiles(path)
    var tokens = TokenMemory(vocabulary: tokenizer.vocabularySize)
    var encoding = TextEncoding(
      tokenizer: tokenizer, end: DocumentEnd(of: tokenizer, beside: folder))
    encoding.expected = "characters that the model has learned"
    let (documents, counts) = try encoding.encode(files) { tokens.append($0) }
    let part = TextPart(
      tokens: TokenSequence(tokens), documents: documents, counts: counts)
    let packing: Packing = !pack ? .single : counts.areExamples ? .several : .stream
    let none = TextPart(tokens: [], documents: [], counts: counts)
    return try TextDataset(
      [none, part], tokenizer: tokenizer, packing: packing, validationFraction: 0)
  }
}
