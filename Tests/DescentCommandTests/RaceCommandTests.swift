import Foundation
import Testing

@Suite("descent race", .serialized) struct RaceCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  private let small = ["--seeds", "2", "--set", "steps=8", "--set", "model.hidden=8"]

  @Test("several processes give the bits of one, and the JSON and the page are written")
  func jobs() throws {
    func finals(_ out: String, _ more: [String]) throws -> [[Double]] {
      let race = try descent(
        ["race", "digits-mlp", "--optimizers", "adamw,sgd(lr=1e38),lion", "--out", out] + small
          + more, in: folder)
      #expect(race.status == 0, "\(race.error)")
      let file = folder.appendingPathComponent("\(out).json")
      let json = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      let rows = try #require(json["rows"] as? [[String: Any]])
      #expect(rows.map { $0["failures"] as? Int } == [0, 2, 0])
      let page = folder.appendingPathComponent("\(out)/report.html")
      #expect(try String(contentsOf: page, encoding: .utf8).contains("To repeat it"))
      return rows.compactMap { ($0["finals"] as? [Any])?.compactMap { $0 as? Double } }
    }
    let one = try finals("one", ["--json", "one.json"])
    let two = try finals("two", ["--json", "two.json", "--jobs", "2", "--quiet"])
    #expect(one == two && one.map(\.count) == [2, 0, 2])
  }

  @Test(
    "what cannot be written is said before the race, and nothing of its own is replaced",
    arguments: [
      ("none/x.json", 70, "none/x.json cannot be written"),
      ("race", 64, "would replace the folder of the race"),
      ("race/race.json", 64, "would replace the race's own race.json"),
    ])
  func paths(json: String, status: Int32, sentence: String) throws {
    let ran = try descent(
      ["race", "digits-mlp", "--optimizers", "adamw", "--out", "race", "--json", json] + small,
      in: folder)
    #expect(ran.status == status && ran.error.contains(sentence), "\(ran)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("Ctrl-C ends a race with 130 and how to go on, and JSON alone goes to standard output")
  func interrupted() throws {
    let out = folder.appendingPathComponent("race")
    let started = try descent(
      ["race", "digits-mlp", "--optimizers", "adamw", "--seeds", "2", "--out", "race", "--set"]
        + ["steps=20000"], in: folder
    ) {
      FileManager.default.fileExists(
        atPath: out.appendingPathComponent("digits-mlp/01-adamw/seed-01/metrics.jsonl").path)
    }
    #expect(started.status == 130)
    #expect(started.error.contains("to go on with it: descent race --resume race"))
    let other = try descent(
      ["race", "digits-mlp", "--optimizers", "adamw", "--json", "-", "--out", "other"] + small,
      in: folder)
    let json = try JSONSerialization.jsonObject(with: Data(other.output.utf8)) as? [String: Any]
    #expect(other.status == 0 && json?["recipe"] as? String == "digits-mlp")
  }
}
