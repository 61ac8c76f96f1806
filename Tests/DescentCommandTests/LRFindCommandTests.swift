import Foundation
import Testing

/// `descent lr-find`.
extension CommandTests {
  private static let small = [
    "--set", "steps=30", "--set", "model.hidden=8", "--steps", "40", "--seeds", "1",
  ]

  @Test("lr-find: its JSON, its plot, and the rate in a recipe, which keeps its comments")
  func findsRate() throws {
    let recipe = folder.appendingPathComponent("mine.yaml")
    try """
    \u{FEFF}# mine
    steps: 30
    model: {kind: mlp, hidden: [8]}
    data: {kind: digits}
    optimizer:
      name: sgd
      lr: 1e-5  # to be found
    """.write(to: recipe, atomically: true, encoding: .utf8)
    let ran = try descent(
      [
        "lr-find", "mine.yaml", "--steps", "40", "--seeds", "1", "--quick", "--json", "-", "--plot",
        "curve.svg", "--apply", "mine.yaml",
      ], in: folder)
    #expect(ran.status == 0, "\(ran.error)")
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(ran.output.utf8)) as? [String: Any])
    let rate = try #require(json["suggested"] as? Double)
    let bytes = try Data(contentsOf: recipe)
    let text = String(decoding: bytes.dropFirst(3), as: UTF8.self)
    #expect(Array(bytes.prefix(3)) == [0xEF, 0xBB, 0xBF])
    #expect(text.hasPrefix("# mine\n") && text.contains("  lr: \(rate)  # to be found"))
    let svg = try String(contentsOf: folder.appendingPathComponent("curve.svg"), encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.contains("steepest"))

    // A new file is a recipe of its own, with what --set changed.
    let new = try descent(
      ["lr-find", "digits-mlp"] + Self.small
        + ["--set", "optimizer.name=lion", "--json", "found.json", "--apply", "new.yaml"],
      in: folder)
    #expect(new.status == 0 && new.output.contains("written to new.yaml"))
    let file = folder.appendingPathComponent("found.json")
    let found = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let written = try String(
      contentsOf: folder.appendingPathComponent("new.yaml"), encoding: .utf8)
    let lion = try #require(found["suggested"] as? Double)
    #expect(written.contains("name: lion") && written.contains("lr: \(lion)"))
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("runs").path))

    let over = try descent(["lr-find", "mine.yaml", "--json", "./mine.yaml"], in: folder)
    #expect(over.status == 64 && over.error.contains("would replace the recipe"))

    // A rate for another rule does not belong there.
    let other = try descent(
      ["lr-find", "digits-mlp"] + Self.small
        + ["--set", "optimizer.name=lion", "--apply", "mine.yaml"], in: folder)
    #expect(other.status == 64 && other.error.contains("mine.yaml trains with sgd"))
  }

  @Test(
    "lr-find: what cannot be is refused, each with its status",
    arguments: [
      (["digits-mlp", "--from", "1", "--to", "0.1"], 64, "--from 1 must lie below --to 0.1"),
      (["digits-mlp", "--steps", "3"], 64, "--steps 3 must be from 20"),
      (["digits-mlp", "--from", "nan"], 64, "--from nan must be a finite number above 0"),
      (["digits-mlp", "--plot", "curve.png"], 64, "must name a file that ends in .svg"),
      (["digits-mlp", "--json", "none/x.json"], 70, "none/x.json cannot be written"),
      (["digits-mlp", "--plot", "none/x.svg"], 70, "none/x.svg cannot be written"),
      (["digits-mlp", "--apply", "none/x.yaml"], 70, "none/x.yaml cannot be written"),
      (["digits-mlp", "--json", "a.svg", "--plot", "./a.svg"], 64, "give each a file of its own"),
      (["digits-mlp", "--set", "optimizer.lrr=1"], 64, "optimizer.lrr"),
      (["gan"], 64, "no sweep tells which rate is good: compare rates by val_quality"),
      (["rl", "--quick"], 64, "compare rates by val_return, with 'descent race RECIPE"),
      (["no-such-recipe"], 66, "no file and no built-in recipe"),
      (["digits-mlp", "--set", "data.kind=csv", "--set", "data.path=none.csv"], 66, "none.csv"),
    ])
  func refusesRates(arguments: [String], status: Int32, sentence: String) throws {
    let ran = try descent(["lr-find"] + arguments, in: folder)
    #expect(ran.status == status && ran.error.contains(sentence), "\(ran)")
  }

  @Test("lr-find: rules that find their own rate, and an interruption") func ownRate() throws {
    let prodigy = try descent(
      ["lr-find", "gpt", "--set", "optimizer.name=prodigy", "--json", "-"], in: folder)
    #expect(prodigy.status == 0)
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(prodigy.output.utf8)) as? [String: Any])
    #expect(
      json["suggested"] as? Double == 1 && (json["note"] as? String)?.contains("d·lr") == true)
    let start = Date()
    let stopped = try descent(["lr-find", "gpt", "--steps", "100000"], in: folder) {
      Date().timeIntervalSince(start) > 1
    }
    #expect(stopped.status == 130 && stopped.error == "interrupted: nothing was changed\n")
  }
}
