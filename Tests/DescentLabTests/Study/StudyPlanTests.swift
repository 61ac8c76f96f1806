import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Studies: their text") struct StudyPlanTests {
  static let start = "question: Which?\nrecipe: digits-mlp\nset: {steps: 4, epochs: none}\n"
  static let rate = "experiments: {rate: {vary: {optimizer.lr: [0.001, 0.01]}}}\n"

  private func plan(_ yaml: String, isQuick: Bool = false, changes: [String] = []) throws
    -> StudyPlan
  {
    try StudyPlan(
      yaml: yaml, name: "mine", folder: URL(fileURLWithPath: "."), isQuick: isQuick, seeds: nil,
      changes: changes)
  }

  @Test("a grid is the product of its axes; cells are named by labels, values and keys")
  func grid() throws {
    let plan = try plan(
      Self.start + """
        experiments:
          both:
            vary: {optimizer.lr: [0.001, 0.01], model.hidden: [[8], [16, 8]]}
          named:
            set: {optimizer: {lr: 0.1}}
            points:
              plain: {}
              "a sgd": {optimizer.name: sgd, optimizer.momentum: 0.8}
        """)
    let (both, named) = (plan.experiments[0], plan.experiments[1])
    #expect(
      both.cells.map(\.label) == [
        "lr=0.001, hidden=[8]", "lr=0.001, hidden=[16,8]", "lr=0.01, hidden=[8]",
        "lr=0.01, hidden=[16,8]",
      ])
    #expect(both.cells[1].changes == ["optimizer.lr=0.001", "model.hidden=[16,8]"])
    for text in ["hidden=[16,8], lr=0.01", "0.01, [16,8]", "optimizer.lr=0.01,model.hidden=[16,8]"]
    {
      #expect(both.cell(text) == 3, "\(text)")
    }
    #expect(both.cell("lr=1") == nil)
    #expect(named.cells.map(\.label) == ["plain", "a sgd"])
    #expect(named.changes == ["steps=4", "epochs=none", "optimizer.lr=0.1"])
    #expect(try plan.recipe(named, named.cells[1], run: 2).run.seed == 1339)
  }

  @Test(
    "mistakes are said with their place, what was given and what is near",
    arguments: [
      (rate + "questoin: x\n", "unknown key 'questoin'; did you mean 'question'?"),
      (rate + "seeds: 0\n", "seeds is 0, and must be a whole number from 1 to 1,000"),
      ("", "experiments are missing: give at least one"),
      ("experiments: {}\n", "experiments are missing: give at least one"),
      ("experiments: {a: {vary: {}}}\n", "experiments.a.vary is empty"),
      (
        "experiments: {a: {vary: {optimizer.lr: []}}}\n",
        "experiments.a.vary.optimizer.lr has no values"
      ),
      ("experiments: {a: {vary: {seed: [1, 2]}}}\n", "experiments.a.vary.seed cannot be varied"),
      ("experiments: {a: {title: x}}\n", "experiments.a varies nothing"),
      (
        "experiments: {a: {vary: {optimizer.lr: [1, 1]}}}\n",
        "experiments.a has the same value twice"
      ),
      (
        "experiments: {a: {vary: {optimizer.lrr: [1, 2]}}}\n",
        "experiments.a: sgd has no setting 'optimizer.lrr'; did you mean 'optimizer.lr'?"
      ),
      (
        "experiments: {a: {vary: {optimizer.lr: [1, -2]}}}\n",
        "experiments.a, lr=-2: optimizer.lr=-2 is out of range"
      ),
      (
        "experiments: {a: {recipe: digits-mlpp, vary: {optimizer.lr: [1]}}}\n",
        "experiments.a.recipe is 'digits-mlpp', and neither a file nor a built-in recipe is called that; "
          + "did you mean 'digits-mlp'?"
      ),
      (
        "experiments: {a: {from: base, vary: {optimizer.lr: [1, 2]}}}\nbases: {bases: {recipe: gpt}}\n",
        "experiments.a: from is 'base', and neither a base nor a run, a checkpoint or a file is called that; "
          + "did you mean 'bases'?"
      ),
      (
        rate + "bases: {b: {recipe: gpt, set: {model.layer: 1}}}\n",
        "bases.b: gpt has no setting 'model.layer'; did you mean 'model.layers'?"
      ),
      (
        rate + "claims: [{say: x, metric: val_loss, expect: {lowest: lr=0.02}}]\n",
        "claims[1].expect.lowest is 'lr=0.02', and 'rate' has no such cell; did you mean 'lr=0.01'?"
      ),
      (
        rate + "claims: [{say: x, experiment: rat, metric: val_loss, expect: falls}]\n",
        "claims[1].experiment is 'rat', and there is none called that; did you mean 'rate'?"
      ),
      (rate + "claims: [{say: x, expect: falls}]\n", "claims[1].metric is missing"),
      (
        rate + "claims: [{say: x, metric: val_loss, expect: fals}]\n",
        "claims[1].expect is 'fals', which is not known"
      ),
      (
        rate + "claims: [{say: x, metric: val_loss, of: finall, expect: falls}]\n",
        "claims[1].of: 'finall' is not known; did you mean 'final'?"
      ),
      (
        rate + "claims: [{say: x, metric: seconds, expect: {never: falls}}]\n",
        "claims[1].expect is about a series over steps"
      ),
      (
        rate + "claims: [{say: x, metric: steps_to(val_loss), expect: falls}]\n",
        "claims[1].metric: steps_to(val_loss) must have the form steps_to(metric, value)"
      ),
      (
        rate + "claims: [{say: x, metric: d, where: {optimizer.lr: 2}, expect: falls}]\n",
        "claims[1].where.optimizer.lr is '2'; there are: 0.001, 0.01"
      ),
      (
        rate + "panels: [{title: x, show: val_loss, by: lrr}]\n",
        "panels[1].by is 'lrr', which 'rate' does not vary"
      ),
      (rate + "panels: [{title: x}]\n", "panels[1].show is missing"),
      (rate + "tables: [{columns: []}]\n", "tables[1].columns must be a list"),
      (
        rate + "quick: {experiments: {rate: {vary: {optimizer.lr: [-1]}}}}\n",
        "with quick: experiments.rate, lr=-1: optimizer.lr=-1 is out of range"
      ),
      ("experiments: [a]\n", "experiments must have keys of its own"),
      ("experiments: {a: , b: null}\n", "experiments.b must have keys of its own"),
      ("experiments: {'': {vary: {optimizer.lr: [1]}}}\n", "experiments have one without a name"),
      (
        "experiments: {a: {vary: {optimizer.lr: [0.1, 1e-1]}}}\n",
        "experiments.a has the same run as 'lr=0.1' and as 'lr=1e-1'"
      ),
      (
        "experiments: {a: {points: {x: {batch: 8}, y: {}}, vary: {batch: [4]}}}\n",
        "experiments.a has the same run as 'x, batch=4' and as 'y, batch=4'"
      ),
      (
        rate + "bases: {a: {recipe: gpt, from: b}, b: {recipe: gpt}}\n",
        "bases.a.from is 'b', which does not stand before it"
      ),
      (
        rate + "claims: [{say: x, metric: d, expect: {lower: 0.01, than: lr=0.01}}]\n",
        "claims[1].expect compares 'lr=0.01' with itself"
      ),
      (
        rate + "claims: [{say: x, metric: d, expect: {within: 1 %, of: 0.01, in: 0.01}}]\n",
        "claims[1].expect compares 'lr=0.01' with itself"
      ),
      (
        rate
          + "claims: [{say: x, metric: d, where: {optimizer.lr: 0.001}, expect: {lowest: 0.01}}]\n",
        "claims[1].where leaves out 'lr=0.01', which the expectation names"
      ),
      (
        rate + "claims: [{say: x, metric: d, where: {optimizer.lr: 0.001}, expect: equal}]\n",
        "claims[1].expect compares cells, and there is only one"
      ),
      (
        "experiments: {a: {vary: {optimizer.lr: [1, 2], batch: [4, 8]}}}\n"
          + "claims: [{say: x, metric: d, where: {batch: 4}, along: batch, expect: falls}]\n",
        "claims[1].along is 'batch', of which only one value is looked at"
      ),
      (
        rate + "claims: [{say: x, metric: d, expect: {settles: 1 %, last: 3/2}}]\n",
        "claims[1].expect.last is more than all of the run"
      ),
      (rate + "- x\n", "the study mine is not valid YAML: line"),
      (
        "experiments: {a: {vary: {optimizer.lr: [1]}}, a: {}}\n",
        "the study mine gives 'a' more than once"
      ),
    ])
  func mistakes(yaml: String, sentence: String) throws {
    let error = #expect(throws: RecipeError.self) { try plan(Self.start + yaml) }
    let said = error?.problems ?? []
    #expect(said.contains { $0.hasPrefix(sentence) }, "\(said)")
  }

  @Test("a grid that is too large is refused before it is made, without a list of its cells")
  func tooLarge() {
    let values = (1...1000).map(String.init).joined(separator: ", ")
    let axes = ["batch", "checkpoint.every", "evaluate.every", "optimizer.lr"]
      .map { "\($0): [\(values)]" }.joined(separator: ", ")
    let error = #expect(throws: RecipeError.self) {
      try plan(
        Self.start + "experiments: {a: {vary: {\(axes)}}}\n"
          + "claims: [{say: x, metric: loss, expect: {lowest: 2e9}}]\n")
    }
    let said = error?.problems ?? []
    #expect(said.contains { $0.contains("more than 100,000 runs") }, "\(said)")
    #expect(said.joined().utf8.count < 20_000)
  }

  @Test("all mistakes are said at once") func together() {
    let error = #expect(throws: RecipeError.self) {
      try plan("seeds: x\nexperiments: {a: {recipe: digits-mlp, vary: {}}}\nclaims: [{say: x}]\n")
    }
    #expect((error?.problems.count ?? 0) >= 4, "\(error?.problems ?? [])")
  }

  @Test("also those of names, of recipes and of the short form, and nothing that follows from them")
  func everyKind() {
    let yaml = """
      experiments:
        a: {vary: {optimizer.lrr: [1, 2]}}
        b: {vary: {optimizer.lr: [1, 2]}}
        c: {set: 3, vary: {optimizer.mom: [1, 2]}}
      bases: {start: {recipe: gptt}}
      claims: [{say: x, experiment: bb, metric: val_loss, expect: falls}]
      quick: {seeds: 0, experiments: {b: {from: start}}}
      """
    let error = #expect(throws: RecipeError.self) { try plan(Self.start + yaml) }
    let said = error?.problems ?? []
    let starts = [
      "bases.start.recipe is 'gptt'", "experiments.c.set must have keys",
      "claims[1].experiment is 'bb'",
      "experiments.a: sgd has no setting", "with quick: seeds is 0",
    ]
    for start in starts { #expect(said.contains { $0.hasPrefix(start) }, "\(start): \(said)") }
    #expect(said.count == starts.count, "\(said)")
  }

  @Test("the command line changes every run but what is varied; quick lays over") func changes()
    throws
  {
    let yaml =
      Self.start + Self.rate
      + "quick: {seeds: 1, set: {steps: 2}, experiments: {rate: {vary: {optimizer.lr: [0.1, 0.2]}}}}\n"
    let plain = try plan(yaml, changes: ["model.hidden=8"])
    #expect(plain.seeds == 3 && plain.experiments[0].changes.last == "model.hidden=8")
    let quick = try plan(yaml, isQuick: true)
    #expect(quick.seeds == 1 && quick.experiments[0].cells.map(\.label) == ["lr=0.1", "lr=0.2"])
    #expect(quick.experiments[0].changes == ["steps=2", "epochs=none"])
    // What is said of cells and experiments that the quick study leaves out is no mistake of it.
    let fewer = try plan(
      Self.start + """
        experiments:
          rate: {vary: {optimizer.lr: [0.001, 0.01]}}
          batch: {vary: {batch: [8, 16]}}
        claims:
          - {say: a, experiment: rate, metric: val_loss, expect: {lowest: 0.001}}
          - {say: b, experiment: batch, metric: val_loss, expect: falls}
        quick: {experiments: {rate: {vary: {optimizer.lr: [0.01]}}, batch: null}}
        """, isQuick: true)
    #expect(fewer.experiments.map(\.name) == ["rate"] && fewer.claims.map(\.say) == ["a"])
    for change in ["optimizer.lr=1", "x"] {
      #expect(throws: RecipeError.self) { try plan(yaml, changes: [change]) }
    }
    #expect(throws: RecipeError.self) { try plan(Self.start + Self.rate, isQuick: true) }
  }

  @Test("built-in studies can be read, quick and whole") func builtIn() throws {
    #expect(BuiltInStudies.list.contains { $0.name == "learning-rate" && !$0.question.isEmpty })
    for (name, _) in BuiltInStudies.list {
      let file = try #require(BuiltInStudies.file(name))
      for isQuick in [false, true] { _ = try StudyPlan(file: file, isQuick: isQuick) }
    }
  }

  @Test("the example of the documentation can be read") func documented() throws {
    var file = URL(filePath: #filePath)
    for _ in 0..<4 { file.deleteLastPathComponent() }
    let text = try String(
      contentsOf: file.appending(path: "Documentation/Studies.md"), encoding: .utf8)
    let yaml = try #require(text.components(separatedBy: "```yaml\n").dropFirst().first)
      .components(separatedBy: "```")[0]
    #expect(try plan(yaml).claims.count == 2)
    #expect(try plan(yaml, isQuick: true).seeds == 1)
  }

  @Test(
    "series become numbers",
    arguments: [
      ("final", 5.0), ("first", 1), ("max", 6), ("min", 1), ("mean", 3.4), ("median", 3),
      ("tail", 5), ("growth", 5), ("halfway", 30), ("settled", 50), ("at 35", 3),
    ])
  func reductions(name: String, value: Double) throws {
    let track = Track(steps: [10, 20, 30, 40, 50], values: [1, 2, 3, 6, 5])
    #expect(try StudyReduction(name).value(of: track) == value)
    // One value has no course.
    let short = try StudyReduction(name).value(of: Track(steps: [10], values: [1]))
    #expect((short == nil) == ["growth", "halfway", "settled"].contains(name))
  }
}
