import ArgumentParser
import Descent
import DescentLab
import DescentTraining
import Foundation

/// `descent schedule`
struct ScheduleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule",
    abstract: "List the schedules, explain one, or show its values.",
    discussion: """
      A step is the number of completed optimizer steps: the value at 0 is what the first step uses, \
      and a run of T steps uses 0 to T-1. Schedules of torch and Hugging Face are known by their \
      names there, with the parameters that they have there; lr is the base, 1 unless it is set.

      descent schedule cosine --set lr=2e-4 --set warmup=2000 --set floor=2e-5 --total 100000
      descent schedule OneCycleLR --set max_lr=0.1 --total 1000 --at 0,299,999 --json
      descent schedule sequence --set 'parts=warmup,cosine' --set milestones=100 --total 1000
      descent schedule --recipe gpt --set schedule.warmup=50 --plot curve.svg
      """)

  @Argument(help: "The schedule, as `descent schedule` lists it.")
  var name: String?

  @Option(
    help: "A built-in recipe or a YAML file: its curves, in the steps of its run.",
    completion: .file(extensions: ["yaml"]))
  var recipe: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Set lr or a parameter of the schedule; with --recipe, a key of the recipe.",
      valueName: "key=value"))
  var assignments: [String] = []

  @Option(help: "T: the steps of the run (default: the schedule's or the recipe's own, else 1000).")
  var total: Int?

  @Option(help: ArgumentHelp("The steps to show.", valueName: "0,1,2"))
  var at: String?

  @Option(help: "With --recipe: the parameter group.")
  var group: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What a schedule that follows a metric sees.", valueName: "1,0.9,0.9"))
  var metric: String?

  @Flag(help: "Print one JSON object a step.")
  var json = false

  @Option(
    help: ArgumentHelp("Draw the curves.", valueName: "file.svg"),
    completion: .file(extensions: ["svg"]))
  var plot: String?

  func run() throws {
    try reportingErrors {
      guard name != nil || recipe != nil else { return try list() }
      if name != nil, recipe != nil {
        throw RecipeError(problems: ["give a schedule or --recipe, not both"])
      }
      if let total, !(1...Self.longest).contains(total) {
        throw RecipeError(problems: [
          "--total \(total) is out of range: a run has at least 1 step and at most 1e15"
        ])
      }
      if let plot, !plot.hasSuffix(".svg") {
        throw RecipeError(problems: ["--plot \(plot) must name a file that ends in .svg"])
      }
      let isPage =
        recipe == nil && assignments.isEmpty && total == nil && at == nil && metric == nil && !json
      if let name, isPage { output(page(try Schedules.make(name), called: name)) }
      let curve = try recipe.map(recipeCurve) ?? scheduleCurve(name!)
      let steps = try at.map(Self.steps)
      for warning in curve.warnings { writeError("Warning: \(warning)") }
      if let plot {
        do {
          try curve.figure(titled: true).svg().write(
            toFile: plot, atomically: true, encoding: .utf8)
        } catch { throw RunError.cannotWrite(plot, error.localizedDescription) }
      }
      if json {
        if steps == nil, curve.total > 1_000_000 {
          throw RecipeError(problems: [
            "--json prints every step of a run and this one has \(curve.total); give --at 0,1000"
          ])
        }
        output((steps ?? Array(0..<curve.total)).map(curve.json).joined(separator: "\n"))
      } else {
        if !isPage { output(curve.table(steps)) }
        output(curve.figure(titled: false).text(columns: 78, rows: 12), terminator: "")
      }
    }
  }

  // MARK: Listing and explaining

  private func list() throws {
    let stray =
      [("--total", total != nil), ("--at", at != nil), ("--plot", plot != nil)]
      .first { $0.1 }?.0 ?? (assignments.isEmpty ? nil : "--set")
    if let stray { throw RecipeError(problems: ["\(stray) needs the name of a schedule"]) }
    let pages = Schedules.all.map { (name: $0.name, summary: $0.about.summary) }
    if json {
      for page in pages {
        let fields = ["name": page.name, "summary": page.summary]
        let line = try JSONSerialization.data(withJSONObject: fields, options: .sortedKeys)
        output(String(decoding: line, as: UTF8.self))
      }
      return
    }
    let width = pages.map(\.name.count).max() ?? 0
    for page in pages {
      output("\(page.name.padding(toLength: width, withPad: " ", startingAt: 0))  \(page.summary)")
    }
    output("\nnames and parameters of other libraries are accepted:")
    for library in ["torch", "Hugging Face"] {
      let names = ScheduleAlias.all.filter { $0.library == library }.map(\.name)
      output("  \(library): \(names.joined(separator: ", "))")
    }
  }

  private func page(_ schedule: any Schedule, called name: String) -> String {
    func lines<S: Schedule>(_: S) -> [String] {
      let defaults = S()
      var lines = ["\(S.name): \(S.about.summary)", ""]
      if name != S.name { lines[0] = "\(name) is \(S.name) under another name.\n\n" + lines[0] }
      lines += S.about.formula.split(separator: "\n").map { "    \($0)" }
      if !S.settings.isEmpty { lines += ["", "parameters"] }
      let width = S.settings.map(\.name.count).max() ?? 0
      for setting in S.settings {
        let name = setting.name.padding(toLength: width, withPad: " ", startingAt: 0)
        let value = setting.value(defaults).description
        lines.append(
          "    \(name)  \(setting.meaning); \(setting.kind); \(value.isEmpty ? "none" : value)")
      }
      let aliases = Schedules.aliases(of: S.name)
      if !aliases.isEmpty {
        lines += ["", "elsewhere"]
        lines += aliases.map {
          "    \($0.library): \($0.name)(\($0.settingNames.joined(separator: ", ")))"
        }
      }
      for (title, body) in [
        ("differences", S.about.differences), ("guidance", S.about.guidance),
        ("reference", S.about.reference),
      ] where !body.isEmpty {
        lines += ["", title, "    " + body]
      }
      return lines
    }
    return lines(schedule).joined(separator: "\n") + "\n"
  }

  // MARK: Curves

  private func scheduleCurve(_ name: String) throws -> Curve {
    var settings = try assignments.map(Self.split)
    var base = 1.0
    if let index = settings.lastIndex(where: { $0.name == "lr" }) {
      guard let lr = Double(settings[index].text), lr >= 0, lr.isFinite else {
        throw SettingErrors([
          .unreadable(name: "lr", given: settings[index].text, expected: "a number, at least 0")
        ])
      }
      base = lr
      settings.removeAll { $0.name == "lr" }
    }
    var schedule = try Schedules.make(name, settings)
    let seen = metric.map { $0.split(separator: ",").count + 1 }
    let total = total ?? schedule.end ?? seen ?? 1000
    schedule.fit(totalSteps: total)
    do throws(SettingError) {
      try schedule.validate()
    } catch { throw SettingErrors([error]) }
    let curve = Curve(
      title: name, settings: Self.changed(schedule).description, total: total,
      schedules: ["lr": schedule], warnings: schedule.warnings(steps: total))
    guard let follower = schedule as? any MetricSchedule else {
      if metric != nil {
        throw RecipeError(problems: ["\(name) follows no metric; leave --metric out"])
      }
      let momentum = schedule.momentum
      return curve.drawing { [schedule, base] step in
        [("lr", .number(schedule.value(at: step, base: base)))]
          + (momentum.map { [("momentum", .number($0.value(at: step, base: 0)))] } ?? [])
      }
    }
    let rates = try rates(of: follower, base)
    var note = curve
    if metric == nil {
      note.warnings.append(
        "\(name) follows a metric; --metric 1,0.9,0.9 shows what it does with one, a value a step")
    }
    return note.drawing { [("lr", .number(rates[min($0, rates.count - 1)]))] }
  }

  /// The rates of a schedule that sees the given metrics, one after each step.
  private func rates(of schedule: some MetricSchedule, _ base: Double) throws -> [Double] {
    var schedule = schedule
    var rates = [schedule.value(at: 0, base: base)]
    for text in metric?.split(separator: ",") ?? [] {
      guard let value = Double(text.filter { $0 != " " }) else {
        throw RecipeError(problems: ["--metric \(text) is not a number"])
      }
      schedule.observe(value)
      rates.append(schedule.value(at: rates.count, base: base))
    }
    return rates
  }

  private func recipeCurve(_ recipe: String) throws -> Curve {
    if metric != nil { throw RecipeError(problems: ["--metric does not go with --recipe"]) }
    let (name, yaml) = try Train.find(recipe)
    var recipe = try Recipe(yaml: yaml, overrides: assignments)
    let total = try total ?? recipe.plannedSteps()
    try recipe.fit(steps: total)
    let groups = recipe.optimizer.groups ?? []
    var chosen = ParameterGroup("default", ParameterMatch())
    if let group, group != chosen.name {
      guard let found = groups.first(where: { $0.name == group }) else {
        let names = groups.map(\.name) + ["default"]
        throw RecipeError(problems: [
          "there is no group '\(group)'; there are: \(names.joined(separator: ", "))"
        ])
      }
      chosen = found
    }
    let rule = recipe.optimizer.rule
    let values = try ScheduledValues(rule, group: chosen, schedules: recipe.allSchedules)
    let schedule = chosen.schedules.last { $0.setting == "lr" }?.schedule ?? recipe.schedule
    let settings =
      "\(type(of: rule).name) with \(Self.changed(schedule)), \(grouped(total)) steps"
    let schedules = Dictionary(
      (recipe.allSchedules + chosen.schedules).map { ($0.setting, $0.schedule) },
      uniquingKeysWith: { $1 })
    var curve = Curve(
      title: name, settings: settings, total: total, schedules: schedules,
      warnings: recipe.scheduleWarnings(steps: total))
    for (setting, schedule) in recipe.allSchedules where schedule is any MetricSchedule {
      curve.warnings.append(
        "\(setting): \(type(of: schedule).name) follows the validation and is drawn before any")
    }
    return curve.drawing { values(at: $0) }
  }

  /// A schedule with those of its settings that are not the default.
  private static func changed(_ schedule: some Schedule) -> SettingSection {
    let defaults = type(of: schedule).init().resolved
    let pairs = zip(schedule.resolved, defaults).filter { $0.0.value != $0.1.value }
    let parts = (schedule as? ScheduleSequence)?.parts ?? (schedule as? ScheduleProduct)?.parts
    return SettingSection(
      type(of: schedule).name,
      pairs.map { pair in
        guard let parts, pair.0.name == "parts" else { return pair.0 }
        return ("parts", .sections(parts.map { changed($0) }))
      })
  }

  // MARK: Reading arguments

  private static let longest = 1_000_000_000_000_000

  private static func steps(_ text: String) throws -> [Int] {
    try text.split(separator: ",").map { item in
      guard let step = Int(item.filter { $0 != " " }), (0...longest).contains(step) else {
        throw RecipeError(problems: ["--at \(text) must be steps such as 0,1,1000"])
      }
      return step
    }
  }

  private static func split(_ assignment: String) throws -> (name: String, text: String) {
    guard let equals = assignment.firstIndex(of: "=") else {
      throw RecipeError(problems: ["--set \(assignment) must have the form key=value"])
    }
    return (
      String(assignment[..<equals]), String(assignment[assignment.index(after: equals)...])
    )
  }
}

/// The values of scheduled hyperparameters over a run.
private struct Curve {
  let title: String
  let settings: String
  let total: Int
  /// The schedules by hyperparameter.
  let schedules: [String: any Schedule]
  var warnings: [String]
  var values: (Int) -> [(name: String, value: SettingValue)] = { _ in [] }

  func drawing(_ values: @escaping (Int) -> [(name: String, value: SettingValue)]) -> Curve {
    var curve = self
    curve.values = values
    return curve
  }

  /// The schedule of a hyperparameter: of the learning rate for the momentum that it cycles.
  private func schedule(_ name: String) -> any Schedule {
    schedules[name] ?? schedules["lr"] ?? Constant()
  }

  private var warmupEnd: Int { schedule("lr").warmupEnd }

  /// Each hyperparameter with its numbers.
  private func numbers(_ step: Int) -> [(name: String, numbers: [Double])] {
    values(step).map { name, value in
      switch value {
      case .number(let x): (name, [x])
      case .numbers(let list): (name, list)
      default: (name, [])
      }
    }
  }

  func json(_ step: Int) -> String {
    let fields = numbers(step).map { name, numbers in
      let list = numbers.map { "\($0)" }.joined(separator: ",")
      return "\"\(name)\":" + (numbers.count == 1 ? list : "[\(list)]")
    }
    return "{" + (["\"step\":\(step)"] + fields).joined(separator: ",") + "}"
  }

  func table(_ steps: [Int]?) -> String {
    let chosen =
      steps
      ?? Set([0, 1, warmupEnd, total / 4, total / 2, total * 3 / 4, total - 1])
      .filter { $0 < total }.sorted()
    let rows =
      [["step"] + values(0).map(\.name)]
      + chosen.map { step in
        ["\(step)"]
          + numbers(step).map {
            $0.numbers.map { String(format: "%.6g", $0) }.joined(separator: ",")
          }
      }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var lines = [settings.hasPrefix(title) ? settings : "\(title): \(settings)", ""]
    lines += rows.map { row in
      zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }
        .joined(separator: "   ")
    }
    lines.append("")
    for (name, numbers) in numbers(0) where numbers.count == 1 {
      lines.append(summary(name))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Warmup, peak and end of one hyperparameter.
  private func summary(_ name: String) -> String {
    let values = samples(200_000).map { step in
      (step, numbers(step).first { $0.name == name }?.numbers[0] ?? .nan)
    }
    let (peak, last) = (values.max { $0.1 < $1.1 }!, values.last!)
    let (warmupEnd, own) = (schedule(name).warmupEnd, schedules[name])
    let warmup = own != nil && warmupEnd > 0 ? "the warmup ends at step \(warmupEnd), " : ""
    let end = own?.end == total ? "; the schedule ends with the run" : ""
    return "\(name): \(warmup)the peak is \(short(peak.1)) at step \(peak.0), the last value "
      + "\(short(last.1)) at step \(last.0)\(end)"
  }

  /// Steps of the run: all, or so many of them with both ends and the end of the warmup.
  private func samples(_ count: Int) -> [Int] {
    if total <= count { return Array(0..<total) }
    let even = (0..<count).map { $0 * (total - 1) / (count - 1) }
    return Set(even + [warmupEnd - 1, warmupEnd].filter { (0..<total).contains($0) }).sorted()
  }

  func figure(titled: Bool) -> Figure {
    let steps = samples(1500)
    let points = steps.map(numbers)
    let charts = numbers(0).enumerated().map { row, entry in
      var chart = LineChart(
        title: titled && row == 0 ? title : "", subtitle: titled && row == 0 ? settings : "",
        x: Axis("completed optimizer steps", range: 0...Double(total)), y: Axis(entry.name))
      // Of several numbers, those that move.
      let lines = entry.numbers.indices.map { index in points.map { $0[row].numbers[index] } }
      let moving = lines.indices.filter { lines[$0].min() != lines[$0].max() }
      chart.series = (moving.isEmpty ? Array(lines.indices) : moving).map { index in
        Series(
          lines.count == 1 ? entry.name : "\(entry.name)[\(index)]",
          zip(steps, lines[index]).map { Point(Double($0), $1) })
      }
      if chart.series.count == 1 { chart.y.label = chart.series[0].name }
      let (warmupEnd, end) = (schedule(entry.name).warmupEnd, schedule(entry.name).end)
      if warmupEnd > 0 { chart.bands = [Band("warmup", 0...Double(min(warmupEnd, total)))] }
      if let end, end < total { chart.marks = [Mark("the schedule ends", .x(Double(end)))] }
      return chart
    }
    return Figure(charts)
  }
}
