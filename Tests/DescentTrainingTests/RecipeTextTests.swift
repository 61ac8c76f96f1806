import Descent
import DescentTraining
import Foundation
import Testing

/// What a person may write into a recipe, and what is said about it.
@Suite("Recipes as texts") struct RecipeTextTests {
  private static let whole = """
    steps: 3
    model: {kind: mlp, hidden: [8]}
    data: {kind: digits}
    optimizer: {name: sgd, lr: 0.1}
    """

  private func error(_ yaml: String, _ changes: [String] = []) -> String {
    do {
      _ = try Recipe(yaml: yaml, overrides: changes)
      return ""
    } catch { return error.description }
  }

  /// Sections that nest, by a key of which all but the last are made.
  private static func bomb(levels: Int, width: Int, key: String) -> String {
    let rest = (1...levels).map { level in
      let aliases = Array(repeating: "*x\(level - 1)", count: width).joined(separator: ",")
      return "x\(level): &x\(level) \(key.replacing("#", with: aliases))"
    }
    return (["x0: &x0 {name: constant}"] + rest + [whole]).joined(separator: "\n")
  }

  @Test(
    "what cannot be read is one sentence, and nothing else is said",
    arguments: [
      ("steps: [1,\nmodel: {", "the recipe is not valid YAML: line 3, column 1: did not find"),
      ("steps: 3\n  batch: 2", "the recipe is not valid YAML: line 2, column 8: mapping values"),
      ("a: \"\\q\"", "the recipe is not valid YAML: line 1, column 5: found unknown escape"),
      ("a: *x", "the recipe is not valid YAML: line 1, column 4: found undefined alias"),
      ("a: 'b", "the recipe is not valid YAML: line 1, column "),
      ("a: 1\nb: \u{1}", "the recipe is not valid YAML: line 2: control characters"),
      ("\t- a", "the recipe is not valid YAML: line 1, column 1: found character that cannot"),
      ("- steps", "the recipe is a list; it must have keys"),
      ("steps", "the recipe is a single value; it must have keys"),
      ("", "the recipe is empty; begin with one"), ("# nothing\n\n", "the recipe is empty"),
      ("---\n", "the recipe is empty"), ("null", "the recipe is empty"),
      (
        "a: 1\n---\nb: 2",
        "the recipe holds more than one YAML document (the second begins at line 2)"
      ),
      ("steps: 1\nbatch: 2\nsteps: 3", "the recipe gives 'steps' more than once in one section"),
      ("model: {kind: mlp, \"kind\": gpt}", "the recipe gives 'kind' more than once"),
      ("? [a, b]\n: 1", "the recipe has a list or a section in the place of a key (line 1)"),
      ("{a: b}: 1", "the recipe has a list or a section in the place of a key (line 1)"),
      ("<<: 3", "the recipe has something other than a section to merge after '<<' (line 1)"),
      (String(repeating: "a: {", count: 40), "the recipe is not valid YAML"),
      (
        String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        "the recipe has more than 32 levels of values in one another (line 1)"
      ),
      (String(repeating: "[", count: 200_000), "the recipe has more than 32 levels of values in"),
      (String(repeating: "- ", count: 100_000), "the recipe has more than 32 levels of values"),
      (String(repeating: "{a: ", count: 50_000), "the recipe has more than 32 levels of values"),
      (String(repeating: "a", count: 300_000), "the recipe is larger than 256 KiB"),
      (
        "a: [" + String(repeating: "1,", count: 30_000) + "1]",
        "the recipe becomes too long with its aliases (*name) written out"
      ),
      (
        bomb(levels: 8, width: 9, key: "{name: sequence, parts: [#]}"),
        "the recipe becomes too long with its aliases"
      ),
      (bomb(levels: 30, width: 2, key: "[#]"), "the recipe becomes too long with its aliases"),
      (bomb(levels: 30, width: 2, key: "{a: [#]}"), "the recipe becomes too long with its"),
      // A key made of aliases must not even be compared with others.
      (
        bomb(levels: 30, width: 2, key: "[#]") + "\n? *x30\n: 1\nb: 2",
        "the recipe becomes too long with its aliases"
      ),
      (bomb(levels: 12, width: 3, key: "\n  - [#]"), "the recipe becomes too long with its"),
    ] as [(String, String)])
  func unreadable(_ yaml: String, _ sentence: String) {
    let started = ContinuousClock.now
    let said = error(yaml)
    #expect(said.hasPrefix(sentence) && !said.contains("\n"), "\(said)")
    #expect(started.duration(to: .now) < .seconds(1))
  }

  @Test(
    "what stands where something else must is said, without what follows from it",
    arguments: [
      ("'steps': {a: 1}", "steps takes one value, not keys of its own"),
      (
        "optimizer: adamw", "optimizer is a section: give it keys of its own, such as 'name: adamw'"
      ),
      ("model: [mlp]", "model is a section: give it keys of its own, such as 'kind: mlp'"),
      (
        "schedule: cosine",
        "schedule is a section: give it keys of its own, such as 'name: cosine', or none"
      ),
      ("schedules: {momentum: linear}", "schedules.momentum is a section: give it keys of its own"),
      ("evaluate: none", "evaluate is a section: give it keys of its own, such as 'every: 100'"),
      (
        "optimizer.lr: 3", "optimizer.lr has no meaning here: give 'lr: 3' in the section optimizer"
      ),
      ("schedul: none", "recipe has no setting 'schedul'; did you mean 'schedule'?"),
      ("1: 2", "recipe has no setting '1'; it takes: model, data"),
      (
        "schedule: {name: none, warmup: 3}", "schedule.name=none leaves nothing for schedule.warmup"
      ),
      ("model: {kind: mlp, hidden: {a: 1}}", "model.hidden must be one value or a list of values"),
      (
        "optimizer: {name: sgd, groups: {a: 1}}",
        "optimizer.groups must be a list of groups, or none"
      ),
      ("optimizer: {name: sgd, groups: [1]}", "optimizer.groups[1] must be keys such as"),
      (
        "optimizer: {name: sgd, groups: [{match: {a: 1}}]}", "optimizer.groups[1].match must be one"
      ),
      (
        "optimizer: {name: sgd, groups: [{match: []}]}",
        "parameter group 'group 1': match=[] cannot be read"
      ),
      (
        "optimizer: {name: sgd, groups: [{match: }]}",
        "parameter group 'group 1': match=null cannot"
      ),
      (
        "optimizer: {name: sgd, groups: [{rank: 1, schedule: {warmup: 3}}]}",
        "optimizer.groups[1].schedule must be a schedule such as"
      ),
      (
        "optimizer: {name: sgd, groups: [{rank: 1, schedules: linear}]}",
        "optimizer.groups[1].schedules is a section"
      ),
      (
        "optimizer: {name: sgd, groups: [{mtach: a}]}",
        "parameter group 'group 1': sgd has no setting 'mtach'; did you mean 'match'?"
      ),
      ("optimizer: {name: sgd, lr: }", "optimizer.lr=null cannot be read"),
      ("seed: ~", "seed=null cannot be read: seed takes a whole number"),
      ("batch: [5]", "batch=[5] cannot be read"),
      ("weights: {format: [bf16]}", "weights.format=[bf16] cannot be read"),
    ] as [(String, String)])
  func misplaced(_ part: String, _ sentence: String) {
    let key = part.prefix { $0 != ":" }.filter { $0 != "'" }
    let rest = Self.whole.split(separator: "\n").filter { !$0.hasPrefix(key + ":") }
    let said = error((rest + [part[...]]).joined(separator: "\n"))
    #expect(said.hasPrefix(sentence) && !said.contains("\n"), "\(said)")
  }

  @Test(
    "what may be left empty, referred to and merged",
    arguments: [
      "clip:\nevaluate: null\ngradient: ~", "schedule: none\naverage: none\nclip: none",
      "schedules: none", "schedules: {momentum: none}", "schedule: {name: none}",
      "threads: null", "\u{FEFF}threads: 1",
    ])
  func nothing(_ part: String) throws {
    let recipe = try Recipe(yaml: part + "\n" + Self.whole)
    #expect(recipe.plan.schedules.isEmpty && recipe.average == nil && recipe.plan.clip.norm == nil)
  }

  @Test("anchors, aliases and merged sections are written out") func merged() throws {
    let recipe = try Recipe(
      yaml: """
        steps: &n 30
        batch: *n
        model: {kind: mlp, hidden: [8]}
        data: {kind: digits}
        schedule: &curve {name: cosine, warmup: 3, floor_ratio: 0.1}
        schedules:
          weight_decay:
            <<: *curve
            warmup: 5
        optimizer:
          <<: [{name: adamw, lr: 0.5}, {lr: 0.1, eps: 1e-6}]
          weight_decay: 0.1
        """)
    #expect(recipe.run.batch == 30 && recipe.plan.rule.learningRate == 0.5)
    #expect(recipe.plan.rule.resolved.contains { $0 == ("eps", .number(1e-6)) })
    let decay = try #require(recipe.plan.schedules.last?.schedule as? Cosine)
    #expect(decay.span.warmup == 5 && decay.span.floorRatio == 0.1)
    // Large, and harmless.
    let groups = (1...500).map { "    - {name: g\($0), match: 'layer\($0).*', lr: *n}" }
    let many = Self.whole.replacing("steps: 3", with: "steps: &n 3")
      .replacing("optimizer: {name: sgd, lr: 0.1}", with: "optimizer:\n  name: sgd\n  groups:\n")
    #expect(try Recipe(yaml: many + groups.joined(separator: "\n")).plan.groups?.count == 500)
  }

  // MARK: --set

  @Test(
    "the order of changes does not matter",
    arguments: [
      ["optimizer.lr=0.5", "optimizer.name=adamw", "optimizer.betas=0.8,0.9"],
      ["schedule.warmup=2", "schedule.name=cosine", "schedule.floor_ratio=0.5"],
      ["schedules.momentum.warmup=2", "schedules.momentum.name=cosine"],
      ["average.decay=0.5", "average.name=ema"],
      ["model.channels=[4]", "model.kind=cnn", "seed=3"],
      ["optimizer.state=int8", "optimizer.name=adamw", "optimizer.layer_decay=0.5"],
      ["optimizer.groups=[{rank: 1, momentum: 0}]", "optimizer.momentum=0.9"],
      ["optimizer.groups=[{rank: 1, betas: [0.8, 0.9]}]", "optimizer.name=adamw", "clip.norm=1"],
      ["epochs=2", "clip=none", "schedule=none"], ["epochs=2", "steps=none"],
    ])
  func order(_ changes: [String]) throws {
    let yaml =
      Self.whole
      + "\nschedule: {name: linear, warmup: 1}\naverage: {name: swa, start: 2}\nclip: {norm: 2}"
    let expected = try Recipe(yaml: yaml, overrides: changes).yaml
    for first in changes.indices {
      let turned = Array(changes[first...] + changes[..<first])
      #expect(try Recipe(yaml: yaml, overrides: turned).yaml == expected)
      #expect(try Recipe(yaml: yaml, overrides: turned.reversed()).yaml == expected)
    }
    for change in changes where !change.contains("none") && !change.contains("[") {
      let value = change.split(separator: "=")[1].split(separator: ",")[0]
      #expect(expected.contains(value), "\(change)")
    }
  }

  @Test(
    "of two changes of one key the last counts; other kinds lose the keys of the old one",
    arguments: [
      (["steps=4", "steps=5"], "steps: 5\n"), (["epochs=2"], "steps: null\nepochs: 2\n"),
      (["epochs=2", "epochs=none"], "steps: 3\nepochs: null\n"),
      (["optimizer.name=adamw"], "name: adamw\n  lr: 0.001\n"),
      (["optimizer.name=sgd"], "name: sgd\n  lr: 0.1\n"),
      (["schedule.name=cosine", "schedule=none"], "lr: 0.1\n"),
      (["schedule=none", "schedule.name=cosine"], "name: cosine\n  warmup: 0\n"),
      ([" batch = 4 "], "batch: 4\n"), (["model.hidden=[8, 9]"], "hidden: [8, 9]\n"),
      (["batch=1_000"], "batch: 1000\n"), (["batch=1e3"], "batch: 1000\n"),
      (["optimizer.lr= 1_0.5e-1 "], "lr: 1.05\n"), (["clip.norm_type=inf"], "norm_type: inf\n"),
    ] as [([String], String)])
  func last(_ changes: [String], _ part: String) throws {
    let yaml = try Recipe(yaml: Self.whole, overrides: changes).yaml
    #expect(yaml.contains(part), "\(yaml)")
    if changes.last == "schedule=none" { #expect(!yaml.contains("cosine")) }
  }

  @Test(
    "a change that cannot be made is one sentence",
    arguments: [
      (["schedule=cosine"], "--set schedule=cosine does not say which key of the section schedule"),
      (
        ["optimizer=adamw"], "--set optimizer=adamw does not say which key of the section optimizer"
      ),
      (["model=none"], "--set model=none does not say which key of the section model to set: give"),
      (["schedules.momentum=linear"], "--set schedules.momentum=linear does not say which key"),
      (["clip=none", "clip.norm=1"], "--set clip=none contradicts --set clip.norm=1"),
      (
        ["schedule=none", "schedule.warmup=3"],
        "schedule.name=none leaves nothing for schedule.warmup"
      ),
      (
        ["average.decay=0.5", "average=none"], "average.name=none leaves nothing for average.decay"
      ),
      (["steps=3", "epochs=2"], "give steps or epochs, not both"),
      (
        ["optimizer.nme=adamw"],
        "sgd has no setting 'optimizer.nme'; did you mean 'optimizer.name'?"
      ),
      (
        ["optimizer.sate=int8"],
        "sgd has no setting 'optimizer.sate'; did you mean 'optimizer.state'?"
      ),
      (
        ["optimizer.group=none"],
        "sgd has no setting 'optimizer.group'; did you mean 'optimizer.groups'?"
      ),
      (
        ["optimizer.xyzzy=1"],
        "sgd has no setting 'optimizer.xyzzy'; it takes: groups, name, state,"
      ),
      (["model.kidn=mlp"], "mlp has no setting 'model.kidn'; did you mean 'model.kind'?"),
      (
        ["schedule.name=cosine", "schedule.nmae=step"],
        "cosine has no setting 'schedule.nmae'; did you mean 'schedule.name'?"
      ),
      (
        ["average.name=ema", "average.nam=swa"],
        "ema has no setting 'average.nam'; did you mean 'average.name'?"
      ),
      (["optimizer.groups=[{rank: 1"], "optimizer.groups is not valid YAML: line 2"),
      (
        ["optimizer.groups=[{rank: 1-2-3}]"], "parameter group 'group 1': rank=1-2-3 cannot be read"
      ),
      (["optimizer.groups=[{rank: '8 9'}]"], "parameter group 'group 1': rank=8 9 cannot be read"),
      (["model.hidden=8 9"], "model.hidden=8 9 cannot be read"),
      (["model.hidden=8,,9"], "model.hidden=8,,9 cannot be read"),
      (["model.hidden=8,9,"], "model.hidden=8,9, cannot be read"),
      (["=3"], "--set =3 must have the form key=value"),
      (["steps"], "--set steps must have the form"),
      (["=", "="], "--set = must have the form key=value"),
    ] as [([String], String)])
  func refused(_ changes: [String], _ sentence: String) {
    let said = error(Self.whole, changes)
    #expect(said.hasPrefix(sentence), "\(said)")
    #expect(!said.contains("\n") || changes == ["=", "="], "\(said)")
  }

  @Test(
    "a number is what it says or is refused",
    arguments: [
      "0x10", "1__0", "_1", "1_", "1._5", "1 0", "５", "nan", "NaN", "1e400", "1e-400", "1,5",
      "1.5.2",
      "--1", "", "0x1p3", "1e", "infinit", "½", "1f", "1e5_", "+",
    ])
  func numbers(_ text: String) {
    for key in ["optimizer.lr", "batch"] {
      let said = error(Self.whole, ["\(key)=\(text)"])
      #expect(said.contains("\(key)=\(text) cannot be read"), "\(said)")
    }
    #expect(error(Self.whole, ["batch=1.5"]).contains("batch=1.5 cannot be read"))
    #expect(error(Self.whole, ["optimizer.lr=inf"]).contains("must be finite and at least 0"))
  }

  @Test("very many mistakes are counted") func many() {
    let said = error((1...300).map { "k\($0): 1" }.joined(separator: "\n"))
    #expect(said.split(separator: "\n").count == 41 && said.contains("more, which the first may"))
  }
}
