import DescentLab
import DescentTraining
import Foundation
import Testing

/// Logs that are blank, extreme or damaged: what is read of them, and what is said of the rest.
@Suite struct LogDamageTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  // MARK: Nothing in them

  static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
  struct Refused: Sendable, CustomTestStringConvertible {
    let fault: String
    let bytes: [UInt8]
    let words: String
    init(_ fault: String, _ bytes: [UInt8], _ words: String) {
      (self.fault, self.bytes, self.words) = (fault, bytes, words)
    }
    var testDescription: String { fault }
  }

  static let refused = [
    Refused("a byte-order mark", mark, "run.csv is empty."),
    Refused("a byte-order mark and blanks", mark + [0x20, 0x0A, 0x0D], "run.csv is empty."),
    Refused("a zero byte", [0], "it holds nothing but zero bytes"),
    Refused(
      "zero bytes", [UInt8](repeating: 0, count: 4096), "it holds nothing but zero bytes"),
    Refused("a byte-order mark and zero bytes", mark + [0, 0], "it holds nothing but zero bytes"),
    Refused(
      "zero bytes for long", [UInt8](repeating: 0, count: 9 << 20),
      "it begins with nothing but zero bytes"),
    Refused(
      "white space for long", [UInt8](repeating: 0x20, count: 9 << 20),
      "it begins with nothing but white space"),
    Refused("UTF-16", [0xFF, 0xFE, 0x73, 0, 0x2C, 0], "it is text in UTF-16: save it as UTF-8"),
    Refused("a brace", [0x7B], "a log in JSON"), Refused("a bracket", [0x5B], "a log in JSON"),
    Refused("a quote", [0x22], "no table, no JSON and no events are in it"),
    Refused("commas alone", Array(",,\n".utf8), "no table, no JSON and no events are in it"),
    Refused("a comment sign", [0x23], "it holds nothing but comments"),
    Refused(
      "a carriage return between", Array("a\rb".utf8),
      "no table, no JSON and no events are in it"),
    Refused(
      "many lines that are nearly objects",
      Array(String(repeating: "{x}\n", count: 16_000).utf8), "a log in JSON"),
  ]

  @Test(arguments: refused) func refusal(_ c: Refused) throws {
    let sentence = try files.refusal(c.bytes)
    #expect(sentence.contains(c.words), "\(sentence)")
    // Beside a log it does no harm.
    try files.write("step,loss\n1,2\n", to: "good.csv")
    #expect(try RunLog.read([files.folder]).map(\.text) == [["loss": "1:2"]])
  }

  // MARK: Steps

  /// Losses at steps in an event file, with a start of the program where there is no loss.
  static let steps: [([(Int, Double?)], String?, [String])] = [
    (
      [(.min, 1), (0, 3), (.max, 2)], "0:3",
      [
        "2 records have a step that no run reaches (first -9223372036854775808) and were left out."
      ]
    ),
    (
      [(0, 1), (.min, 3), (.min, 2)], "0:1",
      [
        "2 records have a step that no run reaches (first -9223372036854775808) and were left out."
      ]
    ),
    (
      [(1, 1), (.max - 1, 3)], "1:1",
      ["1 record has a step that no run reaches (9223372036854775806) and was left out."]
    ),
    (
      [(1, 4), (2, 3), (.min, nil), (3, 2)], "1:4 2:3 3:2",
      ["1 record has a step that no run reaches (-9223372036854775808) and was left out."]
    ),
    (
      [(-9_000_000_000_000_000, 2), (9_000_000_000_000_000, 1)],
      "-9000000000000000:2 9000000000000000:1", []
    ),
    (
      [(9_000_000_000_000_001, 2), (1, 1)], "1:1",
      ["1 record has a step that no run reaches (9000000000000001) and was left out."]
    ),
  ]

  @Test(arguments: steps.indices) func eventSteps(_ index: Int) throws {
    let (events, loss, notes) = Self.steps[index]
    var bytes = EventEncoding.version(wallTime: 1).record
    for (step, loss) in events {
      guard let loss else {
        bytes += EventEncoding.start(wallTime: 1, step: step).record
        continue
      }
      var event = EventEncoding(wallTime: 1, step: step)
      event.add("loss", loss)
      event.add("weight/w", from: 0, to: 1, counts: [1, 2])
      bytes += event.record
    }
    let log = try RunLog.read([files.write(bytes, to: EventLogTests.name)])[0]
    #expect(log.text("loss") == loss)
    #expect(log.notes == notes)
    #expect(log.histograms["weight/w"]?.map(\.step) == log["loss"]?.steps)
    #expect(!Report([ReportRun(log)]).page.blocks.isEmpty)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let fault: String
    var file = "run.csv"
    let text: String
    let tracks: [String: String]
    var notes: [String] = []
    var testDescription: String { fault }
  }

  static let cases: [Case] = [
    Case(
      fault: "epochs of extreme steps",
      text: "step,epoch,loss\n8e15,0,1\n-8e15,1,2\n8e15,2,3\n-8e15,3,4\n5,4,5\n-9e15,5,6\n",
      tracks: [
        "loss": "8000000000000000:1 8000000000000001:4 8000000000000002:6",
        "epoch": "8000000000000000:0 8000000000000001:3 8000000000000002:5",
      ],
      notes: [
        "2 rows have no step (first in line 4) and were left out.",
        "Its steps begin again with each epoch; they were counted on.",
        "2 numbers are given again for the same step (first at step 8000000000000001); the last one "
          + "counts.",
      ]),
    Case(
      fault: "steps beyond all", text: "step,loss\n1e300,1\n-inf,2\n9.1e15,3\n2,4\n",
      tracks: ["loss": "2:4"],
      notes: ["3 rows have no step (first in line 2) and were left out."]),
    Case(
      fault: "steps beyond all in lines", file: "log.jsonl",
      text: "{\"step\": 1e99, \"loss\": 1}\n{\"step\": 2, \"loss\": 4}\n",
      tracks: ["loss": "2:4"], notes: ["1 row has no step (line 1) and was left out."]),
    Case(
      fault: "steps beyond all in a document", file: "trainer_state.json",
      text:
        "{\"log_history\": [{\"step\": -9.3e18, \"loss\": 1}, {\"step\": 2, \"loss\": 4}]}",
      tracks: ["loss": "2:4"], notes: ["1 row has no step (line 1) and was left out."]),

    // MARK: Tables of other habits
    Case(
      fault: "decimal commas", text: "Step;Loss;LR\r\n1;3,25;0,001\r\n2;-1,5e1;5\r\n3;2.5;1,\r\n",
      tracks: ["loss": "1:3.25 2:-15 3:2.5", "lr": "1:0.001 2:5 3:1"]),
    Case(
      fault: "decimal commas in quotes, of many digits",
      text: "step;loss\n\"1\";\"2,5\"\n2;0,1234567890123456789\n",
      tracks: ["loss": "1:2.5 2:0.12345678901234568"]),
    Case(
      fault: "decimal commas beside tabs", text: "step\tloss\n1\t2,5\n2\t2\n",
      tracks: ["loss": "1:2.5 2:2"], notes: ["Commas in its numbers were taken as decimal points."]),
    Case(
      fault: "percent", text: "step,accuracy\n1,50%\n2,62.5 %\n",
      tracks: ["accuracy": "1:0.5 2:0.625"]),
    Case(
      fault: "carriage returns", text: "step,loss\r1,2.5\r2,\"2\"\r3,1",
      tracks: ["loss": "1:2.5 2:2 3:1"]),
    Case(
      fault: "rows of words", text: "step,loss\na,low\nb,high\n", tracks: [:],
      notes: ["“loss” holds no numbers and was left out.", "It has no numbers yet."]),

    // MARK: Documents
    Case(
      fault: "no records among records", file: "trainer_state.json",
      text: "{\"log_history\": [1, null, \"a\", [2], {\"loss\": \"1.5\", \"step\": \"3\"}, "
        + "true, {\"loss\": [1], \"lr\": {\"a\": 1}, \"epoch\": \"x\", \"step\": 5}, "
        + "{\"loss\": \"NaN\", \"step\": 6}, {\"loss\": 1, \"step\": 7}]}",
      tracks: ["loss": "3:1.5 6:nan 7:1"],
      notes: ["5 elements of the list are no record (first number 1) and were left out."]),
    Case(
      fault: "a list with something else", file: "log.json",
      text: "[{\"step\": 1, \"loss\": 2}, null, {\"step\": 2, \"loss\": 1}]",
      tracks: ["loss": "1:2 2:1"],
      notes: ["1 element of the list is no record (number 2) and was left out."]),
    Case(
      fault: "an export of a tag with something else", file: "loss.json",
      text: "[[1.5, 1, 2], [1.5, \"x\", 2], [1, 2], [1.5, 1e99, 0], [2.5, 2, 1]]",
      tracks: ["loss": "1:2 2:1"],
      notes: ["3 elements of the list are no record (first number 2) and were left out."]),
    Case(
      fault: "something behind the document", file: "log.json",
      text: "[{\"step\": 1, \"loss\": 2}]\n\u{0}x",
      tracks: ["loss": "1:2"],
      notes: ["The file is cut off or damaged at byte 26; what comes before was read."]),
    Case(
      fault: "columns with texts", file: "history.json",
      text: "{\"loss\": [2, \"NaN\", 1], \"name\": [\"a\", \"b\", \"c\"], \"step\": [1, 2, 3]}",
      tracks: ["loss": "1:2 2:nan 3:1"]),
  ]

  @Test(arguments: cases) func mended(_ c: Case) throws {
    let log = try files.log(c.text, name: c.file)
    #expect(log.text == c.tracks)
    #expect(log.notes == c.notes)
    // Piece by piece, as it is written, too.
    guard c.file != "trainer_state.json", c.file.hasSuffix("csv") || c.file.hasSuffix("jsonl")
    else { return }
    let bytes = Array(c.text.utf8)
    try files.write(Array(bytes.prefix(14)), to: "grown-\(c.file)")
    let reader = try RunLogReader(path: files.path("grown-\(c.file)"))
    for place in 14...bytes.count {
      if place > 14 { try files.append([bytes[place - 1]], to: "grown-\(c.file)") }
      try reader.refresh()
    }
    #expect(reader.logs.map(\.text) == [c.tracks])
  }

  // MARK: Long records

  @Test func longRecord() throws {
    var event = EventEncoding(wallTime: 1, step: 1)
    event.add("loss", 2)
    let long = EventRecord.framed([UInt8](repeating: 0, count: EventRecord.longestPayload + 1))
    let start = EventEncoding.version(wallTime: 1).record
    let whole = try RunLog.read([
      files.write(start + long + event.record, to: "a/\(EventLogTests.name)")
    ])[0]
    #expect(whole.text == ["loss": "1:2"])
    let note =
      "1 record is longer than 16 MB (the first begins at byte \(start.count)) and was left out."
    #expect(whole.notes == [note])
    // It is passed over as it grows, and not kept.
    let path = try files.write(start + long.prefix(100), to: "b/\(EventLogTests.name)")
    let reader = try RunLogReader(path: path)
    try reader.refresh()
    #expect(
      reader.logs[0].notes == [
        note, "The last record is cut off; it was left out.", "It has no numbers yet.",
      ])
    for part in [long[100..<500_000], long[500_000...]] {
      try files.append(Array(part), to: "b/\(EventLogTests.name)")
      try reader.refresh()
    }
    try files.append(event.record, to: "b/\(EventLogTests.name)")
    try reader.refresh()
    #expect(reader.logs[0].text == ["loss": "1:2"])
    #expect(reader.logs[0].notes == [note])
  }

  @Test func lengths() {
    for (length, isLong) in [
      (UInt64(17 << 20), true), (1 << 40, true), (1 << 40 + 1, false), (1 << 63, false),
      (.max, false),
    ] {
      let size = EventRecord.littleEndian(length, bytes: 8)
      let header =
        size + EventRecord.littleEndian(UInt64(EventRecord.checksum(size.span, 0..<8)), bytes: 4)
      let reading = EventRecord.read(header.span, at: 0)
      #expect(reading == (isLong ? .long(next: 16 + Int(length)) : .badHeader))
    }
  }

  // MARK: Folders

  @Test func unreadableFile() throws {
    try files.write("step,loss\n1,2\n", to: "runs/a/log.csv")
    try files.write("step,loss\n1,3\n", to: "runs/b/log.csv")
    unsafe mkfifo(files.path("runs/b/pipe.csv"), 0o600)
    let logs = try RunLog.read([files.path("runs")])
    #expect(logs.map(\.name) == ["a", "b"])
    #expect(logs[0].notes.count == 1 && logs[1].notes.isEmpty)
    #expect(logs[0].notes.first?.contains("runs/b/pipe.csv cannot be read: it is a device") == true)
  }

  @Test(.enabled(if: geteuid() != 0)) func unreadableFolder() throws {
    try files.write("step,loss\n1,2\n", to: "runs/a/log.csv")
    try files.write("step,loss\n1,3\n", to: "runs/b/log.csv")
    let inner = files.path("runs/b")
    unsafe chmod(inner, 0)
    defer { unsafe chmod(inner, 0o700) }
    let log = try RunLog.read([files.path("runs")])
    #expect(log[0].notes == ["Beside it, the folder \(inner) cannot be read: permission denied."])
    let error = #expect(throws: DataError.self) { try RunLogReader(path: inner) }
    #expect(error.map { "\($0)".contains("permission denied") } == true)
  }

  // MARK: Steps of what is made of logs

  static let places: [(Double, Int)] = [
    (0, 0), (2.9, 2), (-2.9, -2), (9e15, 9_000_000_000_000_000), (9.3e18, .max),
    (-9.3e18, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
    (Double(Int.max), .max), (Double(Int.min), .min),
  ]

  @Test(arguments: places) func stepOfPlace(_ x: Double, _ step: Int) {
    #expect(Int(step: x) == step)
  }

  @Test func progress() {
    for (step, steps, share, left) in [
      (5, 10, 0.5, 10.0), (-5, 10, 0, 30), (20, 10, 1, 0), (.min, .max, 0, 0x1p65),
      (3, 0, 1, 0),
    ] as [(Int, Int, Double, Double)] {
      var run = RunSummary(path: "a", format: .descent)
      (run.step, run.steps, run.secondsPerStep, run.state) = (step, steps, 2, .running)
      #expect(run.progress == share)
      #expect(run.secondsLeft == left)
    }
  }
}
