extension TextDataset {
  /// The tokens of a file, plain or packed by gzip, by a tokenizer that is there already.
  ///
  /// Throws as ``load(path:validationPath:tokenizer:validationFraction:)`` does, and `.malformed` with
  /// the line of the first character that the tokenizer does not know.
  static func tokens(of path: String, by tokenizer: Tokenizer) throws(DataError) -> [Int32] {
    let bytes = try bytes(of: path)
    // Bytes need not be text.
    if tokenizer == .byte { return bytes.map { Int32($0) } }
    let text = try text(bytes, of: path)
    do throws(DataError) {
      return try tokenizer.encode(text)
    } catch {
      let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      for (index, line) in lines.enumerated() {
        do throws(DataError) { _ = try tokenizer.encode(String(line)) } catch {
          guard case .unsuitable(let reason) = error else { throw error }
          throw .malformed(
            path: path, location: .init(line: index + 1),
            expected: "characters that the model has learned", found: "another: \(reason)")
        }
      }
      throw error
    }
  }
}
