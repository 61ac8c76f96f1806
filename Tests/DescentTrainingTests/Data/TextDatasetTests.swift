import DescentCompute
import DescentTraining
import Foundation
import Testing

@Suite struct TokenizerTests {
  @Test func `characters are numbered in order`() throws {
    let tokenizer = Tokenizer.character(CharacterVocabulary(of: "hallo\nwörld ✓"))
    #expect(tokenizer.vocabularySize == 11)
    #expect(try tokenizer.encode("\n ah✓") == [0, 1, 2, 4, 10])
    #expect(try tokenizer.decode([0, 1, 2, 4, 10]) == "\n ah✓")
  }

  @Test func `scalars are not merged into characters`() throws {
    let text = "e\u{301} \u{E9} 👩\u{200D}👧"
    let tokenizer = Tokenizer.character(CharacterVocabulary(of: text))
    let decoded = try tokenizer.decode(tokenizer.encode(text))
    #expect(decoded.unicodeScalars.elementsEqual(text.unicodeScalars))
    #expect(tokenizer.vocabularySize == 7)
  }

  @Test func `bytes stand for themselves`() throws {
    #expect(try Tokenizer.byte.encode("aé") == [97, 0xC3, 0xA9])
    #expect(try Tokenizer.byte.decode([97, 0xC3, 0xA9]) == "aé")
    #expect(try Tokenizer.byte.decode([0xC3]) == "\u{FFFD}")
    #expect(Tokenizer.byte.vocabularySize == 256)
  }

  @Test(arguments: [("x", "“x” (U+0078)"), ("\t", "(U+0009)"), ("😀", "“😀” (U+1F600)")])
  func `an unknown character is named`(_ text: String, _ name: String) throws {
    let tokenizer = Tokenizer.character(CharacterVocabulary(of: "abc"))
    let error = #expect(throws: DataError.self) { try tokenizer.encode("ab" + text) }
    #expect(
      error == .unsuitable("the character \(name) is not in the vocabulary of 3 characters"))
  }

  @Test(arguments: [-1, 3] as [Int32]) func `an unknown token is named`(_ token: Int32) throws {
    let tokenizer = Tokenizer.character(CharacterVocabulary(of: "abc"))
    let error = #expect(throws: DataError.self) { try tokenizer.decode([0, token]) }
    #expect(error == .unsuitable("the token \(token) is not in the vocabulary of 3 tokens"))
  }

  @Test(arguments: [
    Tokenizer.byte, .character(CharacterVocabulary(of: "e\u{301}\u{E9}\"\\\n\u{0}b😀")),
  ]) func `a tokenizer survives JSON`(_ tokenizer: Tokenizer) throws {
    let data = try JSONEncoder().encode(tokenizer)
    #expect(try JSONDecoder().decode(Tokenizer.self, from: data) == tokenizer)
  }

  @Test func `the saved form is plain`() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(Tokenizer.character(CharacterVocabulary(of: "cab")))
    #expect(String(decoding: data, as: UTF8.self) == #"{"characters":"abc","kind":"char"}"#)
  }

  @Test(arguments: ["ba", "aab"]) func `a disordered vocabulary is refused`(_ text: String) {
    let json = Data(#"{"kind":"char","characters":"\#(text)"}"#.utf8)
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(Tokenizer.self, from: json) }
  }
}

@Suite struct TextStreamTests {
  /// What comes of each token.
  private func pieces(_ tokens: [Int32], _ tokenizer: Tokenizer = .byte) throws -> [String] {
    var stream = TextStream(tokenizer)
    return try tokens.map { try stream.append($0) }
  }

  @Test func `characters come whole`() throws {
    #expect(
      try pieces("aé€😀".utf8.map { Int32($0) }) == ["a", "", "é", "", "", "€", "", "", "", "😀"])
    #expect(try pieces([0xE2, 0x82]) == ["", ""])
    #expect(try pieces([0xE2, 0x41]) == ["", "\u{FFFD}A"])
    #expect(try pieces([0xFF, 0xE2, 0xC3, 0xA9]) == ["\u{FFFD}", "", "\u{FFFD}", "é"])
    let vocabulary = Tokenizer.character(CharacterVocabulary(of: "é€"))
    #expect(try pieces([1, 0], vocabulary) == ["€", "é"])
    for (token, tokenizer) in [(-1, Tokenizer.byte), (256, .byte), (2, vocabulary)] {
      #expect(throws: DataError.self) { try pieces([Int32(token)], tokenizer) }
    }
  }

  @Test func `any bytes become what they become at once`() throws {
    let bytes: [UInt8] = [
      0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED,
      0xEF,
      0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
    ]
    var random = RandomStream(seed: 9, stream: 0)
    for _ in 0..<20_000 {
      let some = (0..<5).map { _ in bytes[random.integer(below: bytes.count)] } + [0x0A]
      #expect(try pieces(some.map { Int32($0) }).joined() == String(decoding: some, as: UTF8.self))
    }
  }
}

@Suite struct TextDatasetTests {
  let files = try! TemporaryFiles()

  @Test(arguments: [
    (10, 0.1, 9), (10, 0.0, 10), (1000, 0.1, 900), (7, 0.3, 4), (1_115_394, 0.1, 1_003_854),
  ])
  func `the last part is for validation`(_ count: Int, _ fraction: Double, _ training: Int) throws {
    let tokens = (0..<count).map { Int32($0) }
    let dataset = try TextDataset(tokens: tokens, tokenizer: .byte, validationFraction: fraction)
    #expect(dataset.training.count == training)
    #expect(Array(dataset.training) + Array(dataset.validation) == tokens)
  }

  @Test func `targets follow their inputs`() throws {
    let dataset = try TextDataset(
      tokens: (0..<20).map { $0 }, tokenizer: .byte, validationFraction: 0.5)
    let windows = dataset.windows(at: [0, 6, 3], context: 3, part: .validation)
    #expect(windows.inputs == [10, 11, 12, 16, 17, 18, 13, 14, 15])
    #expect(windows.targets == windows.inputs.map { $0 + 1 })
  }

  @Test func `a context that just fits is taken, a longer one refused`() throws {
    let dataset = try TextDataset(
      text: "abcdefghij", tokenizer: .byte, validationFraction: 0.4)
    try dataset.check(context: 5, part: .training)
    try dataset.check(context: 3, part: .validation)
    for (context, part, count) in [(6, TextDataset.Part.training, 6), (4, .validation, 4)] {
      let error = #expect(throws: DataError.self) {
        try dataset.check(context: context, part: part)
      }
      let message = "\(try #require(error))"
      #expect(
        message.hasPrefix(
          "a context of \(context) tokens needs a \(part.rawValue) text of at least \(context + 1) "
            + "tokens, but there are \(count);"))
    }
    #expect(throws: DataError.self) { try dataset.check(context: 0, part: .training) }
  }

  @Test func `a file is read with either tokenizer`() throws {
    let path = try files.write("wörld\n", to: "text.txt")
    let characters = try TextDataset.load(path: path, tokenizer: .character, validationFraction: 0)
    #expect(characters.tokenizer.vocabularySize == 6 && characters.training.count == 6)
    let bytes = try TextDataset.load(path: path, tokenizer: .byte, validationFraction: 0)
    #expect(bytes.training.count == 7)
    #expect(try bytes.tokenizer.decode(Array(bytes.training)) == "wörld\n")
  }

  @Test func `another text is validated on`() throws {
    let path = try files.write("abcabc", to: "train.txt")
    let other = try files.write("é", to: "other.txt")
    for (kind, size, count) in [(Tokenizer.Kind.character, 4, 1), (.byte, 256, 2)] {
      let text = try TextDataset.load(path: path, validationPath: other, tokenizer: kind)
      #expect(text.training.count == 6 && text.validation.count == count)
      #expect(text.tokenizer.vocabularySize == size)
    }
    let broken = try files.write([97, 10, 0xFF], to: "broken.txt")
    let error = #expect(throws: DataError.self) {
      try TextDataset.load(path: path, validationPath: broken, tokenizer: .character)
    }
    #expect("\(try #require(error))".hasPrefix("\(broken), line 2: expected UTF-8 text"))
  }

  @Test func `only files are read, and no more than memory holds`() throws {
    let pipe = files.path("pipe")
    let made = unsafe mkfifo(pipe, 0o600)
    #expect(made == 0)
    let large = try files.write([97], to: "large")
    let grown = unsafe truncate(large, 1 << 43)
    #expect(grown == 0)
    for (path, part) in [
      (pipe, "it is a pipe; give a file"), ("/dev/zero", "it is a device; give a file"),
      (large, "its tokens need at least 17.6 TB of memory, and there are"),
    ] {
      let error = #expect(throws: DataError.self) {
        try TextDataset.load(path: path, tokenizer: .byte)
      }
      #expect("\(try #require(error))".hasPrefix("the file \(path) cannot be read: \(part)"))
    }
    let deep = #expect(throws: DataError.self) {
      try TextDataset.load(path: large + "/inside", tokenizer: .byte)
    }
    #expect(deep?.isMissingFile == true)
  }

  @Test func `bad texts are refused`() throws {
    let missing = files.path("none.txt")
    let empty = try files.write("", to: "empty.txt")
    let broken = try files.write([97, 10, 98, 10, 0xC3, 0x28, 10], to: "broken.txt")
    func load(_ path: String, _ kind: Tokenizer.Kind) throws {
      _ = try TextDataset.load(path: path, tokenizer: kind)
    }
    #expect(throws: DataError.missingFile(path: missing)) { try load(missing, .byte) }
    for kind in Tokenizer.Kind.allCases {
      #expect(throws: DataError.malformed(path: empty, expected: "text", found: "an empty file")) {
        try load(empty, kind)
      }
    }
    #expect(
      throws: DataError.malformed(
        path: broken, location: .init(line: 3), expected: "UTF-8 text",
        found: "other bytes; data.tokenizer=byte takes any")
    ) { try load(broken, .character) }
    #expect(throws: Never.self) { try load(broken, .byte) }
    #expect(throws: DataError.unsuitable("the text is empty")) {
      try TextDataset(text: "", tokenizer: .character)
    }
    for fraction in [-0.1, 1, .nan] {
      #expect(throws: DataError.self) {
        try TextDataset(text: "abc", tokenizer: .byte, validationFraction: fraction)
      }
    }
  }
}
