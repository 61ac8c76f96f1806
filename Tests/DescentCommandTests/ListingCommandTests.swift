import Foundation
import Testing

/// The commands that look things up and measure: `optimizers`, `groups`, `recipes`, `benchmark`.
@Suite("Listings on the command line") struct ListingCommandTests {
  private let temporary: TemporaryFolder
  private var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  @Test("every optimizer has a line, a page, and JSON") func optimizers() throws {
    let list = try descent(["optimizers"])
    #expect(list.status == 0 && list.output.contains("adamw") && list.output.contains("lbfgs"))
    let json = try descent(["optimizers", "--json"])
    let pages = try #require(
      JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(pages.count >= 28)
    for page in pages {
      for key in ["name", "summary", "formula", "reference", "guidance", "differences"] {
        #expect((page[key] as? String)?.isEmpty == false, "\(key) of \(page["name"] ?? "")")
      }
      let settings = try #require(page["hyperparameters"] as? [[String: Any]])
      #expect(settings.allSatisfy { ($0["meaning"] as? String)?.isEmpty == false })
    }
    let page = try descent(["optimizers", "lion"])
    #expect(page.output.contains("w ← ") && page.output.contains("weight_decay"))
    let wrong = try descent(["optimizers", "lionn"])
    #expect(wrong.status == 64 && wrong.error.contains("did you mean 'lion'?"))
  }

  @Test(
    "keys: all of them, those of a section or a kind, or one",
    arguments: [
      ([], ["outside any section", "release_gradients", "model: gpt", "at_most"]),
      (["evaluate"], ["every", "batches", "start"]),
      (["gpt"], ["model: gpt", "layers", "dropout"]),
      (["model.vit"], ["patch"]), (["weights.rounding"], ["stochastic"]),
      (["optimizer"], ["state_codes", "optimizer.groups", "frozen"]),
      (["optimizer.momentum"], ["optimizer: sgd", "optimizer: rmsprop"]),
      (["seed"], ["1337"]), (["sgd.momentum"], ["optimizer: sgd"]),
      (["optimizer.lion.lr"], ["optimizer: lion"]), (["optimizer.groups.match"], ["patterns"]),
      (["cosine"], ["floor_ratio"]), (["constant"], ["no keys"]),
      (["schedules.weight_decay.floor_ratio"], ["schedule: cosine", "schedule: linear"]),
    ] as [([String], [String])])
  func keys(_ arguments: [String], _ parts: [String]) throws {
    let result = try descent(["keys"] + arguments)
    #expect(result.status == 0)
    for part in parts {
      #expect(result.output.contains(part), "\(part)")
    }
    let json = Data(try descent(["keys"] + arguments + ["--json"]).output.utf8)
    let page = try #require(JSONSerialization.jsonObject(with: json) as? [String: Any])
    let sections = try #require(page["sections"] as? [[String: Any]])
    for section in sections {
      let keys = try #require(section["keys"] as? [[String: String]])
      #expect(keys.allSatisfy { $0["meaning"]?.isEmpty == false })
    }
  }

  @Test(
    "keys: a name that there is not",
    arguments: [
      ("evaluat", "did you mean 'evaluate'?"), ("model.gtp", "did you mean 'model.gpt'?"),
      ("", "see 'descent keys'"), ("StepLR", "see 'descent schedule StepLR'"),
      ("evaluate.", "did you mean 'evaluate'?"),
    ])
  func noKey(_ name: String, _ part: String) throws {
    let result = try descent(["keys", name])
    #expect(result.status == 64 && result.error.contains(part), "\(result.error)")
  }

  @Test("groups: who falls where, rules and all") func groups() throws {
    let groups =
      "[{name: hidden, role: matrix, optimizer: muon}, {name: tables, match: 'w*', frozen: true}]"
    let result = try descent(
      ["groups", "gpt", "--set", "optimizer.groups=\(groups)"], in: folder)
    #expect(result.status == 0, "\(result.error)")
    for part in [
      "group hidden (role matrix), muon: 16 tensors", "orthogonalized",
      "group tables (name w*), frozen: 2 tensors", "group no_decay", "bytes of state",
    ] { #expect(result.output.contains(part), "\(part)") }
    let typo = try descent(
      ["groups", "gpt", "--set", "optimizer.groups=[{match: '*.wieght'}]"], in: folder)
    #expect(typo.status == 64 && typo.error.contains("matches no parameter"), "\(typo.error)")
  }

  @Test("benchmark times a rule in a format") func benchmark() throws {
    let lines = try objects([
      "benchmark", "adamw", "--state", "int8", "--parameters", "65536", "--json",
    ])
    #expect(lines.count == 1 && lines[0]["state"] as? String == "int8")
    #expect(try #require(lines[0]["nanoseconds"] as? Double) > 0)
    let momentum = try objects([
      "benchmark", "sgd(momentum=0.9)", "--state", "float32", "--shape", "8x16", "--parameters",
      "512", "--threads", "1", "--json",
    ])
    #expect(momentum[0]["optimizer"] as? String == "sgd(momentum=0.9)")
    #expect(momentum[0]["parameters"] as? Int == 512 && momentum[0]["bytes"] as? Double == 20)
    for (bad, part) in [
      (["--shape", "8x"], "must be lengths"), (["--shape", "99999"], "no more elements"),
      (["--threads", "0"], "from 1 to 256"),
      (["--shape", "1", "--parameters", "1000000"], "at most 100000 are timed"),
    ] {
      let refused = try descent(["benchmark", "adamw", "--parameters", "512"] + bad)
      #expect(refused.status == 64 && refused.error.contains(part), "\(refused.error)")
    }
    // A row that cannot be is said beside those that are; none at all is a failure.
    let none = try descent([
      "benchmark", "shampoo", "--shape", "10000000", "--parameters", "10000000", "--json",
    ])
    #expect(none.status == 64 && none.output.isEmpty, "\(none.output)")
    #expect(none.error.contains("shampoo would need"), "\(none.error)")
    let whole = try objects([
      "benchmark", "muon", "--state", "float32", "--parameters", "500", "--json",
    ])
    #expect(whole[0]["parameters"] as? Int == 484)
  }

  @Test("recipes are listed and printed") func recipes() throws {
    let list = try descent(["recipes"])
    #expect(list.status == 0 && list.output.contains("digits-cnn") && list.output.contains("gpt "))
    let one = try descent(["recipes", "gpt"])
    #expect(one.output.contains("kind: gpt"))
  }

  @Test(
    "--json is all of standard output, and one object",
    arguments: [
      (["groups", "gpt"], "groups"), (["recipes"], "recipes"), (["doctor"], "copyBandwidth"),
    ])
  func json(_ arguments: [String], _ key: String) throws {
    let result = try descent(arguments + ["--json"], in: folder)
    #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    #expect((object as? [String: Any])?[key] != nil)
  }
}
