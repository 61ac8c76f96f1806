import Foundation
import Testing

@Suite("descent landscape", .serialized) struct LandscapeCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  @Test("the contract: every step of every path, by the user's names, to nine digits and more")
  func json() throws {
    let result = try descent(
      [
        "landscape", "--function", "ravine", "--optimizers", "sgd,sgd(momentum=0.9),adam,lbfgs",
        "--start", "-3,1.5", "--condition", "20", "--steps", "12", "--lr", "0.05", "--noise", "0.1",
        "--json",
      ], in: folder)
    #expect(result.status == 0, "\(result.error)")
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["function"] as? String == "ravine")
    let ways = try #require(json["trajectories"] as? [String: [[Double]]])
    #expect(Set(ways.keys) == ["sgd", "sgd(momentum=0.9)", "adam", "lbfgs"])
    for (name, way) in ways {
      #expect(way.count == 13 && way.allSatisfy { $0.count == 3 }, "\(name)")
      #expect(way[0] == [-3, 1.5, 4.5 + 10 * 1.5 * 1.5], "\(name)")
    }
    #expect(result.output.contains(/\d\.\d{9,}/))
  }

  @Test("pages and figures are written, and the terminal says where") func files() throws {
    let result = try descent(
      [
        "landscape", "--optimizers", "sgd,adam", "--html", "a.html", "--plot", "b.svg", "--svg",
        "figures", "--steps", "30",
      ], in: folder)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("page: a.html") && result.output.contains("× minimum"))
    #expect(result.output.split(separator: "\n").allSatisfy { $0.count < 400 })
    let page = try String(contentsOf: folder.appendingPathComponent("a.html"), encoding: .utf8)
    #expect(page.contains("data-paths=") && page.utf8.count < 250_000)
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("figures").path)
    #expect(names.sorted() == ["ravine-adam.svg", "ravine-sgd.svg", "ravine-values.svg"])
  }

  @Test(
    "bad input",
    arguments: [
      (["--function", "ravin"], "did you mean 'ravine'?"), (["--start", "1"], "two numbers"),
      (["--start=", "--json"], "--start has no value"),
      (["--steps", "0"], "out of range"), (["--steps", "1000000000000"], "out of range"),
      (["--noise", "-1"], "at least 0"), (["--condition", "0"], "above 0"),
      (["--html", "same.svg", "--plot", "same.svg"], "each a file of its own"),
    ])
  func refuses(_ arguments: [String], _ words: String) throws {
    let result = try descent(["landscape"] + arguments, in: folder)
    #expect(result.status == 64)
    #expect(result.error.contains(words), "\(result.error)")
    #expect(result.output.isEmpty)
  }
}

@Suite("descent convert-hparams", .serialized) struct ConvertHyperparametersTests {
  @Test("the contract, and both ways to give batches") func json() throws {
    for batch in [["--batch", "64", "256"], ["--batch-from", "64", "--batch-to", "256"]] {
      let result = try descent(
        ["convert-hparams", "adamw", "adamw", "--set", "lr=3e-4"] + batch + ["--json"])
      #expect(result.status == 0, "\(result.error)")
      let json = try #require(
        JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
      #expect(json["from"] as? String == "adamw" && json["to"] as? String == "adamw")
      let settings = try #require(json["settings"] as? [String: Any])
      #expect(settings["lr"] as? Double == 6e-4)
      #expect((settings["betas"] as? [Double])?.count == 2)
      let rules = try #require(json["rules"] as? [[String: Any]])
      for key in ["setting", "value", "low", "high", "rule", "source", "doubt"] {
        #expect(rules.allSatisfy { $0[key] != nil }, "\(key)")
      }
    }
  }

  @Test("options stand before the optimizers, too")
  func anyOrder() throws {
    let words = [
      ["adamw", "lion", "--batch", "32", "64"], ["--batch", "32", "64", "adamw", "lion"],
      ["--batch-from", "32", "--batch-to", "64", "adamw", "lion"],
    ]
    let answers = try words.map { try descent(["convert-hparams"] + $0) }
    #expect(answers.allSatisfy { $0.status == 0 && $0.output == answers[0].output })
  }

  @Test(
    "bad usage",
    arguments: [
      ["--batch", "32", "64"], ["--batch", "32", "adamw", "lion"],
      ["adamw", "--batch", "32", "64", "lion"], ["adamw"], ["adamw", "lion", "sgd"],
      ["adamw", "lion", "--batch", "64"], ["adamw", "lion", "--batch-from", "64"],
      ["adamw", "lion", "--set", "lr"], ["adamw", "lyon"], ["lion", "lion"],
      ["adamw", "lion", "--batch", "1", "2", "--batch-to", "3"],
    ])
  func refuses(_ arguments: [String]) throws {
    let result = try descent(["convert-hparams"] + arguments)
    #expect(result.status == 64 && result.output.isEmpty)
  }
}
