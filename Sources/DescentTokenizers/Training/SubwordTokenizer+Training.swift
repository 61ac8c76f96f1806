import DescentFiles

extension SubwordTokenizer {
  /// The smallest vocabulary: a token for each byte.
  public static let leastSize = 256

  /// Trains a byte-level BPE like GPT-2's on a text. Any text can be written with it.
  ///
  /// - Parameters:
  ///   - text: valid UTF-8.
  ///   - size: the tokens of the vocabulary, special ones included; fewer where the text has no more
  ///     pairs that occur twice.
  ///   - specialTokens: tokens that are found in a text as they are, numbered from 0.
  /// - Throws: ``TokenizerError/untrainable(_:)`` for a size below 256 and the special tokens, special
  ///   tokens that are empty or equal, and text that is empty or not UTF-8.
  public static func train(
    on text: [UInt8], size: Int, specialTokens: [String] = []
  ) throws(TokenizerError) -> SubwordTokenizer {
    let least = leastSize + specialTokens.count
    if size < least {
      throw .untrainable(
        "a vocabulary of \(size) tokens is too small; it needs \(leastSize) for the bytes"
          + (specialTokens.isEmpty ? "" : " and \(specialTokens.count) special ones"))
    }
    if size > Int(Int32.max) { throw .untrainable("a vocabulary of \(size) tokens is too large") }
    if specialTokens.contains("") { throw .untrainable("a special token is empty") }
    if text.isEmpty { throw .untrainable("the text is empty") }
    do {
      return try trained(text, size, specialTokens)
    } catch let error as TokenizerError {
      throw error
    } catch {
      throw .untrainable((error as? Defect)?.problem ?? "\(error)")
    }
  }

  private static func trained(
    _ text: [UInt8], _ size: Int, _ specialTokens: [String]
  ) throws -> SubwordTokenizer {
    let (words, counts) = try wordCounts(of: text)
    var tokens = ByteStrings()
    var index = ByteStringIndex()
    for token in specialTokens {
      tokens.append(Array(token.utf8))
      if index.insert(tokens.count - 1, of: tokens) != nil {
        throw Defect("the special token “\(token)” is given twice")
      }
    }
    // In the order of the characters that stand for them.
    var symbols = [Int32](repeating: 0, count: 256)
    let bytes = (0..<256).sorted { ByteAlphabet.characters[$0] < ByteAlphabet.characters[$1] }
    var written = tokens
    for byte in bytes {
      symbols[byte] = Int32(tokens.count)
      tokens.append([UInt8(byte)])
    }
    var training = BytePairTraining(
      tokens: tokens, symbols: symbols, words: words, counts: counts)
    training.run(size: size)
    for id in specialTokens.count..<training.tokens.count {
      let token = ByteAlphabet.written(training.tokens[id])
      if let special = index.find(token.span, in: written) {
        throw Defect(
          "the special token “\(specialTokens[special])” is one that the text makes, too; choose one "
            + "such as <|endoftext|>")
      }
      written.append(token)
    }
    let json = Self.json(written, training.merges, specialTokens: specialTokens.count)
    return try SubwordTokenizer(json: Array(json.utf8), path: "tokenizer.json")
  }

  /// The words of a text, and how often each occurs.
  private static func wordCounts(of text: [UInt8]) throws(Defect) -> (ByteStrings, [Int]) {
    if String(validating: text, as: UTF8.self) == nil { throw Defect("the text is not UTF-8") }
    let pattern = try Pattern(PreTokenizer.wordPattern)
    var (words, counts, index) = (ByteStrings(), [Int](), ByteStringIndex())
    var workspace = Pattern.Workspace()
    workspace.begin(text.count)
    var finder = MatchFinder()
    while let step = try finder.next(of: pattern, in: text.span, &workspace) {
      if step.isEnd { break }
      if let known = index.find(text.span.extracting(step.match), in: words) {
        counts[known] += 1
        continue
      }
      words.append(Array(text[step.match]))
      counts.append(1)
      _ = index.insert(words.count - 1, of: words)
    }
    return (words, counts)
  }

  private static func json(
    _ tokens: ByteStrings, _ merges: [(left: Int32, right: Int32)], specialTokens: Int
  ) -> String {
    func text(_ id: Int) -> String { String(decoding: tokens[id], as: UTF8.self) }
    let added = (0..<specialTokens).map { id in
      #"{"id":\#(id),"content":\#(JSON.quoted(text(id))),"single_word":false,"lstrip":false,"#
        + #""rstrip":false,"normalized":false,"special":true}"#
    }
    let vocabulary = (0..<tokens.count).map { "\(JSON.quoted(text($0))):\($0)" }
    let pairs = merges.map { pair in
      "[\(JSON.quoted(text(Int(pair.left)))),\(JSON.quoted(text(Int(pair.right))))]"
    }
    let bytes =
      #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#
    return """
      {"version":"1.0","truncation":null,"padding":null,
      "added_tokens":[\(added.joined(separator: ","))],
      "normalizer":null,"pre_tokenizer":\(bytes),"post_processor":null,"decoder":\(bytes),
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
      "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{\(vocabulary.joined(separator: ","))},
      "merges":[\(pairs.joined(separator: ","))]}}

      """
  }
}
