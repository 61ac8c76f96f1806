import Foundation
import Testing

@Suite("Serving and watching") struct LiveCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws {
    temporary = try TemporaryFolder()
    let run = folder.appendingPathComponent("runs/a")
    try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
    try "steps: 2\n".write(
      to: run.appendingPathComponent("recipe.yaml"), atomically: true, encoding: .utf8)
    try "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n".write(
      to: run.appendingPathComponent("metrics.jsonl"), atomically: true, encoding: .utf8)
  }

  @Test("a run that has ended is shown, and watching it ends") func watches() throws {
    let line = try descent(["watch", "runs/a"], in: folder)
    #expect((line.status, line.error) == (0, ""))
    #expect(line.output == "finished: step 2/2  loss 1.0000\n")
    let once = try descent(["watch", "runs/a", "--once"], in: folder)
    #expect(once.status == 0 && once.output.contains("Loss"))
    #expect(!once.output.contains("\u{1B}"))
  }

  @Test(
    "what cannot be served or watched is one sentence",
    arguments: [
      (["watch", "runs/b"], 66, "no file"), (["watch", "runs/a", "--every", "0"], 64, "--every"),
      (["serve", "nowhere"], 66, "nowhere"), (["serve", "runs", "--port", "70000"], 64, "port"),
      (["serve", "runs", "--host", "nowhere"], 64, "not an address"),
    ] as [([String], Int32, String)])
  func refuses(_ arguments: [String], _ status: Int32, _ part: String) throws {
    let result = try descent(arguments, in: folder)
    #expect(result.status == status)
    #expect(result.error.contains(part) && result.output.isEmpty, "\(result.error)")
  }

  @Test("of a folder with several runs none is picked") func several() throws {
    let runs = folder.appendingPathComponent("runs")
    try FileManager.default.copyItem(
      at: runs.appendingPathComponent("a"), to: runs.appendingPathComponent("b"))
    let result = try descent(["watch", "runs"], in: folder)
    #expect(result.status == 64 && result.output.isEmpty)
    #expect(result.error.contains("runs has 2 runs (a, b); give the path of one of them"))
  }

  @Test("Ctrl-C ends the server") func serves() throws {
    let start = Date()
    let result = try descent(
      ["serve", "runs"], in: folder, interruptWhen: { Date().timeIntervalSince(start) > 1 })
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("the runs in runs: http://127.0.0.1:"))
    #expect(result.error.isEmpty)
  }
}
