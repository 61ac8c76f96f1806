import Foundation
import Testing

@Suite("descent study", .serialized) struct StudyCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws {
    temporary = try TemporaryFolder()
    try """
    question: Which rate?
    seeds: 2
    recipe: digits-mlp
    set: {epochs: none, steps: 5, model.hidden: 8}
    experiments: {rate: {vary: {optimizer.lr: [0.001, 0.01]}}}
    claims: [{say: it falls, metric: val_loss, expect: falls}]
    """.write(to: folder.appendingPathComponent("rates.yaml"), atomically: true, encoding: .utf8)
  }

  private func json(_ text: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test("processes side by side give the bits of one, and the same command goes on")
  func jobs() throws {
    func values(_ arguments: [String]) throws -> [[Double]] {
      let study = try descent(["study", "rates.yaml", "--json", "-"] + arguments, in: folder)
      #expect(study.status == 0, "\(study.error)")
      let claims = try #require(try json(study.output)["claims"] as? [[String: Any]])
      let cells = try #require(claims[0]["cells"] as? [[String: Any]])
      return cells.compactMap { $0["values"] as? [Double] }
    }
    let one = try values(["--jobs", "1", "--out", "one"])
    #expect(one.map(\.count) == [2, 2])
    #expect(try values([]) == one)
    #expect(try values(["--jobs", "2"]) == one)
    let page = folder.appendingPathComponent("runs/rates-study/report.html")
    #expect(try String(contentsOf: page, encoding: .utf8).contains("it falls"))
    for part in ["recipes/digits-mlp.yaml", "runs/x.json", "report.html", "runs"] {
      let among = try descent(
        ["study", "rates.yaml", "--out", "one", "--json", "one/\(part)"], in: folder)
      #expect(among.status == 64 && among.error.contains("--json one/\(part) would"), "\(among)")
    }
    let more = try descent(["study", "--resume", "one", "--seeds", "3", "--quiet"], in: folder)
    #expect(more.status == 0 && more.output.contains("report: one/report.html"), "\(more.error)")
  }

  @Test("studies are listed with their questions") func list() throws {
    let list = try descent(["study", "--list"], in: folder)
    #expect(list.status == 0 && list.output.contains("learning-rate"))
    let plain = try descent(["study"], in: folder)
    #expect(plain.output == list.output)
  }

  @Test(
    "what is wrong ends with its status and a sentence, and nothing is written",
    arguments: [
      (["nope"], 66, "no file and no built-in study is called 'nope'; built in: "),
      (
        ["rates.yaml", "--set", "optimizer.lr=1"], 64,
        "would change what the experiment 'rate' varies"
      ),
      (
        ["rates.yaml", "--set", "modl.hidden=1"], 64,
        "experiments.rate: there is no section 'modl'; did you mean 'model'?"
      ),
      (["rates.yaml", "--quick"], 64, "says nothing about --quick"),
      (["rates.yaml", "--json", "rates.yaml"], 64, "would replace the study rates.yaml"),
      (["rates.yaml", "--jobs", "0"], 64, "--jobs 0 is out of range"),
      (["--resume", "."], 66, "holds no study"),
      (["--list", "rates.yaml"], 64, "leave out rates.yaml"),
    ] as [([String], Int32, String)])
  func mistakes(arguments: [String], status: Int32, sentence: String) throws {
    let ran = try descent(["study"] + arguments, in: folder)
    #expect(ran.status == status && ran.error.contains(sentence), "\(ran)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["rates.yaml"])
  }

  @Test("Ctrl-C ends a study with 130 and how to go on") func interrupted() throws {
    let runs = folder.appendingPathComponent("study/runs")
    let ran = try descent(
      ["study", "rates.yaml", "--out", "study", "--set", "steps=200000"], in: folder
    ) {
      let all = FileManager.default.subpaths(atPath: runs.path) ?? []
      return all.contains { $0.hasSuffix("metrics.jsonl") }
    }
    #expect(ran.status == 130)
    #expect(ran.error.contains("to go on with it: descent study --resume study"), "\(ran.error)")
  }
}
