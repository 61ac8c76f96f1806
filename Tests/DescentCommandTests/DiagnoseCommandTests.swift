import Foundation
import Testing

/// `diagnose` as a user runs it, on logs of any quality.
@Suite("Diagnosis on the command line") struct DiagnoseCommandTests {
  private static func csv(_ rows: Int, _ loss: (Int) -> String) -> String {
    "step,loss\n" + (1...rows).map { "\($0),\(loss($0))" }.joined(separator: "\n") + "\n"
  }

  private static let logs: [String: String] = [
    "good.csv": csv(300) { "\(4.0 / Double($0) + 1)" },
    "lost.csv": csv(300) { $0 < 200 ? "\(4.0 / Double($0) + 1)" : "nan" },
    "ten.csv": csv(10) { "\(2 - 0.1 * Double($0))" },
    "constant.csv": csv(200) { _ in "0.5" },
    "header.csv": "step,loss\n",
    "empty.csv": "",
    "words.csv": "step,loss\n1,high\n2,low\n",
    "unknown.csv": "step,accuracy,spread\n1,0.5,2\n2,0.6,3\n",
    // Down to the smallest number there is: a fall of more than 2,000 powers of two.
    "scale.csv": "step,loss_scale\n0,1e308\n1,5e-324\n",
    "rates.csv": "step,lr\n1,0.1\n2,0.1\n",
    "run-a-tag-train_loss.csv": exported, "values.csv": exported,
    "flags.jsonl": "{\"step\":1,\"loss\":true}\n{\"step\":2,\"loss\":false}\n",
    "torn.jsonl": "{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo",
  ]

  private static let exported =
    "Wall time,Step,Value\n" + (1...100).map { "\($0).0,\($0),\(4.0 / Double($0) + 1)\n" }.joined()

  @Test("a log in a folder is not written over", arguments: ["diagnose --html", "report --out"])
  func keepsLogs(_ command: String) throws {
    try inFolder { folder in
      let words = command.split(separator: " ").map(String.init)
      let logs = folder.appendingPathComponent("logs")
      try FileManager.default.createDirectory(at: logs, withIntermediateDirectories: true)
      let log = logs.appendingPathComponent("a.csv")
      try Self.csv(30) { "\($0)" }.write(to: log, atomically: true, encoding: .utf8)
      let before = try Data(contentsOf: log)
      let result = try descent([words[0], "logs", words[1], "logs/a.csv"], in: folder)
      #expect(result.status == 64 && result.error.contains("would replace a log"), "\(result)")
      #expect(try Data(contentsOf: log) == before)
    }
  }

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in Self.logs {
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    try body(folder)
  }

  @Test(
    "each log has its exit code and its words",
    arguments: [
      (["good.csv"], 0, "healthy"), (["lost.csv"], 0, "nan, confidence 99 %, steps 200 to 300"),
      (["ten.csv"], 0, "cannot be told from noise"), (["constant.csv"], 0, "never learned"),
      (["header.csv"], 65, "no number that could be read"),
      (["words.csv"], 65, "no number that could be read"),
      (["unknown.csv"], 65, "it has “accuracy” and “spread”"),
      (["scale.csv"], 0, "loss scale fell once"), (["rates.csv"], 0, "No loss in the log"),
      (["run-a-tag-train_loss.csv"], 0, "healthy"), (["values.csv"], 0, "taken as the loss"),
      (["flags.jsonl"], 65, "“loss” has true in the place of a number"),
      (["torn.jsonl"], 0, "healthy"),
      (["lost.csv", "--against", "good.csv"], 0, "good does not have it"),
      (["--kinds"], 0, "lr_too_high.noise"), (["--kinds", "--json"], 0, "\"thresholds\""),
      (["good.csv", "--set", "plateau.share=0.9"], 0, "healthy"),
      (["empty.csv"], 65, "empty.csv"), (["no-such.csv"], 66, "no-such.csv"),
      (["good.csv", "--against", "no-such.csv"], 66, "no-such.csv"),
      ([], 64, "give the log of a run"), (["good.csv", "--kinds"], 64, "--kinds stands alone"),
      (["good.csv", "--set", "plateau"], 64, "key=value"),
      (["good.csv", "--set", "plato.share=1"], 64, "plateau"),
      (["good.csv", "--set", "plateau.share=2"], 64, "plateau.share=2"),
      (["good.csv", "--html", "good.csv"], 64, "would replace a log"),
      (["good.csv", "--html", "no/such/folder.html"], 70, "no/such"),
    ] as [([String], Int32, String)])
  func logs(_ arguments: [String], _ status: Int32, _ part: String) throws {
    try inFolder { folder in
      let result = try descent(["diagnose"] + arguments, in: folder)
      #expect(result.status == status, "\(result.output)\(result.error)")
      #expect((status == 0 ? result.output : result.error).contains(part), "\(result)")
      if status != 0 { #expect(result.output.isEmpty) }
    }
  }

  @Test("JSON stands alone, beside a page") func json() throws {
    try inFolder { folder in
      let result = try descent(["diagnose", "lost.csv", "--json", "--html", "p.html"], in: folder)
      #expect(result.status == 0, "\(result.error)")
      let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      let object = try #require(json as? [String: Any])
      #expect(object["source"] as? String == "lost.csv")
      #expect((object["findings"] as? [[String: Any]])?.first?["kind"] as? String == "nan")
      let page = try String(contentsOf: folder.appendingPathComponent("p.html"), encoding: .utf8)
      #expect(page.hasPrefix("<!doctype html>") && page.contains("<svg"))
    }
  }

  @Test("training ends with a diagnosis, unless it is to be quiet", arguments: [false, true])
  func training(_ isQuiet: Bool) throws {
    try inFolder { folder in
      let result = try descent(
        ["train", "digits-mlp", "--set", "steps=60", "--set", "optimizer.lr=0.05", "--out", "run"]
          + (isQuiet ? ["--quiet"] : []), in: folder)
      #expect(result.status == 0, "\(result.error)")
      #expect(result.output.contains("diagnosis") == !isQuiet, "\(result.output)")
    }
  }
}
