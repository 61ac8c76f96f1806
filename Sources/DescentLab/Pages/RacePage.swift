import Descent
import Foundation

/// What a race found, for people and programs.
public enum RacePage {
  /// The table and the verdict, curves, and everything that is needed to judge and repeat it.
  ///
  /// - Parameter command: the command line that repeats it.
  public static func about(_ result: RaceResult, command: String) -> Document {
    let names = result.recipes.map(\.name).joined(separator: ", ")
    var blocks: [Document.Block] = [.data(fields(result))]
    for (index, recipe) in result.recipes.enumerated() {
      let own = self.blocks(result, index)
      blocks += result.recipes.count == 1 ? own : [.section(Section(recipe.name, own))]
    }
    if let figure = profile(result) {
      blocks.append(
        .section(
          Section(
            "Performance profile",
            [
              .paragraph(
                "The share of recipes on which an optimizer is within a factor τ of the best, by "
                  + (result.plan.target == nil ? "the final loss" : "the steps to the target")
                  + ". Higher is better; a run that failed is never within any factor."),
              .figures([figure]),
            ])))
    }
    blocks.append(.section(Section("What was compared", [.list(conditions(result))])))
    blocks.append(.section(Section("To repeat it", [.preformatted(command)])))
    return Document("Race on \(names)", blocks)
  }

  private static func blocks(_ result: RaceResult, _ index: Int) -> [Document.Block] {
    let recipe = result.recipes[index]
    let pairs = result.comparisons[index]
    return [
      .paragraph("\(result.headline(index)) \(result.scope)"),
      .table(table(recipe, target: result.plan.target)),
      .list(failures(recipe), .warnings),
      .section(Section("Verdict", id: "verdict-\(index)", [.list(pairs.map(\.sentence))])),
      .section(
        Section("Loss", id: "loss-\(index)", [.figures(curves(recipe, result.plan.target))])),
      .section(Section("Tuning", id: "tuning-\(index)", tuning(recipe, result.plan))),
      .section(
        Section(
          "Settings", id: "settings-\(index)", isFolded: true, [.list(settings(recipe))])),
    ]
  }

  // MARK: The table

  private static func table(_ recipe: RaceResult.OnRecipe, target: Double?) -> Table {
    let hasFailures = recipe.entries.contains { $0.failures > 0 }
    var table = Table([
      .init("optimizer"), .number("mean", "final loss", .significant(5)),
      .init("interval", "95 % interval", alignment: .right),
      .number("stepsToTarget", "steps to target", .significant(6)),
      .number("secondsToTarget", "s to target", .fixed(1)),
      .number("steps", "steps"), .number("seconds", "s", .fixed(1)),
      .number("step", "ms/step", .significant(3)), .init("state", alignment: .right),
      .number("failures"),
    ])
    for entry in recipe.entries {
      let interval = entry.interval.map { "\(short($0.low, 5)) to \(short($0.high, 5))" }
      table.append(
        .text(entry.label), entry.sample.mean.map { .number($0) } ?? .nothing,
        interval.map { .text($0) } ?? .nothing,
        target == nil ? .nothing : entry.stepsToTarget.map { .number($0) } ?? .text("not reached"),
        entry.secondsToTarget.map { .number($0) } ?? .nothing, steps(entry),
        .number(entry.seconds), entry.secondsPerStep.map { .number(1000 * $0) } ?? .nothing,
        .bytes(entry.stateBytes), hasFailures ? .count(entry.failures) : .nothing)
    }
    return table
  }

  /// The steps that the runs did: `60`; `2 to 60` where some ended early.
  private static func steps(_ entry: RaceResult.Entry) -> Table.Cell {
    guard let done = entry.stepsDone else { return .nothing }
    return done.count == 1
      ? .count(done.lowerBound)
      : .text("\(grouped(done.lowerBound)) to \(grouped(done.upperBound))")
  }

  /// Failures, each with its reason; alike ones are said once.
  private static func failures(_ recipe: RaceResult.OnRecipe) -> [String] {
    recipe.entries.flatMap { entry -> [String] in
      let judged = entry.judged.filter { $0.outcome?.failure != nil }
      let tuning = entry.tuning.filter { $0.outcome?.failure != nil }
      var lines: [String] = []
      if let first = judged.first?.outcome?.failure {
        let mean = entry.sample.values.isEmpty ? "" : "; the mean above is that of the others"
        lines.append(
          "\(entry.label): \(judged.count) of \(counted(entry.judged.count, "run")) failed\(mean). "
            + "The first: \(first)")
      }
      if let first = tuning.first?.outcome?.failure {
        lines.append(
          "\(entry.label): \(tuning.count) of \(counted(entry.tuning.count, "tuning trial")) failed. "
            + "The first, with \(words(tuning[0].settings)): \(first)")
      }
      return lines
    }
  }

  private static func words(_ settings: [String]) -> String {
    settings.isEmpty ? "the settings it had before tuning" : settings.joined(separator: ", ")
  }

  // MARK: Figures

  /// The validation loss over steps and over seconds: means over seeds, with all of them in the shade.
  private static func curves(_ recipe: RaceResult.OnRecipe, _ target: Double?) -> [Figure] {
    typealias Place = (TrialOutcome.Evaluation) -> Double
    func series(_ place: Place) -> [Series] {
      recipe.entries.enumerated().map { index, entry in
        let runs = entry.judged.compactMap(\.outcome).filter { $0.failure == nil }
          .map(\.evaluations)
        var (points, spread): ([Point], [Spread]) = ([], [])
        for step in Set(runs.flatMap { $0.map(\.step) }).sorted() {
          let here = runs.compactMap { run in run.first { $0.step == step } }
          let losses = here.map(\.loss)
          // Where not all have been evaluated, the mean would jump.
          guard here.count == runs.count, let mean = Sample(losses).mean,
            let x = Sample(here.map(place)).mean
          else { continue }
          points.append(Point(x, mean))
          spread.append(
            Spread(x, low: losses.min() ?? mean, high: losses.max() ?? mean))
        }
        return Series(
          entry.label, points, color: index, spread: runs.count > 1 ? spread : [])
      }
    }
    let seeds = recipe.entries.map(\.judged.count).max() ?? 0
    let marks = target.map { [Mark("target", .y($0))] } ?? []
    let subtitle =
      seeds > 1 ? "mean over \(counted(seeds, "seed")), all of them in the shade" : "one seed"
    return [
      Figure([
        LineChart(
          title: "\(recipe.name): validation loss", subtitle: subtitle, x: Axis("step"),
          y: Axis("loss"), series: series { Double($0.step) }, marks: marks)
      ]),
      Figure([
        LineChart(
          title: "\(recipe.name): validation loss over time", subtitle: subtitle,
          x: Axis("seconds of training"), y: Axis("loss"), series: series(\.seconds), marks: marks)
      ]),
    ]
  }

  /// Loss over learning rate, of the tuning trials.
  private static func sensitivity(_ recipe: RaceResult.OnRecipe) -> Figure? {
    let series = recipe.entries.enumerated().flatMap { index, entry -> [Series] in
      guard entry.dimensions.contains(where: { $0.setting == "lr" }) else { return [] }
      let points = entry.tuning.compactMap { trial -> Point? in
        guard let rate = trial.value(of: "lr"), let loss = trial.outcome?.final else { return nil }
        return Point(rate, loss)
      }.sorted { $0.x < $1.x }
      if points.isEmpty { return [] }
      // Where something else varies, too, a line would show what nobody measured.
      let line = entry.dimensions.count == 1 ? [Series("", points, .faint, color: index)] : []
      return line + [Series(entry.label, points, .dots, color: index)]
    }
    guard !series.isEmpty else { return nil }
    let losses = series.flatMap { $0.points.map(\.y) }
    let isWide = (losses.max() ?? 1) > 10 * (losses.min() ?? 1)
    return Figure([
      LineChart(
        title: "\(recipe.name): sensitivity to the learning rate",
        subtitle: "loss at the end of each tuning trial",
        x: Axis("learning rate", .logarithmic),
        y: Axis("final loss", isWide ? .logarithmic : .linear), series: series)
    ])
  }

  private static func profile(_ result: RaceResult) -> Figure? {
    guard let profile = result.profile, let first = result.recipes.first else { return nil }
    let factors = stride(from: 1.0, through: 4, by: 0.01)
    return Figure([
      LineChart(
        title: "share of recipes within a factor of the best",
        x: Axis("factor τ", range: 1...4), y: Axis("share of recipes", range: 0...1.05),
        series: first.entries.enumerated().map { index, entry in
          Series(
            entry.label, factors.map { Point($0, profile.share(index, within: $0)) }, color: index)
        })
    ])
  }

  // MARK: Words

  private static func tuning(
    _ recipe: RaceResult.OnRecipe, _ plan: RacePlan
  ) -> [Document.Block] {
    // That nothing was tuned stands above.
    guard plan.trials > 0 else { return [] }
    var table = Table([
      .init("optimizer"), .number("trial", "trial"), .init("settings", "settings"),
      .number("final", "final loss", .significant(5)), .init("note", ""),
    ])
    for entry in recipe.entries {
      for (number, trial) in entry.tuning.enumerated() {
        let isChosen = trial.purpose == entry.chosen?.purpose
        table.append(
          .text(entry.label), .count(number + 1), .text(words(trial.settings)),
          trial.outcome?.final.map { .number($0) } ?? .nothing,
          .text(trial.outcome?.failure != nil ? "failed" : isChosen ? "taken" : ""))
      }
    }
    let sentences = recipe.entries.map { search($0, plan.trials) }
    return [.list(sentences)] + (sensitivity(recipe).map { [.figures([$0])] } ?? [])
      + [.section(Section("Trials", isFolded: true, [.table(table)]))]
  }

  /// What was searched for an optimizer, and what came of it.
  private static func search(_ entry: RaceResult.Entry, _ trials: Int) -> String {
    if !entry.space.needsTuning {
      return "\(entry.label) needs no tuning: \(entry.space.source). It was given none."
    }
    guard !entry.dimensions.isEmpty else {
      return "\(entry.label): its text sets all that would be searched, so it had no trials"
    }
    let spaces = entry.dimensions.map { dimension in
      let (low, high) = (dimension.range.lowerBound, dimension.range.upperBound)
      let (a, b) = dimension.isOneMinus ? (1 - high, 1 - low) : (low, high)
      return "\(dimension.setting) from \(short(a)) to \(short(b))"
        + (dimension.isFactor ? " times the recipe's" : "")
    }
    var text = "\(entry.label): \(listed(spaces)) (\(entry.space.source))"
    guard let chosen = entry.chosen else { return text + "; every trial failed" }
    text += "; taken: \(words(chosen.settings))"
    for edge in entry.atEdge {
      text +=
        ". The best \(edge.setting) is the \(edge.isLargest ? "largest" : "smallest") that was tried "
        + "(\(short(edge.value))), so a better one may lie beyond: the space or the number of trials "
        + "may be too small"
    }
    return text
  }

  private static func settings(_ recipe: RaceResult.OnRecipe) -> [String] {
    recipe.entries.flatMap { entry in
      let values = entry.settings.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
      return ["\(entry.label): \(values.withShortNumbers)"]
        + entry.warnings.map { "\(entry.label): \($0)" }
    }
  }

  private static func conditions(_ result: RaceResult) -> [String] {
    let plan = result.plan
    var lines = [
      "For each of \(counted(plan.seeds, "seed")), every optimizer began with the same weights and saw "
        + "the same data in the same order.",
      "Everything that an optimizer's text does not set is the recipe's: schedule, warmup, clipping, "
        + "batch; weight decay, too, where a rule applies it as the recipe's own rule does, to the "
        + "weights or to the gradient. What the recipe says of its own rule holds for that rule; others "
        + "begin with the defaults of their references.",
      "Judged by the validation loss at the end of training.",
      "Proven means p < 0.05: Student's t of the differences between runs of one seed, two-sided, after "
        + "Holm's correction for all pairs. Losses that differ by no more than "
        + "\(percent(RaceResult.margin, 1)) count as equal. The interval beside a p is corrected as p is: "
        + "all of it lies beyond what counts as equal exactly where the difference is proven. The "
        + "intervals of the table are those of each optimizer alone. Where a run failed, the sign test "
        + "takes its place.",
    ]
    if plan.trials > 0 {
      lines.append(
        "Tuning took the trial with the lowest validation loss at the end, of a seed that is not among "
          + "those judged. The first trial has the settings of a race without tuning, the others are "
          + "quasi-random over the logarithm of each range.")
    }
    if let seconds = plan.secondsPerRun {
      lines.append(
        "Each run has as many steps as \(RaceResult.seconds(seconds)) of training can hold, by a short run before "
          + "the race; schedules without a length of their own end with the run.")
    }
    if let target = plan.target {
      lines.append(
        "The target of \(short(target)) is reached with the first evaluation at or below it; the table "
          + "has the median over seeds.")
    }
    if !plan.changes.isEmpty {
      lines.append("Changed in the recipe for all: \(plan.changes.joined(separator: ", ")).")
    }
    return lines
  }

  // MARK: For programs

  private static func fields(_ result: RaceResult) -> [(key: String, value: JSONValue)] {
    let rows = result.recipes.flatMap { recipe in
      recipe.entries.map { entry -> JSONValue in
        let interval = entry.interval
        return [
          "recipe": .text(recipe.name), "optimizer": .text(entry.label),
          "settings": .object(entry.settings.map { (key: $0.name, value: json($0.value)) }),
          "final": [
            "mean": JSONValue(entry.sample.mean), "low": JSONValue(interval?.low),
            "high": JSONValue(interval?.high),
          ],
          "finals": .array(entry.finals.map { JSONValue($0) }),
          "steps_to_target": JSONValue(entry.stepsToTarget),
          "seconds_to_target": JSONValue(entry.secondsToTarget),
          "steps": .integer(entry.stepsDone?.upperBound ?? 0), "seconds": .number(entry.seconds),
          "seconds_per_step": JSONValue(entry.secondsPerStep),
          "state_bytes": .integer(entry.stateBytes), "failures": .integer(entry.failures),
          "reasons": .array(entry.judged.compactMap { $0.outcome?.failure }.map(JSONValue.text)),
          "tuned": .array((entry.chosen?.settings ?? []).map(JSONValue.text)),
          "tuning_trials": .integer(entry.tuning.count),
        ]
      }
    }
    let verdict = zip(result.recipes, result.comparisons).flatMap { recipe, pairs in
      pairs.map { pair -> JSONValue in
        [
          "recipe": .text(recipe.name), "better": .text(pair.better.label),
          "worse": .text(pair.worse.label), "proven": .flag(pair.isProven), "p": .number(pair.p),
          "difference": JSONValue(pair.test.mean.map(abs)), "low": JSONValue(pair.interval?.low),
          "high": JSONValue(pair.interval?.high), "sentence": .text(pair.sentence),
        ]
      }
    }
    let headlines = result.recipes.indices.map { JSONValue.text(result.headline($0)) }
    return [
      ("recipe", .text(result.recipes.map(\.name).joined(separator: ", "))),
      ("seeds", .integer(result.plan.seeds)), ("tune", .integer(result.plan.trials)),
      ("target", JSONValue(result.plan.target)), ("budget", JSONValue(result.plan.secondsPerRun)),
      ("rows", .array(rows)), ("verdict", .array(verdict)), ("headlines", .array(headlines)),
      ("scope", .text(result.scope)),
    ]
  }

  private static func json(_ text: String) -> JSONValue {
    if let n = Int(text) { return .integer(n) }
    if let x = Double(text), x.isFinite { return .number(x) }
    if let flag = Bool(text) { return .flag(flag) }
    if text == "none" { return .null }
    let items = text.split(separator: ",").map { Double($0) }
    return items.count > 1 && !items.contains(nil)
      ? .array(items.compactMap(\.self).map(JSONValue.number)) : .text(text)
  }
}
