import DescentLab
import DescentTraining
import Foundation
import Testing

/// How long it takes to read long logs, and how much memory: `Benchmarks/logs.sh` runs it.
@Suite(
  .serialized, .enabled(if: ProcessInfo.processInfo.environment["DESCENT_BENCHMARK"] == "logs"))
struct LogSpeedTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  static let steps = 1_000_000

  @Test func table() throws {
    let path = try write("run.csv") { step in
      if step == 0 { return Array("step,loss,lr,grad_norm,seconds,epoch,tokens,memory\n".utf8) }
      let x = Double(step)
      return Array(
        "\(step),\(4 / x.squareRoot()),\(1e-3 / x),\(0.5 + sin(x)),0.0123,\(x / 1000),\(step * 512),1.5\n"
          .utf8)
    }
    try measure("a table of 1,000,000 rows and 8 columns", path)
  }

  @Test func events() throws {
    let path = try write("events.out.tfevents.1.host") { step in
      if step == 0 { return EventEncoding.version(wallTime: 1.7e9).record }
      return ["train/loss", "train/lr", "train/grad_norm"].flatMap { tag in
        var event = EventEncoding(wallTime: 1.7e9 + Double(step), step: step)
        event.add(tag, 4 / Double(step))
        return event.record
      }
    }
    try measure("an event file of 1,000,000 steps and 3 tags", path)
  }

  @Test func runs() throws {
    for run in 0..<10 {
      try write("runs/\(run)/metrics.jsonl", steps: Self.steps / 10) { step in
        var record = StepRecord(step: step + 1, loss: 4 / Double(step + 1))
        (record.learningRate, record.gradientNorm) = (1e-3, 0.5 + sin(Double(step)))
        (record.applied, record.seconds, record.activationBytes) = (true, 0.0123456789, 123_456)
        return Array("\(JournalEntry.step(record).line)\n".utf8)
      }
    }
    try measure("10 runs of 100,000 steps", files.path("runs"))
  }

  @discardableResult
  private func write(
    _ name: String, steps: Int = steps, _ line: (Int) -> [UInt8]
  ) throws -> String {
    try files.write([], to: name)
    let handle = try FileHandle(forWritingTo: URL(filePath: files.path(name)))
    var bytes: [UInt8] = []
    for step in 0...steps {
      bytes += line(step)
      if bytes.count > 1 << 20 || step == steps {
        try handle.write(contentsOf: Data(bytes))
        bytes.removeAll(keepingCapacity: true)
      }
    }
    try handle.close()
    return files.path(name)
  }

  private func measure(_ what: String, _ path: String) throws {
    // The peak from here on, where the system counts so.
    try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
    let clock = ContinuousClock()
    var logs: [RunLog] = []
    let time = try clock.measure { logs = try RunLog.read([path]) }
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let peak = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? "VmHWM unknown"
    print("\(what): \(time), \(peak), \(logs.count) runs, last step \(logs[0].lastStep)")
    #expect(logs.allSatisfy { $0["loss"]?.isEmpty == false && $0.notes.isEmpty })
  }
}
