import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

@Suite("Texts as documents") struct DocumentTests {
  let files = try! TemporaryFiles()

  private func load(_ path: String, _ tokenizer: TokenizerSource = .kind(.byte)) throws -> String {
    let dataset = try TextDataset.load(path: path, tokenizer: tokenizer, validationFraction: 0)
    return try dataset.tokenizer.decode(Array(dataset.training))
  }

  @Test("each document ends, and empty lines and unknown keys are passed over")
  func documents() throws {
    let lines = """
      {"id": 1, "text": "one", "meta": {"a": [1, {"b": null}]}}

      {"text": ""}
        \t
      {"text": "zw\\u00f6\\n\\ud83d\\ude00"}\r
      {"text": "ends\\n\\n"}
      """
    let path = try files.write("\u{FEFF}" + lines, to: "a.jsonl")
    for kind in Tokenizer.Kind.allCases {
      let text = try load(path, .kind(kind))
      #expect(text == "one\n\nzwö\n😀\n\nends\n\n")
    }
  }

  @Test("a folder is read in the order of its names, packed files and folders within, too")
  func folder() throws {
    for (name, text) in [
      ("b.txt", "second"), ("a/z.jsonl", #"{"text": "first"}"#), ("c.md", "third"),
      ("photo.png", "no"), (".hidden.txt", "no"), ("empty.txt", ""), ("B.TXT", "capital"),
      ("d.txt", "packed"),
    ] {
      try FileManager.default.createDirectory(
        atPath: files.path("texts/a"), withIntermediateDirectories: true)
      _ = try files.write(text, to: "texts/\(name)")
    }
    _ = try files.pack(files.path("texts/d.txt"))
    try FileManager.default.createSymbolicLink(
      atPath: files.path("texts/loop"), withDestinationPath: files.path("texts"))
    #expect(
      try load(files.path("texts")) == "capital\n\nfirst\n\nsecond\n\nthird\n\npacked\n\n")
    let yaml = "{steps: 1, model: {kind: gpt, context: 4, layers: 1}, optimizer: {name: sgd}, "
    let task = try Recipe(
      yaml: yaml + "data: {kind: text, path: \(files.path("texts")), validation_fraction: 0.4}}"
    ).makeTask()
    let summary = try #require(task.summary)
    #expect(summary.contains("5 documents in 6 files, each ended by a blank line"))
    #expect(summary.contains("left out as no texts: 2 files (loop, photo.png)"))
  }

  @Test("one text stays as it is") func oneText() throws {
    #expect(try load(try files.write("a\n{}\n", to: "a.txt")) == "a\n{}\n")
  }

  @Test(
    "a bad line is an error with its number",
    arguments: [
      (#"{"text": 1}"#, "a value of “text” that is no string"),
      (#"{"text": ["a"]}"#, "a value of “text” that is no string"),
      (#"{"text": null}"#, "a value of “text” that is no string"),
      (#"{"body": "x", "id": 3}"#, "only “body”, “id”"),
      ("{}", "an object without keys"), (#"["a"]"#, "JSON that is no object"),
      (#""a""#, "JSON that is no object"), ("hello", "a line that is not JSON"),
      (#"{"text": "a""#, "a line that is not JSON"),
      (#"{"text": "a"} x"#, "a line that is not JSON"),
      (#"{"text": "a", "text": "b"}"#, "“text” twice"),
      (#"{"prompt": "a"}"#, "“prompt” alone"), (#"{"completion": "a"}"#, "“completion” alone"),
      (#"{"text": "a", "prompt": "b"}"#, "both “text” and another of them"),
      (#"{"text": "\ud800"}"#, "a line that is not JSON"),
      (#"{"prompt": "a", "completion": "b"}"#, "prompts with completions"),
      (#"{"text": "a", "x": "# + String(repeating: "[", count: 100_000), "nested too deep"),
    ])
  func badLines(_ line: String, _ found: String) throws {
    let path = try files.write("{\"text\": \"good\"}\n\n\(line)\n", to: "bad.jsonl")
    let error = #expect(throws: DataError.self) { try load(path) }
    let sentence = "\(try #require(error))"
    #expect(
      sentence.hasPrefix("\(path), line 3: expected ") && sentence.contains(found), "\(sentence)")
  }

  @Test("what holds no text is refused") func nothing() throws {
    let manager = FileManager.default
    for name in ["none", "other"] {
      try manager.createDirectory(atPath: files.path(name), withIntermediateDirectories: true)
    }
    _ = try files.write("x", to: "other/a.csv")
    let bad = try files.write([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], to: "bytes.jsonl")
    for (path, part) in [
      (files.path("none"), "found an empty folder."),
      (files.path("other"), "found only other files, such as a.csv."),
      (try files.write("\n \n", to: "blank.jsonl"), "found none."),
      (try files.write("", to: "empty.jsonl"), "found none."),
      (try files.write(#"{"text": ""}"#, to: "void.jsonl"), "every document is empty."),
      (bad, ", line 1: expected an object with “text”"),
    ] {
      let error = #expect(throws: DataError.self) { try load(path) }
      let sentence = "\(try #require(error))"
      #expect(sentence.contains(part), "\(sentence)")
    }
    let missing = #expect(throws: DataError.self) { try load(files.path("no.jsonl")) }
    #expect(missing?.isMissingFile == true)
  }

  @Test("bytes that are not UTF-8 are found in any piece") func encoding() throws {
    // Characters of two bytes lie across the border of pieces.
    let long = String(repeating: "ä", count: 1 << 19) + "\n"
    let path = try files.write(Array(("x" + long + long).utf8) + [0x61, 0xC3], to: "long.txt")
    let error = #expect(throws: DataError.self) { try load(path, .kind(.character)) }
    #expect("\(try #require(error))".hasPrefix("\(path), line 3: expected UTF-8 text"))
    let good = try files.write("x" + long + long, to: "good.txt")
    #expect(try load(good, .kind(.character)) == "x" + long + long)
  }

  @Test("the end of text is found as other tools name it") func ends() throws {
    let tokenizer = """
      {"version": "1.0", "added_tokens": [
        {"id": 3, "content": "<stop>", "special": true, "single_word": false, "lstrip": false,
         "rstrip": false, "normalized": false},
        {"id": 4, "content": "</s>", "special": true, "single_word": false, "lstrip": false,
         "rstrip": false, "normalized": false}],
       "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
       "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\\n": 2}, "merges": []}}
      """
    let text = try files.write("{\"text\": \"ab\"}\n{\"text\": \"a</s>\"}\n", to: "t.jsonl")
    for (name, settings, end) in [
      ("tokenizer_config.json", #"{"eos_token": "<stop>"}"#, 3),
      ("tokenizer_config.json", #"{"eos_token": {"content": "<stop>"}}"#, 3),
      ("config.json", #"{"eos_token_id": 3}"#, 3), ("config.json", #"{"eos_token_id": [3, 4]}"#, 3),
      ("config.json", #"{"eos_token_id": 99}"#, 4), ("config.json", "broken", 4),
      ("other.json", "{}", 4),
    ] as [(String, String, Int32)] {
      let folder = files.path(UUID().uuidString)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try tokenizer.write(
        toFile: folder + "/tokenizer.json", atomically: true, encoding: .utf8)
      try settings.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
      for path in [folder, folder + "/tokenizer.json"] {
        let dataset = try TextDataset.load(
          path: text, tokenizer: TokenizerSource.file(path), validationFraction: 0)
        // A text that has its end gets no other.
        #expect(
          Array(dataset.training) == [0, 1, end, 0, 4] + (end == 4 ? [] : [end]), "\(settings)")
      }
    }
  }
}
