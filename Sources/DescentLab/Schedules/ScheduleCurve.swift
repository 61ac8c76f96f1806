public import Descent
public import DescentTraining

/// The values of scheduled hyperparameters over a run: of one schedule, or of a group of a recipe.
public struct ScheduleCurve: Sendable {
  /// The name of the schedule or of the recipe.
  public let title: String
  /// What was chosen, in words.
  public let settings: String
  /// T: the steps of the run.
  public let total: Int
  /// What does not go together with a run of so many steps.
  public let warnings: [String]
  /// Hyperparameters whose schedule follows a metric that was not given.
  public let awaitsMetric: [String]
  /// The schedules by hyperparameter.
  private let schedules: [String: any Schedule]
  private let values: @Sendable (Int) -> [(name: String, value: SettingValue)]

  /// The largest number of steps.
  public static let longest = 1_000_000_000_000_000

  /// The curve of one schedule.
  ///
  /// - Parameters:
  ///   - name: here, in torch or at Hugging Face.
  ///   - settings: its settings by name, and `lr`, the base, 1 unless it is given.
  ///   - total: T; by default the schedule's own end, else the length of `metric`, else 1000.
  ///   - metric: what a schedule that follows a metric sees, a value a step.
  /// - Throws: all that is wrong with the settings; a metric for a schedule that follows none.
  public init(
    schedule name: String, _ settings: [(name: String, text: String)] = [], total: Int? = nil,
    metric: [Double]? = nil
  ) throws(SettingErrors) {
    let base = try Base(settings.filter { $0.name == "lr" }).value
    var schedule = try Schedules.make(name, settings.filter { $0.name != "lr" })
    let end = schedule.end.map { min(max(1, $0), Self.longest) }
    let total = try total.map(Self.checked) ?? end ?? metric.map { $0.count + 1 } ?? 1000
    schedule.fit(totalSteps: total)
    do throws(SettingError) {
      try schedule.validate()
    } catch { throw SettingErrors([error]) }

    (title, self.settings, self.total) = (name, Self.changed(schedule).description, total)
    (schedules, warnings) = (["lr": schedule], schedule.warnings(steps: total))
    if let follower = schedule as? any MetricSchedule {
      awaitsMetric = metric == nil ? ["lr"] : []
      let rates = Self.rates(of: follower, base, metric ?? [])
      values = { [("lr", .number(rates[min($0, rates.count - 1)]))] }
    } else if metric != nil {
      throw SettingErrors([.contradiction("\(name) follows no metric, so it cannot be given one")])
    } else {
      awaitsMetric = []
      values = { [schedule] step in
        let momentum = schedule.momentum.map { $0.value(at: step, base: 0) }
        return [("lr", .number(schedule.value(at: step, base: base)))]
          + (momentum.map { [("momentum", .number($0))] } ?? [])
      }
    }
  }

  private static func checked(_ total: Int) throws(SettingErrors) -> Int {
    guard (1...longest).contains(total) else {
      throw SettingErrors([
        .outOfRange(name: "total", given: "\(total)", allowed: "from 1 step to 1e15 steps")
      ])
    }
    return total
  }

  /// The rates of a schedule that sees the given metrics, one after each step.
  private static func rates(
    of schedule: some MetricSchedule, _ base: Double, _ metric: [Double]
  ) -> [Double] {
    var schedule = schedule
    return [schedule.value(at: 0, base: base)]
      + metric.enumerated().map { step, value in
        schedule.observe(value)
        return schedule.value(at: step + 1, base: base)
      }
  }

  /// The true curves of a recipe, as its optimizer sets them at each step.
  ///
  /// - Parameters:
  ///   - recipe: the recipe.
  ///   - name: what the reader calls it.
  ///   - total: T; by default the recipe's own steps.
  ///   - group: the parameter group; by default the one of all that no other takes.
  /// - Throws: what contradicts a run of so many steps; for a group that there is not; errors of the
  ///   data, which is read where it says how long the run is.
  public init(_ recipe: Recipe, called name: String, total: Int? = nil, group: String? = nil) throws
  {
    var recipe = recipe
    let total = try total.map(Self.checked) ?? recipe.plannedSteps()
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
    (title, self.total) = (name, total)
    settings =
      "\(type(of: rule).name) with \(Self.changed(schedule)), \(counted(total, "step"))"
    schedules = Dictionary(
      (recipe.allSchedules + chosen.schedules).map { ($0.setting, $0.schedule) },
      uniquingKeysWith: { $1 })
    warnings = recipe.scheduleWarnings(steps: total)
    awaitsMetric = schedules.filter { $0.value is any MetricSchedule }.map(\.key).sorted()
    self.values = { values(at: $0) }
  }

  /// A schedule with those of its settings that are not the default.
  private static func changed(_ schedule: some Schedule) -> SettingSection {
    let parts = (schedule as? ScheduleSequence)?.parts ?? (schedule as? ScheduleProduct)?.parts
    return SettingSection(
      type(of: schedule).name,
      schedule.changes.map { change in
        guard let parts, change.name == "parts" else { return change }
        return ("parts", .sections(parts.map { changed($0) }))
      })
  }

  // MARK: What it is made of

  /// The hyperparameters that have numbers, each with them, as step `step` + 1 uses them.
  func numbers(at step: Int) -> [(name: String, numbers: [Double])] {
    values(step).compactMap { name, value in
      switch value {
      case .number(let x): (name, [x])
      case .numbers(let list): (name, list)
      default: nil
      }
    }
  }

  /// The schedule of a hyperparameter: the learning rate's for the momentum that it cycles.
  func schedule(of name: String) -> any Schedule {
    schedules[name] ?? schedules["lr"] ?? Constant()
  }

  /// Whether a hyperparameter has a schedule of its own.
  func hasSchedule(_ name: String) -> Bool { schedules[name] != nil }

  /// Steps of the run: all, or so many of them with both ends and the end of the warmup.
  func samples(_ count: Int) -> [Int] {
    if total <= count { return Array(0..<total) }
    let even = (0..<count).map { $0 * (total - 1) / (count - 1) }
    let warmupEnd = schedule(of: "lr").warmupEnd
    return Set(even + [warmupEnd - 1, warmupEnd].filter { (0..<total).contains($0) }).sorted()
  }
}

/// The `lr` that a curve starts from.
private struct Base: Configurable {
  var value = 1.0
  static let name = "schedule"
  static let settings: [Setting<Base>] = [.number("lr", \.value, .atLeast(0), "the base")]
}
