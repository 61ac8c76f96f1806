import DescentLab
import DescentTraining
import Foundation
import Testing

/// Logs that are read while they are written.
@Suite struct LogGrowthTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  static let text =
    "step,loss,lr\n1,5,0.125\n2,4,0.25\n3,3,0.5\n2,3.5,0.25\n3,2.5,0.125\n4,2,1e-3\n"
  static let lines = """
    {"step": 1, "loss": 5, "applied": true}
    {"step": 2, "loss": null, "applied": false, "skipped": "x"}
    {"step": 2, "loss": 4, "applied": true}
    {"step": 2, "val_loss": 3.5}
    {"step": 3, "loss": 3, "applied": true}

    """

  @Test(arguments: [("run.csv", text), ("metrics.jsonl", lines), ("log.jsonl", lines)])
  func byteByByte(_ name: String, _ text: String) throws {
    let bytes = Array(text.utf8)
    let whole = try RunLog.read([files.write(bytes, to: "whole/\(name)")])[0]
    // As many pieces as there are lengths of them.
    for size in [1, 2, 3, 7, 40] {
      let folder = "in-\(size)"
      try files.write(Array(bytes.prefix(20)), to: "\(folder)/\(name)")
      let reader = try RunLogReader(path: files.path("\(folder)/\(name)"))
      try reader.refresh()
      for start in stride(from: 20, to: bytes.count, by: size) {
        try files.append(
          Array(bytes[start..<min(start + size, bytes.count)]), to: "\(folder)/\(name)")
        #expect(try reader.refresh())
      }
      #expect(try !reader.refresh())
      let log = try #require(reader.logs.first)
      #expect(log.tracks == whole.tracks)
      #expect(log.notes == whole.notes)
      #expect(log.events == whole.events)
    }
  }

  @Test func aLineWithoutItsEnd() throws {
    let path = try files.write("step,loss\n1,2\n2,1", to: "run.csv")
    let reader = try RunLogReader(path: path)
    try reader.refresh()
    #expect(reader.logs[0].text("loss") == "1:2 2:1")
    try files.append("5\n", to: "run.csv")
    try reader.refresh()
    #expect(reader.logs[0].text("loss") == "1:2 2:15")
    #expect(reader.logs[0].notes == [])
  }

  @Test func shortenedAndReplaced() throws {
    let path = try files.write("step,loss\n1,2\n2,1\n", to: "run.csv")
    let reader = try RunLogReader(path: path)
    try reader.refresh()
    try files.write("step,loss\n1,9\n", to: "run.csv")
    #expect(try reader.refresh())
    #expect(reader.logs[0].text("loss") == "1:9")
    // As long as before, and longer, with another beginning.
    try files.write("step,loss\n1,8\n", to: "run.csv")
    #expect(try reader.refresh())
    #expect(reader.logs[0].text("loss") == "1:8")
    try files.write("step,loss\n4,3\n5,2\n", to: "run.csv")
    #expect(try reader.refresh())
    #expect(reader.logs[0].text("loss") == "4:3 5:2")
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: DataError.self) { try reader.refresh() }
  }

  @Test func newRunsInAFolder() throws {
    try files.write("step,loss\n1,2\n", to: "a/metrics.csv")
    try files.write("step,loss\n1,3\n", to: "b/metrics.csv")
    let reader = try RunLogReader(path: files.folder)
    try reader.refresh()
    #expect(reader.logs.map(\.name) == ["a", "b"])
    try files.write("step,loss\n1,4\n", to: "c/metrics.csv")
    #expect(try reader.refresh())
    #expect(reader.logs.map(\.name) == ["a", "b", "c"])
    try FileManager.default.removeItem(atPath: files.path("b"))
    #expect(try reader.refresh())
    #expect(reader.logs.map(\.name) == ["a", "c"])
    #expect(try !reader.refresh())
  }

  @Test func runsOfOneName() throws {
    let paths = try ["x/run.csv", "y/run.csv", "y/z/run.csv"].map {
      try files.write("step,loss\n1,2\n", to: $0)
    }
    #expect(
      try RunLog.read(paths).map(\.name) == [
        "run (x/run.csv)", "run (y/run.csv)", "run (y/z/run.csv)",
      ])
    #expect(try RunLog.read([paths[0], paths[0]]).map(\.name) == ["run", "run (2)"])
  }

  @Test func huggingFaceFolder() throws {
    func state(_ steps: Int) -> String {
      "{\"global_step\": \(steps), \"log_history\": [{\"step\": \(steps), \"loss\": 1}]}"
    }
    try files.write(state(100), to: "out/checkpoint-100/trainer_state.json")
    try files.write(state(20), to: "out/checkpoint-20/trainer_state.json")
    let log = try RunLog.read([files.path("out")])[0]
    #expect((log.name, log.lastStep) == ("out", 100))
    #expect(log.format == .trainerState)
    try files.write(state(120), to: "out/trainer_state.json")
    #expect(try RunLog.read([files.path("out")])[0].lastStep == 120)
    #expect(try RunLog.read([files.path("out/checkpoint-20")])[0].lastStep == 20)
  }
}
