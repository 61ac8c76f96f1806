import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Pages") struct PageTests {
  private func object(_ json: JSONValue) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any])
  }

  @Test("the page of an optimizer says all that it declares", arguments: Rules.all.map { $0.name })
  func optimizer(_ name: String) throws {
    func check<R: Rule>(_ rule: R.Type) throws {
      let page = OptimizerPage.about(rule)
      let fields = try object(page.json)
      #expect(fields["name"] as? String == name && fields["formula"] as? String == R.about.formula)
      #expect((fields["hyperparameters"] as? [Any])?.count == R.settings.count)
      #expect(fields["stateBytesPerParameter"] is Double && fields["needs"] is String)
      for text in [page.text(), page.htmlFragment()] {
        for setting in R.settings { #expect(text.contains(setting.name)) }
      }
      #expect(page.text().contains(R.about.guidance))
    }
    try check(Rules.named(name))
    #expect(
      OptimizerPage.list().text().split(separator: "\n").contains { $0.hasPrefix(name + " ") })
  }

  @Test(
    "the page of a schedule says all that it declares, and draws it",
    arguments: Schedules.names + ScheduleAlias.all.map(\.name))
  func schedule(_ name: String) throws {
    let schedule = try #require(
      Schedules.all.first { $0.name == name }
        ?? ScheduleAlias.all.first { $0.name == name }?.schedule)
    let page = try SchedulePage.about(name)
    #expect(try object(page.json)["formula"] as? String == schedule.about.formula)
    let text = page.text()
    #expect(text.contains("under another name") == (name != schedule.name))
    let needsMore = ["sequence", "product", "plateau", "greedy"].contains(schedule.name)
    #expect(text.contains("completed optimizer steps") == !needsMore)
    func names<S: Schedule>(_: S.Type) -> [String] { S.settings.map(\.name) }
    for setting in names(schedule) { #expect(text.contains("  \(setting) "), "\(setting)") }
  }

  @Test("a curve: values, sentences, figure and warnings") func curve() throws {
    let settings = [("lr", "2e-4"), ("warmup", "20"), ("warmup_start", "zero")]
    let curve = try ScheduleCurve(schedule: "cosine", settings, total: 1000)
    #expect(curve.warnings.isEmpty && curve.awaitsMetric.isEmpty)
    #expect(curve.json(at: 10).line == #"{"step":10,"lr":0.0001}"#)
    let text = curve.page().text()
    #expect(text.hasPrefix("cosine(warmup=20,warmup_start=zero,total=1000)\n"))
    #expect(
      text.contains(
        "\nlr  warmup: steps 0 to 19; peak: 0.0002 at step 20; last: "))
    #expect(text.contains(" at step 999; the schedule ends with the run\n"))
    #expect(text.contains("\n━ warmup\n"))
    let rows = try #require(
      try object(curve.page(at: [0, 999]).json)["values"] as? [[String: Any]])
    #expect(rows.map { $0["step"] as? Int } == [0, 999] && rows[0]["lr"] as? Double == 0)
    let charts = curve.titledFigure.charts.compactMap(\.lineChart)
    #expect(charts[0].title == "cosine" && charts[0].bands.map(\.label) == ["warmup"])
    let nested = try ScheduleCurve(
      schedule: "sequence", [("parts", "warmup(warmup=5),cosine"), ("milestones", "5")], total: 50)
    #expect(nested.settings.hasPrefix("sequence(parts=[warmup(warmup=5),cosine"))
  }

  @Test("a schedule that has nothing to do has a curve too") func settled() throws {
    let curve = try ScheduleCurve(schedule: "warmup", [("warmup", "0")])
    #expect(curve.total >= 1 && curve.page().text().contains("peak: 1 at step 0"))
  }

  @Test("a schedule that follows a metric, with one and without") func metric() throws {
    let settings = [("patience", "1")]
    let unfed = try ScheduleCurve(schedule: "plateau", settings)
    #expect(unfed.awaitsMetric == ["lr"] && unfed.total == 1000)
    let fed = try ScheduleCurve(schedule: "plateau", settings, metric: [1, 1, 1, 1])
    #expect(fed.awaitsMetric.isEmpty && fed.total == 5)
    #expect(fed.json(at: 2).line == #"{"step":2,"lr":1.0}"#)
    #expect(fed.json(at: 3).line == #"{"step":3,"lr":0.1}"#)
    for (name, settings, part) in [
      ("cosine", [("lr", "fast")], "lr=fast cannot be read"),
      ("cosine", [("lr", "-1")], "lr=-1 is out of range"),
      ("cosine", [("warmup", "2000")], "is longer than total=1000"),
      ("cosine", [], "follows no metric"),
    ] as [(String, [(String, String)], String)] {
      let error = #expect(throws: SettingErrors.self) {
        _ = try ScheduleCurve(schedule: name, settings, total: 1000, metric: [1])
      }
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
  }

  @Test("curves of a recipe's groups, with several numbers") func recipe() throws {
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let groups =
      "[{name: fast, role: matrix, lr: 0.1, schedules: {\"betas[0]\": {name: linear, floor: 0.5}}}]"
    let recipe = try Recipe(
      yaml: yaml, overrides: ["optimizer.groups=\(groups)", "schedule.warmup=0"])
    let curve = try ScheduleCurve(recipe, called: "gpt", total: 1, group: "fast")
    #expect(curve.settings.hasPrefix("adamw with cosine(") && curve.settings.hasSuffix(", 1 step"))
    let long = try ScheduleCurve(recipe, called: "gpt", total: 1000, group: "fast")
    let page = long.page(at: [999])
    let row = try #require((try object(page.json)["values"] as? [[String: Any]])?.first)
    #expect(Set(row.keys) == ["step", "lr", "betas[0]", "betas[1]"])
    // Of several numbers the figure shows those that move.
    #expect(
      long.figure.charts.compactMap(\.lineChart).map { $0.series.map(\.name) } == [
        ["lr"], ["betas[0]"],
      ])
    #expect(throws: RecipeError.self) {
      _ = try ScheduleCurve(recipe, called: "gpt", total: 10, group: "none")
    }
    // Without a choice, the default group and those that differ from it.
    let all = try ScheduleCurve(recipe, called: "gpt", total: 1000)
    let step = try object(all.json(at: 0))
    #expect(
      step.compactMapValues { $0 as? Double } == ["step": 0, "lr": 1e-3, "lr.fast": 0.1])
    #expect(step["betas.fast"] as? [Double] == [0.9, 0.99])
    #expect(
      all.figure.charts.first?.lineChart?.series.map(\.name) == ["lr of default", "lr of fast"])
    #expect(all.page().text().contains("lr.fast  peak: 0.1 at step 0"))
  }

  @Test("a recipe of which nothing is scheduled says so") func unscheduled() throws {
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let recipe = try Recipe(yaml: yaml, overrides: ["optimizer.name=adafactor"])
    let curve = try ScheduleCurve(recipe, called: "gpt")
    #expect(curve.page().text().contains("no hyperparameter follows a schedule"))
    #expect(curve.warnings.count == 1 && curve.warnings[0].hasPrefix("lr of adafactor is none"))
  }

  @Test(
    "of two ways to say the floor, that of the change counts",
    arguments: [
      (["schedule.floor=1e-5"], 1e-5), (["schedule.floor_ratio=0.5"], 5e-4),
      ([], 1e-4), (["optimizer.lr=5e-5"], 0.1 * 5e-5),
    ] as [([String], Double)])
  func floors(_ overrides: [String], _ last: Double) throws {
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let curve = try ScheduleCurve(Recipe(yaml: yaml, overrides: overrides), called: "gpt")
    let step = try object(curve.json(at: 2000))
    #expect(step["lr"] as? Double == last)
  }

  @Test("groups and facts of a run, counted in the right number") func groups() throws {
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let groups = """
      [{name: hidden, role: matrix, optimizer: muon}, {name: table, match: wte*, frozen: true}, \
      {name: late, match: "w*"}]
      """
    let facts = try Trainer(
      Recipe(
        yaml: yaml,
        overrides: ["steps=1", "schedule.warmup=0", "optimizer.groups=\(groups)", "model.layers=1"])
    ).facts
    let page = GroupsPage.about(facts, recipe: "gpt")
    let text = page.text()
    for part in [
      "group hidden (role matrix), muon: 4 tensors, 196,608 weights", "orthogonalized",
      "group table (name wte*), frozen: 1 tensor, ", "0 bytes of state",
      "note: wte.weight is in table; late asked for it too", "group no_decay (rank 0-1), ",
      "weight_decay=0 ",
    ] { #expect(text.contains(part), "\(part)") }
    let fields = try object(page.json)
    let all = try #require(fields["groups"] as? [[String: Any]])
    #expect(all.map { $0["frozen"] as? Bool } == [false, true, false, false])
    #expect(all.last?["match"] as? String == "rank 0-1")
    #expect(fields["weights"] as? Int == all.compactMap { $0["weights"] as? Int }.reduce(0, +))
    #expect((all[0]["parameters"] as? [[String: Any]])?.count == 4)
    let start = RunPage.start(facts).text(isSpaced: false)
    #expect(start.contains("of optimizer state, 1 step\n") && start.contains("  orthogonalized"))
  }

  @Test("how a run ended") func end() {
    func text(_ steps: Int, skipped: Int) -> String {
      RunPage.end(
        TrainingResult(
          steps: steps, evaluation: Evaluation(loss: 0.5, accuracy: 0.9861), interrupted: false,
          checkpoint: "runs/a/checkpoints/1.safetensors", trainingSeconds: 6.6,
          activationBytes: 1_230_000, skipped: skipped,
          lostUpdates: LostUpdates(lost: 1, updates: 8))
      ).text()
    }
    #expect(
      text(276, skipped: 1) == """
        276 steps in 6.6 s, 98.61 % of held-out examples classified correctly, validation loss \
        0.5000, 1 step was skipped, 12.5 % of weight updates were lost to rounding, 1.23 MB of \
        activations at the peak
        weights: runs/a/checkpoints/1.safetensors

        """)
    #expect(
      text(1, skipped: 2).hasPrefix("1 step in ") && text(1, skipped: 2).contains("2 steps were"))
  }

  @Test("after a resumption the steps since then are counted") func resumedEnd() {
    let result = TrainingResult(
      steps: 400, evaluation: nil, interrupted: false, checkpoint: "c", trainingSeconds: 2.5,
      activationBytes: 1, skipped: 0, lostUpdates: nil)
    #expect(
      RunPage.end(result, after: 300).text().hasPrefix("100 of 400 steps in 2.5 s, "))
  }

  @Test("a group that is alone has everything, and its numbers are short") func numbers() throws {
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let facts = try Trainer(
      Recipe(yaml: yaml, overrides: ["optimizer.lr=0.00010005551538325273", "optimizer.groups=[]"])
    ).facts
    let page = GroupsPage.about(facts, recipe: "digits-mlp")
    #expect(page.text().contains("group default (everything), "))
    #expect(page.text().contains("lr=0.000100056 "))
    #expect(page.json.line.contains("lr=0.00010005551538325273 "))
    #expect(RunPage.start(facts).text().contains("lr=0.000100056 "))
  }

  @Test("state that cannot be kept as it was asked for is said", arguments: ["int8", "bfloat16"])
  func exemptions(_ format: String) throws {
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let facts = try Trainer(
      Recipe(yaml: yaml, overrides: ["optimizer.name=shampoo", "optimizer.state=\(format)"])
    ).facts
    #expect(
      RunPage.start(facts).text().contains("state in float32 (has a shape of its own): "))
  }

  @Test("a line of progress fits into the terminal") func progress() {
    let line = ProgressPage.Line(
      step: 1200, steps: 2000, loss: 1.23456, learningRate: 1e-3, gradientNorm: 0.5234,
      clippedShare: 0.4, rate: 123_456.7, unit: "tokens", secondsLeft: 185)
    let all =
      "step 1200/2000  loss 1.2346  lr 0.001  |g| 0.523 clipped 40 %  123,456 tokens/s  3m05s left"
    #expect(line.text == all)
    #expect(line.text(width: 120) == "████████████░░░░░░░░ " + all)
    for width in 1...120 { #expect(line.text(width: width).count < max(2, width)) }
    #expect(line.text(width: 102).hasSuffix(" " + all))
    #expect(line.text(width: 80).contains("░ step 1200/2000  loss 1.2346  lr 0.001  123,456"))
    #expect(line.text(width: 66).contains("░ step 1200/2000  loss 1.2346  123,456 tokens/s"))
    #expect(line.text(width: 40).hasPrefix("step 1200/2000  loss 1.2346"))
    var full = line
    (full.validationLoss, full.lossScale, full.clippedShare) = (1.5, 65536, 0)
    full.estimates = [2e-5]
    #expect(
      full.text == "step 1200/2000  loss 1.2346  val 1.5000  lr 0.001  d 2e-05  |g| 0.523  "
        + "scale 65,536  123,456 tokens/s  3m05s left")
    // What matters least goes first.
    let order = ["|g|", "scale", "lr", "d ", "val", "tokens"]
    for width in 1...140 {
      let text = full.text(width: width)
      #expect(text.count < max(2, width))
      let kept = order.map { text.contains($0) }
      #expect(zip(kept, kept.dropFirst()).allSatisfy { !$0 || $1 }, "\(width): \(text)")
    }
    // Nothing that a run may say is too much.
    for extreme in [Double.nan, .infinity, -1, 1e300] {
      var line = full
      (line.loss, line.rate, line.secondsLeft) = (extreme, extreme, extreme)
      (line.gradientNorm, line.learningRate, line.validationLoss) = (extreme, extreme, extreme)
      line.lossScale = extreme
      for width in [0, 1, 2, 80] { #expect(line.text(width: width).count < max(2, width)) }
    }
    var estimating = line
    for (diagnostics, text) in [
      (["d": 1.25e-5, "k": 3], "  d 1.25e-05  "), (["k": 3], "  lr 0.001  |g| "),
      (["d.a": 1e-5, "d.b": 2e-4], "  d 1e-05 to 0.0002  "),
    ] as [([String: Double], String)] {
      estimating.estimates = ProgressPage.Line.estimates(diagnostics)
      #expect(estimating.text.contains(text), "\(estimating.text)")
      for width in 1...120 { #expect(estimating.text(width: width).count < max(2, width)) }
    }
  }

  @Test("what L-BFGS did, counted and short") func closure() {
    var record = StepRecord(step: 89, loss: 0.4724860191345215)
    #expect(ProgressPage.closure(record) == nil)
    (record.finalLoss, record.iterations, record.evaluations) = (0, 1, 4)
    record.exit = .gradientTolerance
    #expect(
      ProgressPage.closure(record)
        == "1 iteration, 4 evaluations, loss 0.472 → 0; the gradient is below tolerance_grad: "
        + "this is a stationary point")
  }

  @Test("what an optimizer cannot be combined with is a table") func excludes() throws {
    let page = OptimizerPage.about(try Rules.named("lbfgs"))
    #expect(page.text().contains("cannot be combined with\n  what "))
    let state = try #require(
      try object(OptimizerPage.about(AdamW.self).json)["state"] as? [[String: String]])
    #expect(state.first == ["name": "exp_avg", "shape": "the parameter's"])
    #expect(OptimizerPage.about(AdamW.self).text().contains("same shape as the parameter"))
  }

  @Test("timings are rows under their headings") func timings() throws {
    let timing = try OptimizerTiming.measure(SGD(), state: .float32, parameters: 4096, seconds: 0)
    let (text, json) = TimingPage.row(timing)
    #expect(text.count == TimingPage.heading.count && text.hasSuffix(" %"))
    let fields = try object(json)
    #expect(fields["parameters"] as? Int == 4096)
    #expect(fields["nanoseconds"] as? Double == timing.nanoseconds)
    for key in ["optimizer", "state", "bytes", "update", "bandwidth", "share"] {
      #expect(fields[key] != nil)
    }
  }

  @Test("recipes have a line each") func recipes() throws {
    let rows = try object(RecipePage.list().json)["recipes"] as? [[String: String]]
    #expect(rows?.map { $0["name"] } == BuiltInRecipes.list.map(\.name))
    #expect(Set(rows?.compactMap { $0["group"] } ?? []) == Set(BuiltInRecipes.list.map(\.group)))
  }
}
