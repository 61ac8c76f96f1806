import Foundation
import Testing

/// `report`, `plot` and `compare` as a user runs them, on logs of any quality.
@Suite("Reports on the command line") struct ReportCommandTests {
  /// What tools leave behind, and what each command must say of it.
  private static let logs: [String: String] = [
    "good.csv": "step,loss,lr\n"
      + (1...300).map { "\($0),\(4.0 / Double($0) + 1),\(1e-3)" }.joined(separator: "\n") + "\n",
    "other.csv": "Step,train_loss,learning_rate\n"
      + (1...200).map { "\($0),\(5.0 / Double($0) + 1),0.002" }.joined(separator: "\n") + "\n",
    "nan.csv": "step,loss\n1,3\n2,nan\n3,NaN\n4,2\n",
    "all-nan.csv": "step,loss\n1,nan\n2,nan\n",
    "words.csv": "step,loss\n1,3\n2,oops\n3,2\n",
    "torn.csv": "step,loss\n1,3\n2,2.5\n3,2.",
    "header.csv": "step,loss\n",
    "one.csv": "step,loss\n1,3\n",
    "empty.csv": "",
    "rubbish.bin": "\u{1}\u{2}\u{3}rubbish",
    "notes.txt": "these are notes\nabout nothing\n",
  ]

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
      (["report", "good.csv"], 0, "The training loss fell"),
      (["report", "good.csv", "other.csv"], 0, "lowest training loss"),
      (["report", "nan.csv"], 0, "2 of 4 losses are not finite"),
      (["report", "all-nan.csv"], 0, "no loss of the run is finite"),
      (["report", "torn.csv"], 0, "page: report.html"),
      (["report", "one.csv"], 0, "page: report.html"),
      (["report", "words.csv"], 0, "page: report.html"),
      (["report", "empty.csv"], 65, "empty.csv"), (["report", "rubbish.bin"], 65, "rubbish.bin"),
      (["report", "notes.txt"], 65, "notes.txt"), (["report", "no-such.csv"], 66, "no-such.csv"),
      (["report", "good.csv", "no-such.csv"], 66, "no-such.csv"),
      (["report", "good.csv", "--out", "no/such/folder.html"], 70, "no/such"),
      (["report", "good.csv", "--svg", "good.csv"], 70, "good.csv"), (["report"], 64, "path"),
      (["report", "good.csv", "--out", "good.csv"], 64, "would replace a log"),
      (["report", "good.csv", "--out", "x", "--json", "./x"], 64, "give each a file of its own"),
      (["compare", "good.csv", "nan.csv", "--json", "nan.csv"], 64, "would replace a log"),
      (["plot", "good.csv", "--show", "loss,lr"], 0, "lr"),
      (["plot", "good.csv", "--show", "train_loss"], 0, "loss"),
      (["plot", "good.csv", "--show", "d"], 64, "they have loss, lr"),
      (["plot", "all-nan.csv"], 65, "no numbers"),
      (["plot", "good.csv", "--height", "0"], 64, "--height"),
      (["compare", "good.csv", "other.csv"], 0, "at step 200, the last that all reached"),
      (["compare", "good.csv"], 64, "two runs or more"),
      (["compare", "good.csv", "good.csv"], 0, "have the same training loss"),
    ] as [([String], Int32, String)])
  func logs(_ arguments: [String], _ status: Int32, _ part: String) throws {
    try inFolder { folder in
      let result = try descent(arguments, in: folder)
      #expect(result.status == status, "\(result.output)\(result.error)")
      #expect((status == 0 ? result.output : result.error).contains(part), "\(result.error)")
      if status != 0 { #expect(result.output.isEmpty) }
    }
  }

  @Test("a page needs no network; figures and JSON stand beside it") func page() throws {
    try inFolder { folder in
      let result = try descent(
        [
          "report", "good.csv", "other.csv", "--out", "p.html", "--svg", "figures", "--json",
          "p.json",
        ],
        in: folder)
      #expect(result.status == 0, "\(result.error)")
      let page = try String(contentsOf: folder.appendingPathComponent("p.html"), encoding: .utf8)
      #expect(page.hasPrefix("<!doctype html>") && page.contains("<svg"))
      for link in ["src=\"http", "href=\"http", "url(http", "@import"] {
        #expect(!page.contains(link), "\(link)")
      }
      let figures = try FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent("figures").path)
      #expect(figures.contains("training-loss.svg") && figures.contains("learning-rate.svg"))
      let json = try JSONSerialization.jsonObject(
        with: Data(contentsOf: folder.appendingPathComponent("p.json")))
      let object = try #require(json as? [String: Any])
      let runs = try #require(object["runs"] as? [[String: Any]])
      #expect(runs.compactMap { $0["run"] as? String } == ["good", "other"])
      #expect(runs.compactMap { $0["steps"] as? Int } == [300, 200])
    }
  }

  @Test("JSON on standard output stands alone", arguments: ["report", "compare"])
  func standardOutput(_ command: String) throws {
    try inFolder { folder in
      let result = try descent([command, "good.csv", "other.csv", "--json", "-"], in: folder)
      #expect(result.status == 0, "\(result.error)")
      let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      #expect((json as? [String: Any])?["findings"] is [String])
    }
  }

  @Test("a folder of runs is all of them; a run's page lies in its folder") func runs() throws {
    try inFolder { folder in
      for name in ["a", "b"] {
        let run = folder.appendingPathComponent("runs/\(name)")
        try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
        try "seed: \(name == "a" ? 1 : 2)\nsteps: 3\n".write(
          to: run.appendingPathComponent("recipe.yaml"), atomically: true, encoding: .utf8)
        let lines = (1...3).map { #"{"step": \#($0), "loss": \#(4 - $0)}"# }
        try (lines.joined(separator: "\n") + "\n").write(
          to: run.appendingPathComponent("metrics.jsonl"), atomically: true, encoding: .utf8)
      }
      let both = try descent(["compare", "runs"], in: folder)
      #expect(both.status == 0 && both.output.contains("a and b have the same training loss"))
      #expect(both.output.contains("seed"))
      let one = try descent(["report", "runs/a"], in: folder)
      #expect(one.output.contains("page: runs/a/report.html"), "\(one.output)\(one.error)")
    }
  }
}
