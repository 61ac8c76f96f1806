import DescentLab
import DescentTraining
import Foundation
import Testing

/// What is wrong with logs, and what is said of it.
@Suite struct LogInputTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  // MARK: Mended

  struct Case: Sendable, CustomTestStringConvertible {
    let fault: String
    var file = "run.csv"
    let text: String
    let tracks: [String: String]
    let notes: [String]
    var events: [String] = []
    var testDescription: String { fault }
  }

  static let cases: [Case] = [
    Case(
      fault: "only a header", text: "step,loss\n", tracks: [:],
      notes: ["It has no rows yet.", "It has no numbers yet."]),
    Case(
      fault: "text in a column of numbers", text: "step,loss,note\n1,2,a\n2,oops,b\n3,1,c\n",
      tracks: ["loss": "1:2 3:1"],
      notes: [
        "“loss” has text in the place of a number in 1 row (line 3: “oops”); it was left out.",
        "“note” holds no numbers and was left out.",
      ]),
    Case(
      fault: "a row without a step", text: "step,loss\n1,2\n,3\nx,4\n4,1\n",
      tracks: ["loss": "1:2 4:1"],
      notes: ["2 rows have no step (first in line 3) and were left out."]),
    Case(
      fault: "rows of other lengths", text: "step,loss,lr\n1,2\n2,2,1,9\n3,1,1\n",
      tracks: ["loss": "1:2 2:2 3:1", "lr": "2:1 3:1"],
      notes: [
        "1 row has fewer cells than the header (line 2); what is missing was taken as empty.",
        "1 row has more cells than the header (line 3); the extra ones were left out.",
      ]),
    Case(
      fault: "a last line that is cut", text: "step,loss,lr\n1,2,1\n2,1",
      tracks: ["loss": "1:2", "lr": "1:1"],
      notes: ["The last line is cut off; it was left out."]),
    Case(
      fault: "a last line without an end", text: "step,loss\n1,2\n2,1", tracks: ["loss": "1:2 2:1"],
      notes: []),
    Case(
      fault: "a step twice", text: "step,loss\n1,3\n2,2\n2,1.5\n3,1\n",
      tracks: ["loss": "1:3 2:1.5 3:1"],
      notes: [
        "1 number is given again for the same step (first at step 2); the last one counts."
      ]),
    Case(
      fault: "a run that was restarted", text: "step,loss\n1,5\n2,4\n3,3\n4,2\n3,2.5\n4,1.5\n5,1\n",
      tracks: ["loss": "1:5 2:4 3:2.5 4:1.5 5:1"],
      notes: [
        "The run went back to an earlier step once (first to step 3); what it did again replaces what "
          + "was there."
      ],
      events: [
        "restarted 3: The run was resumed before step 3: steps 3 to 4 had been logged before."
      ]),
    Case(
      fault: "a step twice where the run went back",
      text: "step,loss,lr\n1,9,1\n2,8,1\n3,7,1\n4,6,1\n5,,2\n2,5,3\n2,4,4\n3,3,5\n",
      tracks: ["loss": "1:9 2:4 3:3", "lr": "1:1 2:4 3:5"],
      notes: [
        "The run went back to an earlier step once (first to step 2); what it did again replaces what "
          + "was there.",
        "2 numbers are given again for the same step (first at step 2); the last one counts.",
      ],
      events: [
        "restarted 2: The run was resumed before step 2: steps 2 to 5 had been logged before."
      ]),
    Case(
      fault: "a column begun where the run went back",
      text: "lr,step,loss\nx,5,4\n0,1,4\n1,1,\n2,4,\n", tracks: ["loss": "1:4", "lr": "1:1 4:2"],
      notes: [
        "“lr” has text in the place of a number in 1 row (line 2: “x”); it was left out.",
        "The run went back to an earlier step once (first to step 1); what it did again replaces what "
          + "was there.",
        "1 number is given again for the same step (first at step 1); the last one counts.",
      ],
      events: [
        "restarted 1: The run was resumed before step 1: steps 1 to 5 had been logged before."
      ]),
    Case(
      fault: "a header in the middle", text: "step,loss\n1,5\n2,4\nstep,loss\n2,3\n3,2\n",
      tracks: ["loss": "1:5 2:3 3:2"],
      notes: [
        "“loss” has text in the place of a number in 1 row (line 4: “loss”); it was left out.",
        "1 number is given again for the same step (first at step 2); the last one counts.",
      ]),
    Case(
      fault: "rows from the last to the first", text: "step,loss\n5,1\n4,2\n3,3\n2,4\n1,5\n",
      tracks: ["loss": "1:5 2:4 3:3 4:2 5:1"],
      notes: ["The rows were not in the order of their steps; they were sorted."]),
    Case(
      fault: "a column twice", text: "step,loss,loss\n1,2,3\n", tracks: ["loss": "1:2"],
      notes: ["There are several columns “loss”; the first one counts."]),
    Case(
      fault: "a quote that does not end", text: "step,loss,note\n1,2,\"a\n2,1,b\n3,0.5,c\n",
      tracks: ["loss": "1:2 2:1 3:0.5"], notes: ["“note” holds no numbers and was left out."]),
    Case(
      fault: "lines that are no JSON", file: "log.jsonl",
      text:
        "{\"step\": 1, \"loss\": 2}\nTraceback\n{\"step\": 2, \"loss\"\n{\"step\": 3, \"loss\": 1}\n[1]\n",
      tracks: ["loss": "1:2 3:1"],
      notes: ["3 lines cannot be read (first in line 2) and were left out."]),
    Case(
      fault: "a torn last line", file: "metrics.jsonl",
      text: "{\"step\": 1, \"loss\": 2, \"applied\": true}\n{\"step\": 2, \"lo",
      tracks: ["loss": "1:2", "applied": "1:1"],
      notes: ["The last line is cut off; it was left out."]),
    Case(
      fault: "bytes that are no text", file: "metrics.jsonl",
      text:
        "{\"step\": 1, \"loss\": 2, \"applied\": true}\n\u{FFFD}\n{\"step\": 2, \"loss\": 1, \"applied\": true}\n",
      tracks: ["loss": "1:2 2:1", "applied": "1:1 2:1"],
      notes: ["1 line cannot be read (line 2) and was left out."]),
    Case(
      fault: "a trainer_state.json that is cut", file: "trainer_state.json",
      text: "{\"global_step\": 9, \"log_history\": [{\"loss\": 2, \"step\": 1}, {\"loss\": 1, \"st",
      tracks: ["loss": "1:2"],
      notes: ["The file is cut off or damaged at byte 74; what comes before was read."]),
    Case(
      fault: "no record yet", file: "trainer_state.json", text: "{\"log_history\": []}",
      tracks: [:],
      notes: ["It has no numbers yet."]),
    Case(
      fault: "steps that cannot be", text: "step,loss\n1e300,2\nnan,1\n-3,1\n1.6,4\n",
      tracks: ["loss": "-3:1 2:4"],
      notes: ["2 rows have no step (first in line 2) and were left out."]),
  ]

  @Test(arguments: cases) func mended(_ c: Case) throws {
    let log = try files.log(c.text, name: c.file)
    #expect(log.text == c.tracks)
    #expect(log.notes == c.notes)
    #expect(log.events.map { "\($0.kind.rawValue) \($0.step): \($0.text)" } == c.events)
  }

  // MARK: Refused

  static let refused: [(String, [UInt8], String)] = [
    ("empty", [], "run.csv is empty."),
    ("white space", Array(" \n\n".utf8), "run.csv is empty."),
    (
      "numbers alone", Array("1,2,3\n4,5,6\n".utf8),
      "its first line is numbers: a table needs a header with the names of its columns"
    ),
    (
      "prose", Array("Once upon a time, there was\nnothing, at all\n".utf8),
      "no column of it holds numbers"
    ),
    ("a word", Array("hello\n".utf8), "no table, no JSON and no events are in it"),
    (
      "a binary file", [0x7F, 0x45, 0x4C, 0x46, 0, 0, 1, 2, 3],
      "it is a binary file of another format"
    ),
    (
      "JSON of something else", Array("{\n\"a\": {\"b\": 1}\n}".utf8),
      "a log in JSON, such as trainer_state.json"
    ),
    ("a list of words", Array("[\"a\", \"b\"]".utf8), "a log in JSON, such as trainer_state.json"),
    ("comments alone", Array("# a\n# b\n".utf8), "it holds nothing but comments"),
  ]

  @Test(arguments: refused) func refusal(_ name: String, _ bytes: [UInt8], _ words: String) throws {
    let sentence = try files.refusal(bytes)
    #expect(sentence.contains(words), "\(sentence)")
    #expect(!sentence.contains("\n"))
  }

  @Test func missing() {
    let error = #expect(throws: DataError.self) { try RunLogReader(path: "/nowhere/at/all") }
    #expect(error?.isMissingFile == true)
    #expect(throws: DataError.self) { try RunLogReader(path: "") }
    #expect(throws: DataError.self) { try RunLogReader(path: "/dev/null") }
  }

  @Test func folderWithoutRuns() throws {
    try files.write("hello", to: "a/readme.txt")
    try files.write("x,y\na,b\n", to: "a/b/names.csv")
    let error = #expect(throws: DataError.self) { try RunLogReader(path: files.folder) }
    #expect(error.map { "\($0)".contains("holds no run") } == true)
  }

  // MARK: Much

  @Test func manyColumns() throws {
    let names = (0..<10_000).map { "c\($0)" }.joined(separator: ",")
    let row = (0..<10_000).map { "\($0).5" }.joined(separator: ",")
    let log = try files.log("step,\(names)\n1,\(row)\n2,\(row)\n")
    #expect(log.tracks.count == 10_000)
    #expect(log.text("c9999") == "1:9999.5 2:9999.5")
  }

  @Test func hugeLine() throws {
    var text = Array("{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"text\": \"".utf8)
    text += [UInt8](repeating: 0x61, count: 17 << 20)
    text += Array("\"}\n{\"step\": 3, \"loss\": 1}\n".utf8)
    let log = try RunLog.read([files.write(text, to: "log.jsonl")])[0]
    #expect(log.text("loss") == "1:2 3:1")
    #expect(log.notes.count == 1, "\(log.notes)")
  }

  @Test func deepJSON() throws {
    let deep =
      String(repeating: "{\"a\": ", count: 100_000) + "1" + String(repeating: "}", count: 100_000)
    let log = try files.log(
      "{\"step\": 1, \"loss\": 2, \"x\": \(deep), \"y\": \(String(repeating: "[", count: 100_000))}\n{\"step\": 2, \"loss\": 1}\n",
      name: "log.jsonl")
    #expect(log.text("loss") == "2:1")
  }
}
