import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Lint") struct LintTests {
  private func report(_ yaml: String, _ overrides: [String] = []) throws -> LintReport {
    try LintReport(yaml: yaml, overrides: overrides, called: "it")
  }

  @Test("each rule warns of one recipe and lets the next pass", arguments: LintCase.all)
  func rules(_ example: LintCase) throws {
    let found = try report(example.yaml, example.failing)
    let warning = try #require(
      found.warnings.first { $0.rule == example.rule },
      "\(found.warnings.map { "\($0.rule) \($0.place)" })")
    #expect(warning.place == example.place)
    #expect(!warning.reason.isEmpty && !warning.source.isEmpty && !warning.fix.isEmpty)
    let passing = example.passing == ["optimizer.groups="] ? [] : example.passing
    let next = try report(example.yaml, passing)
    #expect(next.warnings.filter { $0.rule == example.rule } == [])
  }

  @Test("every rule has a case, a name of its own and a source")
  func registry() {
    let names = Lint.rules.map { $0.name }
    #expect(Set(names).count == names.count)
    #expect(Set(LintCase.all.map(\.rule)) == Set(names))
    for rule in Lint.rules { #expect(!rule.summary.isEmpty && !rule.source.isEmpty) }
  }

  @Test("no built-in recipe warns", arguments: BuiltInRecipes.list.map(\.name))
  func builtIn(_ name: String) throws {
    let found = try report(BuiltInRecipes.whole(name) ?? "")
    #expect(found.warnings == [])
    // The files that a user is to give are not there.
    let isChecked = found.remark?.contains("there is no file") ?? true
    #expect(isChecked && found.refusal == nil)
  }

  @Test("no short form warns", arguments: BuiltInRecipes.list.map(\.name))
  func shortForms(_ name: String) throws {
    let short = try Recipe(yaml: BuiltInRecipes.whole(name) ?? "", quick: true)
    #expect(try report(short.yaml).warnings == [])
  }

  @Test("nor does that for tables on a short one", arguments: [6, 40]) func shortTable(rows: Int)
    throws
  {
    try inFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      let path = folder + "/table.csv"
      let table = "x,y\n" + (0..<rows).map { "\($0),\(["a", "b"][$0 % 2])\n" }.joined()
      try table.write(toFile: path, atomically: true, encoding: .utf8)
      let yaml = try #require(BuiltInRecipes.yaml("csv"))
      let short = try Recipe(yaml: yaml, overrides: ["data.path=\(path)"], quick: true)
      let found = try report(short.yaml)
      #expect(found.warnings == [] && found.refusal == nil && found.remark == nil)
      #expect(try Trainer(short).steps == 60)
    }
  }

  @Test("what a fix writes is a recipe without the warning", arguments: LintCase.all)
  func fixes(_ example: LintCase) throws {
    // What contradicts itself has no resolved form.
    guard let recipe = try? Recipe(yaml: example.yaml, overrides: example.failing) else { return }
    let fix = try LintFix(yaml: recipe.yaml, called: "it")
    let left = try report(fix.yaml)
    #expect(left.refusal == nil)
    let rest = left.warnings.filter { !$0.changes.isEmpty }
    #expect(rest == [], "\(fix.changes) \(fix.left)")
    let isDecided = fix.left.contains { $0.warning.rule == example.rule }
    #expect(isDecided || !left.warnings.contains { $0.rule == example.rule })
  }

  @Test("a fix keeps comments and layout, and changes nothing else")
  func keepsText() throws {
    let yaml = """
      # mine
      epochs: 12   # passes
      batch: 64
      model: {kind: cnn}
      data: {kind: digits}
      optimizer:
        name: lion  # as they say
        lr: 1e-3
        weight_decay: 0.05
        groups: []
      schedule:
        name: cosine
        warmup: 20
        total: 12
      """
    let fix = try LintFix(yaml: yaml, called: "it")
    #expect(fix.left.isEmpty)
    #expect(
      fix.yaml == """
        # mine
        epochs: 12   # passes
        batch: 64
        model: {kind: cnn}
        data: {kind: digits}
        optimizer:
          name: lion  # as they say
          lr: 0.0002
          weight_decay: 0.25
        schedule:
          name: cosine
          warmup: 20
          total: none
        """)
  }

  @Test("a section that is missing is added, one that is too much goes")
  func sections() throws {
    let yaml = """
      steps: 400
      model: {kind: gpt, layers: 1, heads: 2, width: 16, context: 8}
      data: {kind: text}
      optimizer: {name: adamw, lr: 1e-3}
      """
    let fix = try LintFix(yaml: yaml, called: "it")
    #expect(fix.left.isEmpty)
    #expect(try report(fix.yaml).warnings == [])
    #expect(fix.yaml.hasPrefix(yaml) && fix.yaml.contains("clip:\n  norm: 1\n"))
    let free =
      yaml.replacing("adamw", with: "schedule-free-adamw")
      + "\nschedule:\n  name: cosine\n  # slowly\n  warmup: 20\nclip: {norm: 1}\n"
    let mended = try LintFix(yaml: free, called: "it")
    #expect(!mended.yaml.contains("cosine") && mended.yaml.contains("warmup_steps: 20"))
    #expect(mended.yaml.hasSuffix("clip: {norm: 1}\n"))
  }

  @Test("the JSON has warnings with five fields each, and none where there is nothing to say")
  func json() throws {
    func warnings(_ overrides: [String]) throws -> [[String: String]] {
      let page = LintPage.about(try report(BuiltInRecipes.yaml("gpt") ?? "", overrides))
      let json = try JSONSerialization.jsonObject(with: Data(page.json.line.utf8))
      return try #require((json as? [String: Any])?["warnings"] as? [[String: String]])
    }
    #expect(try warnings([]).isEmpty)
    let found = try warnings(["optimizer.weight_decay=0", "clip=none"])
    #expect(found.map { $0["rule"] } == ["no_clipping", "decay_off"])
    for warning in found {
      #expect(Set(warning.keys) == ["rule", "where", "reason", "source", "fix"])
    }
    #expect(found.last?["fix"] == "optimizer.weight_decay=0.1")
  }

  @Test("several contradictions are all said, and all mended")
  func contradictions() throws {
    let yaml = """
      steps: 500
      model: {kind: gpt, layers: 1, heads: 2, width: 16, context: 8}
      data: {kind: text}
      optimizer: {name: adafactor, lr: 1e-3, relative_step: true}
      schedule: {name: cosine, warmup: 600}
      """
    let found = try report(yaml)
    #expect(found.warnings.map(\.rule) == ["adafactor_modes", "warmup_too_long"])
    #expect(found.refusal != nil)
    let fix = try LintFix(yaml: yaml, called: "it")
    #expect(try report(fix.yaml).refusal == nil)
    #expect(fix.yaml.contains("relative_step: false") && fix.yaml.contains("warmup: 20"))
    // Where only the data say how long the run is.
    let passes = yaml.replacing("steps: 500", with: "epochs: 0.01")
    #expect(try report(passes).warnings.map(\.rule) == ["adafactor_modes", "warmup_too_long"])
  }

  @Test("Lion's decay is five times AdamW's, and what is not written is called a default")
  func lion() throws {
    let found = try report(BuiltInRecipes.yaml("gpt") ?? "", ["optimizer.name=lion"])
    let off = try #require(found.warnings.first { $0.rule == "decay_off" })
    #expect(off.changes == [.init("optimizer.weight_decay", "0.5")] && off.isDefault)
    #expect(LintPage.about(found).text(width: 80).contains("weight_decay=0 (by default)"))
    let written = try report(BuiltInRecipes.yaml("gpt") ?? "", ["optimizer.weight_decay=0"])
    #expect(written.warnings.first?.isDefault == false)
  }

  @Test("a run that begins with other weights is not told the rates of random ones")
  func fineTuning() throws {
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let recipe = try Recipe(
      yaml: yaml,
      overrides: [
        "optimizer.name=sgd", "optimizer.lr=1e-3", "optimizer.momentum=0",
        "optimizer.nesterov=false",
      ])
    let task = try recipe.makeTask()
    func rules(_ isFineTuning: Bool) -> [String] {
      var recipe = recipe
      if isFineTuning { recipe.run.from = "weights.safetensors" }
      return LintReport.warnings(of: recipe, task: task).map(\.rule)
    }
    #expect(rules(false).contains("foreign_rate") && !rules(true).contains("foreign_rate"))
  }

  @Test("a recipe in JSON stays JSON")
  func staysJSON() throws {
    let yaml = """
      {"steps": 400, "model": {"kind": "gpt", "layers": 1, "heads": 2, "width": 16, "context": 8},
       "data": {"kind": "text"}, "optimizer": {"name": "lion", "lr": 0.0002}, "clip": {"norm": 1}}
      """
    let fix = try LintFix(yaml: yaml, called: "it")
    #expect(fix.yaml.contains("\"weight_decay\": 0.5"), "\(fix.yaml)")
    #expect(throws: Never.self) {
      try JSONSerialization.jsonObject(with: Data(fix.yaml.utf8))
    }
  }

  @Test("data that are missing leave the rest to be checked, and it is said")
  func missingData() throws {
    let found = try report(
      BuiltInRecipes.yaml("gpt") ?? "", ["data.path=/nowhere.txt", "clip=none"])
    #expect(found.warnings.map(\.rule) == ["no_clipping"])
    #expect(found.remark?.contains("/nowhere.txt") == true)
  }

  @Test("what is wrong otherwise is an error as ever")
  func errors() {
    #expect(throws: RecipeError.self) {
      try report(BuiltInRecipes.yaml("gpt") ?? "", ["optimizer.name=adafactor", "batch=-1"])
    }
    #expect(throws: RecipeError.self) { try report("steps: [") }
  }
}

extension BuiltInRecipes {
  /// The YAML of a recipe, with a path where the user is to give one.
  static func whole(_ name: String) -> String? {
    yaml(name)?.replacing("  kind: csv\n", with: "  kind: csv\n  path: table.csv\n")
      .replacing("  kind: idx\n", with: "  kind: idx\n  path: folder\n")
  }
}
