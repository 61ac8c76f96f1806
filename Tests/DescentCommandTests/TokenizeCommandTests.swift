import Foundation
import Testing

/// `descent tokenize`, as a user meets it.
@Suite("Tokens on the command line") struct TokenizeCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws {
    temporary = try TemporaryFolder()
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("model"), withIntermediateDirectories: true)
    try write(String(repeating: "the cat sat on the mat. ", count: 50), "text.txt")
    try write(
      #"{"post_processor":{"type":"BertProcessing","cls":["<s>",3],"sep":["</s>",4]},"#
        + #""added_tokens":[{"id":3,"content":"<s>","special":true},"#
        + #"{"id":4,"content":"</s>","special":true}],"decoder":{"type":"Fuse"},"#
        + #""model":{"type":"BPE","vocab":{"a":0,"\n":1,"aa":2},"merges":["a a"]}}"#,
      "model/tokenizer.json")
    try write(#"{"model":{"type":"Magic"}}"#, "bad.json")
    try write("", "empty.txt")
  }

  private func write(_ text: String, _ name: String) throws {
    try text.write(
      to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
  }

  private func run(
    _ line: String, _ input: String = ""
  ) throws -> (status: Int32, output: String, error: String) {
    try descent(
      ["tokenize"] + line.split(separator: " ").map(String.init), in: folder, input: input)
  }

  @Test(arguments: [
    ("--tokenizer model", "aa\naaa\n\n", "[3,2,4]\n[3,2,0,4]\n[3,4]\n"),
    ("--tokenizer model", "aa", "[3,2,4]\n"), ("--tokenizer model", "", ""),
    ("--tokenizer model", "aa\r\na", "[3,2,4]\n[3,0,4]\n"),
    ("--tokenizer model/tokenizer.json --no-special", "aa<s>\n", "[2,3]\n"),
    ("--tokenizer model --count", "aaa\n", "4\n"),
    ("--tokenizer model --whole --no-special", "a\na\n", "[0,1,0,1]\n"),
    ("--tokenizer model --json-lines", #""a\na""#, "[3,0,1,0,4]\n"),
    ("--tokenizer model --decode", "[3,0,1,2]\n[ ]\n", "a\\naa\n\n"),
    ("--tokenizer model --decode --json-lines", "[3, 0, 1]\n", "\"a\\n\"\n"),
    ("--tokenizer model --decode --special", "[3,0]\n", "<s>a\n"),
  ])
  func `lines become ids and back`(_ line: String, _ input: String, _ output: String) throws {
    let result = try run(line, input)
    #expect(result.status == 0 && result.output == output, "\(result)")
  }

  @Test(
    arguments: [
      ("", "", 64, "give --tokenizer, or --train"),
      ("--tokenizer model --size 3", "", 64, "go with --train"),
      ("--train text.txt", "", 64, "--train needs --size and --out"),
      ("--train text.txt --size 9 --out o --decode", "", 64, "--train goes with"),
      ("--tokenizer model --decode --count", "", 64, "--decode does not go"),
      ("--tokenizer none", "", 66, "There is no file none."),
      ("--tokenizer .", "", 66, "There is no file ./tokenizer.json."),
      ("--tokenizer bad.json", "", 65, "model “Magic” is unknown"),
      (
        "--tokenizer model --decode", "[0]\n[5]\n", 65,
        "line 2: The token 5 is not in the vocabulary"
      ),
      ("--tokenizer model --decode", "[0\n", 65, "line 1: “]” is missing at byte 3"),
      ("--tokenizer model --decode", "[1.5]\n", 65, "an id is no whole number"),
      ("--tokenizer model --json-lines", "aa\n", 65, "line 1: “\"” is missing"),
      ("--train text.txt --size 20 --out o.json", "", 64, "a vocabulary of 20 tokens is too small"),
      ("--train none.txt --size 300 --out o.json", "", 66, "none.txt"),
      ("--train empty.txt --size 300 --out o.json", "", 64, "the text is empty"),
      ("--train text.txt --size 300 --out text.txt", "", 64, "would replace the text"),
      ("--train text.txt --size 300 --out none/o.json", "", 70, "none/o.json"),
    ] as [(String, String, Int32, String)])
  func `bad input is one plain sentence`(
    _ line: String, _ input: String, _ status: Int32, _ words: String
  ) throws {
    let result = try run(line, input)
    #expect(result.status == status, "\(line): \(result.error)")
    #expect(result.error.contains(words), "\(line): \(result.error)")
  }

  @Test func `a tokenizer is trained, and a run uses it`() throws {
    let trained = try run(
      "--train text.txt --size 264 --out trained.json --special-token <|endoftext|>")
    #expect(trained.status == 0 && trained.output.contains("a vocabulary of 264 tokens."))
    let ids = try run("--tokenizer trained.json", "the cat<|endoftext|>\n").output
    #expect(ids.hasSuffix(",0]\n") && ids.split(separator: ",").count < 8)
    #expect(try run("--tokenizer trained.json --decode", ids).output == "the cat\n")
    let settings = [
      "data.path=text.txt", "data.tokenizer=./trained.json", "steps=2", "batch=2",
      "schedule.warmup=0", "model.context=8", "model.layers=1", "model.width=8", "model.heads=1",
    ]
    let train = try descent(
      ["train", "gpt", "--out", "run"] + settings.flatMap { ["--set", $0] }, in: folder)
    #expect(train.status == 0, "\(train.error)")
    let kept = try Data(contentsOf: folder.appendingPathComponent("run/tokenizer.json"))
    #expect(kept == (try Data(contentsOf: folder.appendingPathComponent("trained.json"))))
    let sample = try descent(
      ["sample", "run", "--prompt", "the cat", "--tokens", "5"], in: folder)
    #expect(sample.status == 0 && sample.output.hasPrefix("the cat"), "\(sample.error)")
    let resumed = try descent(["train", "--resume", "run", "--set", "steps=3"], in: folder)
    #expect(resumed.status == 0, "\(resumed.error)")
  }
}
