import DescentTokenizers
import Foundation
import Testing

@Suite struct TrainingTests {
  /// The stories that come with the package.
  private static let stories = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/DescentTraining/Resources/text/stories.txt")

  @Test func `training comes to the reference's vocabulary and merges`() throws {
    let text = [UInt8](try Data(contentsOf: Self.stories))
    let trained = try #require(Strings.all).trained
    let tokenizer = try SubwordTokenizer.train(
      on: text, size: 1200, specialTokens: ["<|endoftext|>"])
    #expect(tokenizer.vocabularySize == trained.size)
    let tokens = (0..<Int32(trained.size)).map { Array((tokenizer.token($0) ?? "").utf8) }
    #expect(Vectors.digest(tokens) == trained.tokens)
    struct File: Decodable {
      struct Model: Decodable { let merges: [[String]] }
      let model: Model
    }
    let file = try JSONDecoder().decode(File.self, from: Data(tokenizer.json))
    #expect(
      Vectors.digest(file.model.merges.map { Array($0.joined(separator: " ").utf8) })
        == trained.merges)
    let ids = try tokenizer.encode("Once<|endoftext|>\u{0}é")
    #expect(ids.contains(0) && tokenizer.isSpecial(0))
    #expect(try tokenizer.decode(ids, skippingSpecialTokens: false) == "Once<|endoftext|>\u{0}é")
  }

  @Test(arguments: [
    ("abab", 255, [], "256 for the bytes"),
    ("abab", 256, ["<x>"], "256 for the bytes and 1 special"),
    ("", 300, [], "the text is empty"), ("abab", 300, [""], "a special token is empty"),
    ("abab", 300, ["x", "x"], "“x” is given twice"), ("abab", 300, ["a"], "“a” is"),
  ])
  func `what cannot be trained is refused`(
    _ text: String, _ size: Int, _ special: [String], _ problem: String
  ) throws {
    let error = #expect(throws: TokenizerError.self) {
      try SubwordTokenizer.train(on: Array(text.utf8), size: size, specialTokens: special)
    }
    #expect("\(try #require(error))".contains(problem))
  }

  @Test func `a text with few pairs gives a small vocabulary`() throws {
    let tokenizer = try SubwordTokenizer.train(on: Array("abab abab".utf8), size: 1000)
    #expect(tokenizer.vocabularySize < 262)
    #expect(try tokenizer.decode(tokenizer.encode("abab x")) == "abab x")
    #expect(throws: TokenizerError.self) { try SubwordTokenizer.train(on: [0xFF], size: 300) }
  }
}
