import Foundation
import Testing

/// `descent lint`.
extension CommandTests {
  @Test("lint: JSON, exit statuses, and a fix that a second look finds nothing in")
  func lints() throws {
    let clean = try descent(["lint", "digits-cnn", "--json", "--strict"], in: folder)
    #expect(clean.status == 0 && clean.output == "{\n  \"warnings\": []\n}\n")
    let warned = try descent(["lint", "digits-cnn", "--set", "schedule=none"], in: folder)
    #expect(warned.status == 0 && warned.output.contains("no_warmup") && warned.error.isEmpty)
    let strict = try descent(
      ["lint", "digits-cnn", "--set", "schedule=none", "--strict"], in: folder)
    #expect(strict.status == 64)

    let recipe = folder.appendingPathComponent("mine.yaml")
    try """
    \u{FEFF}# mine
    epochs: 12
    batch: 64
    model: {kind: cnn}
    data: {kind: digits}
    optimizer: {name: adafactor, lr: 1e-3, relative_step: true}  # both
    """.write(to: recipe, atomically: true, encoding: .utf8)
    let refused = try descent(["lint", "mine.yaml", "--json"], in: folder)
    #expect(refused.status == 64 && refused.output.contains("adafactor_modes"))
    #expect(refused.error.hasPrefix("Error: ") && refused.error.contains("contradicts"))
    let fixed = try descent(["lint", "mine.yaml", "--fix"], in: folder)
    #expect(fixed.status == 0, "\(fixed.error)")
    #expect(fixed.output.contains("optimizer.relative_step=false (adafactor_modes)"))
    let bytes = try Data(contentsOf: recipe)
    let text = String(decoding: bytes.dropFirst(3), as: UTF8.self)
    #expect(Array(bytes.prefix(3)) == [0xEF, 0xBB, 0xBF] && text.hasPrefix("# mine\n"))
    #expect(text.contains("relative_step: false") && text.contains("# both"))
    let again = try descent(["lint", "mine.yaml", "--strict"], in: folder)
    #expect(again.status == 0, "\(again.output)")
  }

  @Test(
    "lint: what it cannot do is a sentence",
    arguments: [
      (["digits-cnn", "--fix"], 64, "is built in"),
      ([""], 64, "is empty"), (["digits-cnn", "--html", ""], 64, "names no file"),
      (["nothing.yaml"], 66, "no file and no built-in recipe"),
      (["digits-cnn", "--set", "optimizer.nme=adam"], 64, "did you mean 'optimizer.name'"),
      (["digits-cnn", "--fix", "--set", "batch=3"], 64, "leave out --set"),
      (["digits-cnn", "--examples", "0"], 64, "must be from 1"),
    ] as [([String], Int32, String)])
  func refusesToLint(_ arguments: [String], _ status: Int32, _ sentence: String) throws {
    let ran = try descent(["lint"] + arguments, in: folder)
    #expect(ran.status == status && ran.error.contains(sentence), "\(ran.error)")
  }

  @Test("lint: a configuration of another tool comes with its curve, in its own words")
  func readsOthers() throws {
    try """
    {"output_dir": "o", "learning_rate": 5e-5, "per_device_train_batch_size": 8,
     "gradient_accumulation_steps": 4, "num_train_epochs": 3, "max_grad_norm": 0}
    """.write(
      to: folder.appendingPathComponent("args.json"), atomically: true, encoding: .utf8)
    let ran = try descent(["lint", "args.json", "--examples", "10000", "--json"], in: folder)
    #expect(ran.status == 0, "\(ran.error)")
    let json = try #require(
      JSONSerialization.jsonObject(with: Data(ran.output.utf8)) as? [String: Any])
    let warnings = try #require(json["warnings"] as? [[String: String]])
    #expect(warnings.first { $0["rule"] == "no_clipping" }?["where"] == "max_grad_norm=0")
    #expect(json["effective_batch"] as? Int == 32 && (json["recipe"] as? String)?.isEmpty == false)
    let changed = try descent(["lint", "args.json", "--fix"], in: folder)
    #expect(changed.status == 64 && changed.error.contains("does not change"))
    #expect(changed.output.contains("no_clipping"))
    // What is wrong with a file comes before what is wrong with the options.
    try "model: {kind: nonsense}\n".write(
      to: folder.appendingPathComponent("bad.yaml"), atomically: true, encoding: .utf8)
    let bad = try descent(["lint", "bad.yaml", "--examples", "5"], in: folder)
    #expect(bad.status == 64 && !bad.error.contains("--examples are for"), "\(bad.error)")
  }

  @Test("train: says what lint would, a line each")
  func trainsWithWarnings() throws {
    let ran = try descent(
      [
        "train", "digits-mlp", "--set", "steps=4", "--set", "model.hidden=8", "--set",
        "optimizer.weight_decay=0.1", "--quiet", "--out", "run",
      ], in: folder)
    let lines = ran.error.split(separator: "\n")
    #expect(ran.status == 0 && lines.count == 1)
    #expect(lines.first?.hasPrefix("Warning: optimizer.weight_decay=0.1: ") == true)
    #expect(
      lines.first?.hasSuffix("; optimizer.weight_decay=5e-4 (foreign_rate)") == true,
      "\(ran.error)")
  }
}
