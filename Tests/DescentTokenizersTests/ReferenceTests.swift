import DescentTokenizers
import Testing

/// Against the package tokenizers: the same ids, and the same text, for 10,000 strings of many scripts.
@Suite struct ReferenceTests {
  static let families = [
    "gpt2", "roberta", "llama3", "qwen2", "o200k", "smollm", "deepseek", "clip", "llama2",
    "mistral",
    "gemma", "bert", "t5",
  ]

  @Test func `the strings are those of the reference`() throws {
    let strings = try #require(Strings.all)
    for (number, text) in strings.some.enumerated() {
      #expect(Array(strings[number].utf8) == Array(text.utf8), "\(number)")
    }
    #expect(Vectors.digest((0..<10_000).map { strings[$0].utf8 }) == strings.check)
  }

  @Test(arguments: families)
  func `ids and texts are those of the reference`(_ family: String) throws {
    let strings = try #require(Strings.all)
    let tokenizer = try Vectors.tokenizer(family)
    let vectors = try Vectors.read(Vectors.Family.self, "\(family).vectors")
    for (number, full) in vectors.full.enumerated() {
      let ids = try tokenizer.encode(strings[number])
      #expect(ids == full.ids, "\(number): \(strings[number].debugDescription)")
      #expect(Array(try tokenizer.decode(ids).utf8) == Array(full.text.utf8), "\(number)")
    }
    for (chunk, digest) in vectors.ids.enumerated() {
      let numbers = chunk * vectors.chunk..<min((chunk + 1) * vectors.chunk, vectors.count)
      let ids = try numbers.map { try tokenizer.encode(strings[$0]) }
      #expect(Vectors.digest(ids) == digest, "strings \(numbers)")
      let texts = try ids.map { try tokenizer.decode($0).utf8 }
      #expect(Vectors.digest(texts) == vectors.decoded[chunk], "texts \(numbers)")
      guard chunk < vectors.plain.count else { continue }
      let plain = try numbers.map { try tokenizer.encode(strings[$0], addingSpecialTokens: false) }
      #expect(Vectors.digest(plain) == vectors.plain[chunk], "plain \(numbers)")
      let special = try ids.map { try tokenizer.decode($0, skippingSpecialTokens: false).utf8 }
      #expect(Vectors.digest(special) == vectors.special[chunk], "with special tokens \(numbers)")
    }
  }

  /// But for a character that is cut short by the end; and Llama 2's bytes are decided as they come.
  @Test(arguments: families)
  func `a stream gives what decoding gives`(_ family: String) throws {
    let strings = try #require(Strings.all)
    let tokenizer = try Vectors.tokenizer(family)
    for number in 0..<300 {
      let ids = try tokenizer.encode(strings[number])
      var (stream, text) = (SubwordStream(tokenizer), "")
      for id in ids { text += try stream.append(id) }
      let all = try tokenizer.decode(ids)
      let isPrefix = all.utf8.starts(with: text.utf8)
      let rest = all.utf8.dropFirst(text.utf8.count)
      #expect(isPrefix, "\(number): \(all.debugDescription) \(text.debugDescription)")
      #expect(rest.allSatisfy { $0 >= 0x80 } && rest.count <= 60, "\(number)")
    }
  }
}
