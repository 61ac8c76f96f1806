import DescentTokenizers
import Foundation
import Testing

@Suite struct ReadingTests {
  /// A file whose parts can be replaced.
  private static func file(
    vocabulary: String = #"{"a":0,"b":1,"ab":2}"#, merges: String = #"["a b"]"#, model: String = "",
    _ parts: String = ""
  ) -> String {
    #"{\#(parts)"model":{"type":"BPE",\#(model)"vocab":\#(vocabulary),"merges":\#(merges)}}"#
  }

  private func tokenizer(_ json: String) throws -> SubwordTokenizer {
    try SubwordTokenizer(json: Array(json.utf8), path: "t.json")
  }

  @Test(arguments: [#"["a b"]"#, #"[["a","b"]]"#, ##"["#version: 0.2","a b"]"##])
  func `merges are read in both forms`(_ merges: String) throws {
    let tokenizer = try tokenizer(Self.file(merges: merges))
    #expect(try tokenizer.encode("abba") == [2, 1, 0])
    #expect(tokenizer.vocabularySize == 3 && tokenizer.token(2) == "ab")
    #expect(tokenizer.id(of: "b") == 1 && tokenizer.id(of: "c") == nil)
  }

  @Test func `a vocabulary may have gaps`() throws {
    let tokenizer = try tokenizer(
      Self.file(
        vocabulary: #"{"a":0,"b":7,"ab":9}"#,
        #""added_tokens":[{"id":3,"content":"<x>","special":true}],"#))
    #expect(tokenizer.vocabularySize == 10)
    #expect(try tokenizer.decode([9, 0]) == "ab a")
    #expect(throws: TokenizerError.unknownID(5, vocabularySize: 10)) { try tokenizer.decode([5]) }
    #expect(throws: TokenizerError.unknownID(10, vocabularySize: 10)) {
      try tokenizer.decode([10])
    }
    #expect(throws: TokenizerError.unknownID(-1, vocabularySize: 10)) { try tokenizer.decode([-1]) }
    let gap = TokenizerError.unknownID(5, vocabularySize: 10)
    #expect("\(gap)" == "The vocabulary has a gap at 5: there is no such token.")
  }

  @Test(arguments: [
    ("", "“{” is missing"), ("[]", "“{” is missing"), ("{}", "it has no “model”"),
    (#"{"model":3}"#, "“{” is missing"), (#"{"model":{}}x"#, "text after the end"),
    (#"{"model":{"type":"Magic"}}"#, "model “Magic” is unknown; known are BPE, Unigram, WordLevel"),
    (file(vocabulary: "[]"), "is not that of a BPE"),
    (file(vocabulary: #"{"a":-1}"#), "“a” has no id from 0 on"),
    (file(vocabulary: #"{"a":1e9}"#), "“a” has no id from 0 on"),
    (file(vocabulary: #"{"a":99999999999999999999}"#), "“a” has no id from 0 on"),
    (file(vocabulary: #"{"a":4000000000,"b":1}"#), "2 tokens, and ids up to 4000000000"),
    (file(vocabulary: #"{"a":0,"b":0}"#), "“a” and “b” have the same id 0"),
    (file(vocabulary: #"{"a":0,"a":1}"#), "“a” has the ids 0 and 1"),
    (file(merges: #"["a c"]"#), "its merge 1 needs the token “c”"),
    (file(merges: #"["b a"]"#), "its merge 1 needs the token “ba”"),
    (file(merges: #"["a"]"#), "its merge 1 is not two tokens"),
    (file(merges: #"[["a"]]"#), "“,” is missing"),
    (file(model: #""dropout":0.1,"#), "at random (dropout 0.1)"),
    (
      file(#""normalizer":{"type":"Magic"},"#),
      "its normalizer “Magic” is unknown; known are BertNormalizer"
    ),
    (
      file(#""pre_tokenizer":{"type":"UnicodeScripts"},"#),
      "its pre-tokenizer “UnicodeScripts” is unknown; known are BertPreTokenizer"
    ),
    (file(#""decoder":{"type":"CTC"},"#), "its decoder “CTC” is unknown; known are BPEDecoder"),
    (file(#""post_processor":{"type":"M"},"#), "its post-processor “M” is unknown; known are Bert"),
    (file(#""normalizer":[],"#), "its normalizer is no object"),
    (file(#""normalizer":{"type":"Prepend"},"#), "its normalizer has no “prepend”"),
    (
      file(#""pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"(a"}},"#),
      "its pattern “(a” is not understood: a parenthesis is not closed"
    ),
    (file(#""normalizer":{"type":"Precompiled","precompiled_charsmap":"!!"},"#), "is damaged"),
    (
      file(
        #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]},"#),
      "names the token “x”, of which nothing else is said"
    ),
    (file(#""added_tokens":[{"id":1}],"#), "its added token has no “content”"),
    (file(#""padding":{"strategy":{"Fixed":1000000000}},"#), "more than 16777216 tokens"),
    (
      file(
        #""normalizer":"# + String(repeating: #"{"a":"#, count: 100) + "1"
          + String(repeating: "}", count: 100) + ","), "nested too deep"
    ),
  ])
  func `what is no tokenizer is refused`(_ json: String, _ problem: String) throws {
    let error = #expect(throws: TokenizerError.self) { try tokenizer(json) }
    let text = "\(try #require(error))"
    #expect(text.hasPrefix("The file t.json holds no tokenizer that can be read: "))
    #expect(text.contains(problem), "\(text)")
  }

  @Test func `files and folders are read`() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/tokenizer-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = folder + "/tokenizer.json"
    #expect(throws: TokenizerError.missingFile(path: file)) { try SubwordTokenizer(path: folder) }
    #expect(throws: TokenizerError.missingFile(path: file)) { try SubwordTokenizer(path: file) }
    try Self.file().write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try SubwordTokenizer(path: folder) == SubwordTokenizer(path: file))
  }

  @Test func `a file is told from other JSON`() {
    #expect(SubwordTokenizer.describes(Array(Self.file(#""version":"1.0","#).utf8)))
    for text in ["", "{}", #"{"kind":"byte"}"#, #"{"kind":"char","characters":"model"}"#, "[1]"] {
      #expect(!SubwordTokenizer.describes(Array(text.utf8)))
    }
  }

  @Test func `long texts are cut and short ones filled up`() throws {
    let tokenizer = try tokenizer(
      Self.file(
        #""truncation":{"max_length":4,"direction":"Left","strategy":"LongestFirst","stride":0},"#
          + #""padding":{"strategy":{"Fixed":3},"direction":"Left","pad_id":1,"#
          + #""pad_to_multiple_of":4,"pad_type_id":0,"pad_token":"b"},"#
          + #""post_processor":{"type":"BertProcessing","sep":["b",1],"cls":["a",0]},"#))
    #expect(try tokenizer.encode("abbaab") == [0, 0, 2, 1])
    #expect(try tokenizer.encode("aabba", addingSpecialTokens: false) == [0, 2, 1, 0])
    #expect(try tokenizer.encode("") == [1, 1, 0, 1])
    #expect(try tokenizer.tokens(of: Array("aaaaaa".utf8)) == [0, 0, 0, 0, 0, 0])
  }

  @Test func `text that cannot be written is refused`() throws {
    let unigram = try tokenizer(#"{"model":{"type":"Unigram","vocab":[["a",-1]]}}"#)
    #expect(try unigram.encode("aa") == [0, 0])
    #expect(throws: TokenizerError.self) { try unigram.encode("ab") }
    #expect(throws: TokenizerError.self) { try unigram.encode([0xFF]) }
    let words = try tokenizer(#"{"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"u"}}"#)
    #expect(throws: TokenizerError.self) { try words.encode("b") }
  }
}
