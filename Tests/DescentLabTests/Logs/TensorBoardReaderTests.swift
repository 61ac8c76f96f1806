import DescentLab
import DescentTraining
import Foundation
import Testing

/// PyPI's `tensorboard`, where there is a Python with it: `DESCENT_PYTHON`, or `python3`.
enum TensorBoardPython {
  private static let python = ProcessInfo.processInfo.environment["DESCENT_PYTHON"] ?? "python3"

  static func run(_ arguments: [String]) -> (status: Int32, output: Data)? {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [python] + arguments
    (process.standardOutput, process.standardError) = (pipe, FileHandle.nullDevice)
    guard (try? process.run()) != nil else { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  static let isThere = run(["-c", "import tensorboard"])?.status == 0
}

/// What TensorBoard itself reads in the files that Descent writes.
@Suite(
  .enabled(
    if: TensorBoardPython.isThere, "needs PyPI's tensorboard; see References/tensorboard_events.py")
)
struct TensorBoardReaderTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  private struct Scalars: Decodable {
    let steps: [Int]
    let values: [String]
  }

  private func read(_ folder: String) throws -> [String: Scalars] {
    let script = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../References/tensorboard_events.py").standardizedFileURL.path
    let result = try #require(TensorBoardPython.run([script, folder]))
    try #require(result.status == 0)
    return try JSONDecoder().decode([String: Scalars].self, from: result.output)
  }

  @Test func runThatWasResumed() throws {
    let name = "events.out.tfevents.1700000000.host.1"
    var first = EventEncoding.version(wallTime: 1).record
    for step in 1...5 {
      var event = EventEncoding(wallTime: Double(step), step: step)
      event.add("train/loss", 1 / Double(step))
      event.add("train/lr/a b", .nan)
      event.add("weight/w", from: 0, to: 1, counts: [1, 2])
      first += event.record
    }
    try files.write(first, to: "\(name).0")
    var second = EventEncoding.version(wallTime: 9).record
    second += EventEncoding.start(wallTime: 9, step: 4).record
    for step in 4...6 {
      var event = EventEncoding(wallTime: 9 + Double(step), step: step)
      event.add("train/loss", 10 * Double(step))
      second += event.record
    }
    try files.write(second, to: "\(name).1")
    let found = try read(files.folder)
    let loss = try #require(found["train/loss"])
    #expect(loss.steps == [1, 2, 3, 4, 5, 6])
    #expect(loss.values.compactMap(Double.init).map { Float($0) } == [1, 0.5, 1 / 3, 40, 50, 60])
    #expect(found["train/lr/a b"]?.steps == [1, 2, 3])
    #expect(found["train/lr/a b"]?.values.first == "nan")
    // And what Descent reads in the same files.
    let log = try RunLog.read([files.folder])[0]
    #expect(log["loss"]?.steps == loss.steps)
    #expect(log["loss"]?.values == loss.values.compactMap(Double.init))
  }
}
