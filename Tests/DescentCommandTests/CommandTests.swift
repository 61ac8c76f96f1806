import Foundation
import Testing

/// Runs the built `descent` as a user would.
private func descent(
  _ arguments: [String], in folder: URL? = nil, interruptWhen ready: (() -> Bool)? = nil
) throws -> (status: Int32, output: String, error: String) {
  // The test bundle and the command are built into the same folder.
  let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  let process = Process()
  process.executableURL = tests.deletingLastPathComponent().appendingPathComponent("descent")
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = folder }
  let (output, error) = (Pipe(), Pipe())
  (process.standardOutput, process.standardError) = (output, error)
  try process.run()
  if let ready {
    let deadline = Date(timeIntervalSinceNow: 60)
    while process.isRunning, !ready(), Date() < deadline { Thread.sleep(forTimeInterval: 0.05) }
    process.interrupt()
  }
  let text = try output.fileHandleForReading.readToEnd() ?? Data()
  let errors = try error.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (
    process.terminationStatus, String(decoding: text, as: UTF8.self),
    String(decoding: errors, as: UTF8.self)
  )
}

@Suite("Command line", .serialized) struct CommandTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func write(_ text: String, _ name: String) throws -> String {
    let file = folder.appendingPathComponent(name)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  @Test("a run is trained, numbered, and sampled") func trainsAndSamples() throws {
    let text = try write(String(repeating: "to be or not to be, ", count: 200), "text.txt")
    let small = [
      "train", "gpt", "--set", "data.path=\(text)", "--set", "steps=20", "--set",
      "schedule.warmup=2", "--set",
      "model.width=32", "--set", "model.layers=1", "--set", "evaluate.batches=1",
    ]
    for number in 1...2 {
      let run = try descent(small, in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.output.contains("training gpt in runs/gpt-\(number)"))
      #expect(run.output.contains("group no_decay (rank 0-1)"))
      #expect(run.output.contains("validation loss"))
    }
    let sample = try descent(
      ["sample", "runs/gpt-2", "--prompt", "to be", "--tokens", "30"], in: folder)
    #expect(sample.status == 0 && sample.output.hasPrefix("to be"))
    #expect(sample.output.count == 5 + 30 + 1)
    let unseen = try descent(["sample", "runs/gpt-2", "--prompt", "ß"], in: folder)
    #expect(unseen.status == 65 && unseen.error.contains("ß"))
  }

  @Test(
    "exit codes and sentences of bad input",
    arguments: [
      (["train", "gpt", "--set", "optimizer.lrr=1"], 64, "did you mean 'optimizer.lr'?"),
      (["train", "gpt", "--set", "optimizer.lr=-1"], 64, "optimizer.lr=-1 is out of range"),
      (["train", "gpt", "--set", "data.path=none.txt"], 66, "none.txt"),
      (["train", "gtp"], 66, "those are digits-cnn, digits-mlp, gpt"),
      (["train", "gpt", "--sett", "a=b"], 64, "--sett"),
      (["train", "gpt", "--set", "data.path=empty.txt"], 65, "empty"),
      (["train", "gpt", "--set", "data.path=short.txt"], 65, "context"),
      (
        ["train", "digits-mlp", "--set", "data.kind=csv", "--set", "data.path=ragged.csv"], 65,
        "ragged.csv"
      ),
      (
        [
          "train", "digits-mlp", "--set", "data.kind=idx", "--set", "data.images=cut.idx", "--set",
          "data.labels=cut.idx",
        ], 65, "cut.idx"
      ),
      (["sample", "nowhere"], 66, "nowhere is not a run"),
      (["recipes", "gtp"], 64, "did you mean 'gpt'?"),
      (["fly"], 64, "fly"),
    ] as [([String], Int32, String)])
  func badInput(_ arguments: [String], _ status: Int32, _ part: String) throws {
    _ = try write("", "empty.txt")
    _ = try write("too short", "short.txt")
    _ = try write("1,2,a\n3,b\n", "ragged.csv")
    try Data([0, 0, 8, 3, 0, 0, 0, 9, 0, 0]).write(to: folder.appendingPathComponent("cut.idx"))
    let result = try descent(arguments, in: folder)
    #expect(result.status == status, "\(result.error)")
    #expect(result.error.contains(part), "\(result.error)")
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("runs").path))
  }

  @Test("an overflowing learning rate ends with 75 and the last good weights on disk")
  func overflow() throws {
    let result = try descent(
      ["train", "digits-mlp", "--set", "optimizer.lr=1e38", "--out", "run"], in: folder)
    #expect(result.status == 75, "\(result.error)")
    #expect(result.error.contains("training stopped at step"))
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    #expect(checkpoints.count == 1)
  }

  @Test("Ctrl-C ends with 130 after a checkpoint") func interrupt() throws {
    let result = try descent(
      [
        "train", "gpt", "--set", "steps=100000", "--set", "checkpoint.every=0", "--set",
        "evaluate.every=0", "--out", "run",
      ], in: folder
    ) {
      // Three steps are on disk.
      let log = try? String(
        contentsOf: folder.appendingPathComponent("run/metrics.jsonl"), encoding: .utf8)
      return (log?.split(separator: "\n").count ?? 0) >= 3
    }
    #expect(result.status == 130, "\(result.error)")
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    #expect(checkpoints.count == 1)
  }

  @Test("recipes are listed and printed") func recipes() throws {
    let list = try descent(["recipes"])
    #expect(list.status == 0 && list.output.split(separator: "\n").count == 3)
    let one = try descent(["recipes", "gpt"])
    #expect(one.output.contains("kind: gpt"))
  }
}
