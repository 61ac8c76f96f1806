import DescentTokenizers
import DescentTraining
import Foundation
import Testing

@Suite("Tokens in files") struct TokenCacheTests {
  let files = try! TemporaryFiles()
  private var cache: String { files.path("tokens") }

  private func load(
    _ path: String, _ other: String? = nil, _ kind: Tokenizer.Kind = .character,
    fraction: Double = 0.25
  ) throws -> TextDataset {
    try TextDataset.load(
      path: path, validationPath: other, tokenizer: TokenizerSource.kind(kind),
      validationFraction: fraction, cache: cache)
  }

  private func contents() throws -> Data { try Data(contentsOf: URL(filePath: cache)) }

  @Test("a second start takes the tokens of the first, whatever the part for validation")
  func second() throws {
    let path = try files.write("wörld and more\n", to: "a.txt")
    let other = try files.write(
      "{\"text\": \"é\"}\n{\"text\": \"\"}\n{\"text\": \"b\"}", to: "b.jsonl")
    for (path, other) in [(path, nil), (path, other), (other, nil)] as [(String, String?)] {
      for kind in Tokenizer.Kind.allCases {
        for fraction in [0.25, 0.5] {
          let plain = try TextDataset.load(
            path: path, validationPath: other, tokenizer: kind, validationFraction: fraction)
          try? FileManager.default.removeItem(atPath: cache)
          let first = try load(path, other, kind, fraction: 0.1)
          let made = try contents()
          let second = try load(path, other, kind, fraction: fraction)
          #expect(try contents() == made)
          #expect(first.tokenizer == plain.tokenizer && second.tokenizer == plain.tokenizer)
          #expect(second.training == plain.training && second.validation == plain.validation)
        }
      }
    }
  }

  @Test("the file says what it is, in little-endian numbers") func format() throws {
    _ = try load(try files.write("abca", to: "a.txt"))
    let bytes = [UInt8](try contents())
    #expect(bytes.starts(with: Array("descent-tokens-1".utf8)) && bytes[16] == 2)
    #expect(Array(bytes[24..<40]) == [4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[64..<72]) == [0, 0, 1, 0, 2, 0, 0, 0])
  }

  private func summary(_ path: String, _ kind: String = "char") throws -> String {
    let yaml = "{steps: 1, model: {kind: gpt, context: 2, layers: 1}, optimizer: {name: sgd}, "
    let task = try Recipe(
      yaml: yaml
        + "data: {kind: text, path: \(path), tokenizer: \(kind), cache: \(cache), validation_fraction: 0.5}}"
    ).makeTask()
    return try #require(task.summary)
  }

  @Test("a stale file is made anew, with a sentence") func stale() throws {
    let path = try files.write("abcdefgh", to: "a.txt")
    #expect(!(try summary(path).contains("anew")))
    #expect(!(try summary(path).contains("anew")))
    _ = try files.write("hgfedcba", to: "a.txt")
    let sentence = "\(cache) was made from other texts or by another tokenizer, and is made anew"
    #expect(try summary(path).contains(sentence))
    #expect(try load(path).tokenizer.decode(Array(load(path).training)) == "hgfedc")
    // Another tokenizer.
    let bytes = try load(path, nil, .byte)
    #expect(bytes.tokenizer == .byte && bytes.training.first == 104)
  }

  @Test("a damaged file is made anew, wherever it is damaged") func damaged() throws {
    let path = try files.write("abcdefgh", to: "a.txt")
    _ = try load(path, nil, .byte)
    let good = try contents()
    var cases = (16..<good.count).map { place in
      var bad = good
      bad[place] ^= 0x41
      return bad
    }
    cases += [good.prefix(16), good.prefix(63), good.prefix(64), good.dropLast(), good + [0]]
    for bad in cases {
      try bad.write(to: URL(filePath: cache))
      #expect(try load(path, nil, .byte).training.count == 6)
      #expect(try contents() == good)
    }
    try good.dropLast().write(to: URL(filePath: cache))
    #expect(try summary(path, "byte").contains("\(cache) was damaged, and is made anew"))
  }

  @Test("another file is never replaced, and a place that cannot be written is named")
  func refused() throws {
    let path = try files.write("abcdefgh", to: "a.txt")
    for (cache, part) in [
      (path, "something else, which is left as it is; name another file."),
      (files.folder, "it is a folder"),
      (files.path("no/tokens"), "name another file as data.cache."),
    ] {
      let error = #expect(throws: DataError.self) {
        try TextDataset.load(path: path, tokenizer: TokenizerSource.kind(.byte), cache: cache)
      }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "abcdefgh")
    // A text that cannot be read leaves no file.
    let broken = try files.write([0xFF], to: "broken.txt")
    #expect(throws: DataError.self) { try load(broken) }
    #expect(!FileManager.default.fileExists(atPath: cache))
    #expect(try FileManager.default.contentsOfDirectory(atPath: files.folder).count == 2)
  }
}

@Suite("Pieces of long texts") struct TextCutterTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../DescentTokenizersTests/Vectors").standardizedFileURL.path

  private static let text: [UInt8] = {
    let words = [
      "The ", "lamp", "lighter's", " 1234", "\n", "\n\n", "    if x == y:", "\tü", " 日本語", "!?",
      " ",
      "e\u{301}", "\r\n", "  ", "don't", "😀", " and", " then", ".\n", ". ",
    ]
    var (state, text) = (UInt64(7), "")
    while text.utf8.count < 40_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      text += words[Int(state >> 33) % words.count]
    }
    return Array(text.utf8)
  }()

  @Test(
    "pieces have the tokens that the whole text has",
    arguments: [
      "bert", "clip", "deepseek", "gemma", "gpt2", "llama2", "llama3", "mistral", "o200k", "qwen2",
      "roberta", "smollm", "t5",
    ])
  func pieces(_ name: String) throws {
    let tokenizer = try SubwordTokenizer(path: "\(Self.folder)/\(name).tokenizer.json")
    let whole = try tokenizer.tokens(of: Self.text)
    for size in [1000, 5000] {
      var (cutter, tokens, count) = (TextCutter(tokenizer, size: size), [Int32](), 0)
      var pieces: [TextCutter.Piece] = []
      for start in stride(from: 0, to: Self.text.count, by: 700) {
        var end = min(start + 700, Self.text.count)
        end = max(start, end)
        if let piece = cutter.append(Array(Self.text[start..<end])) { pieces.append(piece) }
      }
      if let piece = cutter.finish() { pieces.append(piece) }
      for piece in pieces {
        tokens += try piece.tokens(by: tokenizer)
        count += piece.text.count
      }
      #expect(tokens == whole && count == Self.text.count)
      #expect(pieces.count > 4, "\(name) was cut into \(pieces.count)")
    }
  }
}
