import Foundation
import Testing

/// `evaluate` and `predict`, where nothing is left but the run.
@Suite("Use of trained models", .serialized) struct UseCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  @discardableResult
  private func write(_ text: String, _ name: String) throws -> String {
    try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    return name
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }

  private func train(_ recipe: String, _ settings: [String], to run: String) throws {
    let result = try descent(
      ["train", recipe, "--quiet", "--out", run] + settings.flatMap { ["--set", $0] }, in: folder)
    #expect(result.status == 0, "\(result.error)")
  }

  private func json(_ arguments: [String]) throws -> [String: Any] {
    let result = try descent(arguments + ["--json"], in: folder)
    #expect(result.status == 0, "\(result.error)")
    return try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  private let table = [
    "data.kind=csv", "model.hidden=8", "batch=8", "epochs=20", "data.path=t.csv",
  ]

  @Test("a classifier of a table") func classifier() throws {
    let rows = (0..<60).map {
      "\(Double($0 % 2) + Double($0 % 7) / 50),\($0 % 3),\(["no", "yes"][$0 % 2])"
    }
    try write((["x,y,is"] + rows).joined(separator: "\n"), "t.csv")
    try train("digits-mlp", table, to: "run")
    let own = try json(["evaluate", "run"])
    #expect(own["task"] as? String == "classification" && own["accuracy"] as? Double == 1)
    #expect(own["examples"] as? Int == 6 && (own["confusion"] as? [[Int]]) == [[3, 0], [0, 3]])
    let page = try descent(["evaluate", "run"], in: folder)
    #expect(page.output.contains("accuracy  100.00 %") && page.output.contains("Confusion"))
    // The data go, and new ones come.
    try FileManager.default.removeItem(at: folder.appendingPathComponent("t.csv"))
    let gone = try descent(["evaluate", "run"], in: folder)
    #expect(gone.status == 66 && gone.error.contains("--set data.path=FILE"))
    try write("y,x\n1,0.02\n2,1.04\n", "new.csv")
    let lines = try descent(["predict", "run", "--input", "new.csv"], in: folder)
    #expect(lines.status == 0, "\(lines.error)")
    #expect(lines.output.hasPrefix("y,x,prediction,probability_no,probability_yes\n1,0.02,no,0.9"))
    #expect(lines.output.contains("\n2,1.04,yes,"))
    let file = try descent(
      ["predict", "run", "--input", "new.csv", "--output", "out.csv"], in: folder)
    #expect(file.output == "2 predictions in out.csv\n" && file.status == 0)
    #expect(try text("out.csv") == lines.output)
    try write("is,x,y\nyes,1.04,1\nno,1.04,2\n", "known.csv")
    let given = try json(["evaluate", "run", "--set", "data.path=known.csv"])
    #expect(given["accuracy"] as? Double == 0.5 && given["files"] as? [String] == ["known.csv"])
  }

  @Test("exit codes and sentences of bad input") func bad() throws {
    let rows = (0..<40).map { "\(Double($0 % 2)),\($0 % 3),\(["no", "yes"][$0 % 2])" }
    try write(rows.joined(separator: "\n"), "t.csv")
    try train("digits-mlp", table, to: "run")
    try write("1,2\n1,x\n", "bad.csv")
    try write("1,2,maybe\n", "class.csv")
    try write("old", "out.csv")
    let cases: [([String], Int32, String)] = [
      (["evaluate"], 64, "run"), (["evaluate", "nowhere"], 66, "there is no run nowhere"),
      (["evaluate", "run", "--set", "model.hidden=4"], 64, "only keys of data can be given"),
      (["evaluate", "run", "--set", "data.pth=a"], 64, "did you mean 'data.path'?"),
      (["evaluate", "run", "--set", "data.label=0"], 64, "names no data to evaluate"),
      (
        ["evaluate", "run", "--set", "data.path=t.csv", "--set", "data.task=regression"], 64,
        "data.task says how the run has learned"
      ),
      (["evaluate", "run", "--set", "data.path=gone.csv"], 66, "there is no file gone.csv"),
      (["evaluate", "run", "--set", "data.path=class.csv"], 65, "class.csv, line 1, column 3"),
      (["predict", "run"], 64, "--input"),
      (["predict", "run", "--input", "gone.csv"], 66, "there is no file gone.csv"),
      (["predict", "run", "--input", "."], 65, "it is a folder"),
      (["predict", "nowhere", "--input", "t.csv"], 66, "there is no run nowhere"),
      (["predict", "run", "--input", "t.csv", "--output", ""], 64, "--output names no file"),
      (["predict", "run", "--input", "t.csv", "--output", "t.csv"], 64, "would replace the input"),
      (
        ["predict", "run", "--input", "t.csv", "--output", "run/data.json"], 64,
        "would replace a file of a run"
      ),
      (
        ["predict", "run", "--input", "bad.csv", "--output", "out.csv"], 65,
        "bad.csv, line 2, column 2"
      ),
      (["predict", "run", "--input", "t.csv", "--output", "no/out.csv"], 70, "no/out.csv"),
    ]
    for (arguments, status, part) in cases {
      let result = try descent(arguments, in: folder)
      #expect(result.status == status && result.error.contains(part), "\(arguments) \(result)")
    }
    // Whatever went wrong, the output is whole or as it was.
    #expect(try text("out.csv") == "old")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left.allSatisfy { !$0.hasSuffix(".tmp") })
    // A run without data.json says so; one whose newest checkpoint is cut short falls back to it.
    try FileManager.default.removeItem(at: folder.appendingPathComponent("run/data.json"))
    let old = try descent(["predict", "run", "--input", "t.csv"], in: folder)
    #expect(old.status == 66 && old.error.contains("run/data.json"))
    #expect(try descent(["evaluate", "run"], in: folder).status == 0)
  }

  @Test("numbers: trained, looked at, evaluated and predicted") func regression() throws {
    let rows = (0..<80).map { "\(Double($0 % 9) / 4);\(2.5 * Double($0 % 9) + 100.25)" }
    try write((["x;y"] + rows).joined(separator: "\n"), "t.csv")
    let settings = table + ["evaluate.every=20"]
    let run = try descent(
      ["train", "digits-mlp", "--out", "run"] + settings.flatMap { ["--set", $0] }, in: folder)
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("the number “y”, from 100.25 to 120.25, is learned"))
    #expect(run.output.contains("RMSE ") && run.output.contains("R² "))
    let own = try json(["evaluate", "run"])
    let (error, share) = (own["rmse"] as? Double ?? 99, own["r2"] as? Double ?? 0)
    #expect(own["task"] as? String == "regression" && error < 2 && share > 0.9, "\(own)")
    let report = try descent(["report", "run"], in: folder)
    #expect(report.status == 0 && report.output.contains("RMSE"))
    try FileManager.default.removeItem(at: folder.appendingPathComponent("t.csv"))
    try write("x\n1,0\n", "new.csv")
    try write("a;x\nb;1,0\n", "new.csv")
    let lines = try descent(["predict", "run", "--input", "new.csv"], in: folder)
    let cell = lines.output.split(separator: "\n").last?.split(separator: ";").last ?? ""
    let value = Double(cell.replacing(",", with: ".")) ?? 0
    #expect(lines.output.hasPrefix("a;x;prediction\nb;1,0;") && abs(value - 110.25) < 3, "\(lines)")
    let plateau = try descent(
      ["train", "digits-mlp", "--out", "other"]
        + (table + ["data.path=s.csv", "schedule.name=plateau", "schedule.mode=max"]).flatMap {
          ["--set", $0]
        }, in: folder)
    #expect(plateau.status == 66)
    try write((["x;y"] + rows).joined(separator: "\n"), "s.csv")
    let refused = try descent(
      ["train", "digits-mlp", "--out", "other"]
        + (table + [
          "data.path=s.csv", "evaluate.every=5", "schedule.name=plateau", "schedule.mode=max",
        ])
        .flatMap { ["--set", $0] }, in: folder)
    #expect(refused.status == 64 && refused.error.contains("where numbers are predicted"))
  }

  @Test("a language model is evaluated, and predicts no table") func language() throws {
    let words = ["the cat", "sat on", "a mat"]
    try write((0..<300).map { words[$0 * 7 % 3] }.joined(separator: "\n"), "book.txt")
    try train(
      "gpt",
      [
        "data.path=book.txt", "steps=10", "model.layers=1", "model.width=16", "model.heads=2",
        "model.context=8", "schedule.name=constant", "evaluate.every=5",
      ], to: "run")
    let own = try json(["evaluate", "run"])
    let text = try text("book.txt")
    let validation = text.count - Int((Double(text.count) * 0.9 + 1e-9).rounded(.down))
    #expect(own["tokens"] as? Int == validation - 1)
    let (loss, perplexity) = (own["loss"] as? Double ?? 0, own["perplexity"] as? Double ?? 0)
    #expect(loss > 0 && abs(perplexity - exp(loss)) < 1e-9 * perplexity)
    try write(text.uppercased(), "capitals.txt")
    let others = try descent(
      ["train", "--resume", "run", "--set", "steps=12", "--set", "data.path=capitals.txt"],
      in: folder)
    #expect(others.status != 0 && others.error.contains("has learned other tokens"), "\(others)")
    // A run has a copy of the tokenizer that it was given.
    let files = FileManager.default
    let given = folder.appendingPathComponent("given")
    try files.copyItem(at: folder.appendingPathComponent("run"), to: given)
    try train(
      "gpt",
      [
        "data.path=book.txt", "data.tokenizer=given", "steps=1", "model.layers=1",
        "model.width=16", "model.heads=2", "model.context=8", "schedule=none",
      ], to: "second")
    try files.removeItem(at: given)
    let sample = try descent(["sample", "second", "--tokens", "5"], in: folder)
    #expect(sample.status == 0, "\(sample)")
    let shorter = try descent(["train", "--resume", "run", "--set", "steps=5"], in: folder)
    #expect(shorter.status == 64 && shorter.error.contains("has done 10 steps"), "\(shorter)")
    let export = try descent(
      ["export", "run", "--format", "huggingface", "--out", "model"], in: folder)
    #expect(export.status == 0 && export.output.contains("without tokenizer.json"))
    try FileManager.default.removeItem(at: folder.appendingPathComponent("book.txt"))
    try write("a cat\nsat on the mat", "other.txt")
    let other = try json(["evaluate", "run", "--set", "data.path=other.txt"])
    #expect(other["tokens"] as? Int == 19 && other["files"] as? [String] == ["other.txt"])
    try write("a cat\nsat on X", "bad.txt")
    for (arguments, status, part) in [
      (["evaluate", "run"], 66, "there is no file book.txt"),
      (["evaluate", "run", "--set", "data.path=bad.txt"], 65, "bad.txt, line 2: expected"),
      (["predict", "run", "--input", "other.txt"], 64, "'descent sample'"),
      (["tokenize", "--tokenizer", "run"], 65, "tokens are single characters"),
      (
        ["train", "gpt", "--set", "data.path=other.txt", "--set", "data.tokenizer=nosuch"], 66,
        "a tokenizer is byte, char, or the path"
      ),
    ] as [([String], Int32, String)] {
      let result = try descent(arguments, in: folder)
      #expect(result.status == status && result.error.contains(part), "\(arguments) \(result)")
    }
  }
}
