public import Descent
public import DescentTraining

/// The values of scheduled hyperparameters over a run: of one schedule, or of a recipe, where each
/// parameter group with values of its own has its own curves.
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
  /// The curves of the default group, or of the only one; then those of groups that differ.
  private let parts: [Part]

  /// What one parameter group follows.
  private struct Part: Sendable {
    /// The group; nil where the name says nothing.
    var group: String?
    /// The schedules by hyperparameter.
    let schedules: [String: any Schedule]
    let values: @Sendable (Int) -> [(name: String, value: SettingValue)]
  }

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
      if let objection = schedule.objection(base: base) {
        throw .contradiction(objection.sentence(driving: "lr", base))
      }
      if let problem = schedule.overflow(driving: "lr", base) { throw .contradiction(problem) }
      try schedule.validate()
    } catch { throw SettingErrors([error]) }

    (title, self.settings, self.total) = (name, Self.changed(schedule).description, total)
    warnings = schedule.warnings(steps: total)
    let values: @Sendable (Int) -> [(name: String, value: SettingValue)]
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
    parts = [Part(schedules: ["lr": schedule], values: values)]
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
  ///   - group: the only parameter group to show; by default the one of all that no other takes, and
  ///     those whose values differ from that one's.
  /// - Throws: what contradicts a run of so many steps; for a group that there is not; errors of the
  ///   data, which is read where it says how long the run is.
  public init(_ recipe: Recipe, called name: String, total: Int? = nil, group: String? = nil) throws
  {
    var recipe = recipe
    let total = try total.map(Self.checked) ?? recipe.plannedSteps()
    try recipe.fit(steps: total)
    let plan = recipe.plan
    let groups = (plan.groups ?? []).filter { !$0.isFrozen } + [.rest]
    if let group, !groups.contains(where: { $0.name == group }) {
      let names = groups.map(\.name)
      throw RecipeError(problems: [
        "there is no group '\(quotable(group))'; there are: \(names.joined(separator: ", "))"
      ])
    }
    func part(_ group: ParameterGroup) throws -> Part {
      let values = try plan.scheduledValues(of: group)
      return Part(
        group: group.name,
        schedules: Dictionary(values.schedules.map { ($0.setting, $0.schedule) }) { $1 },
        values: { values(at: $0) })
    }
    var parts: [Part] = []
    if let group {
      parts = try groups.filter { $0.name == group }.map(part)
    } else {
      let rest = try part(.rest)
      let landmarks = [0, 1, total / 4, total / 2, total * 3 / 4, total - 1]
      parts =
        try [rest]
        + groups.dropLast().map(part).filter { part in
          landmarks.contains { step in
            let (own, its) = (part.values(step), rest.values(step))
            return own.map(\.name) != its.map(\.name) || own.map(\.value) != its.map(\.value)
          }
        }
    }
    parts[0].group = nil
    self.parts = parts
    (title, self.total) = (name, total)
    let rule = groups.first { $0.name == group }?.rule.map { type(of: $0).name } ?? plan.ruleName
    let schedule = parts[0].schedules["lr"].map { " with \(Self.changed($0))" } ?? ""
    settings =
      "\(rule)\(schedule), " + (group.map { "group \($0), " } ?? "") + counted(total, "step")
    warnings =
      recipe.scheduleWarnings(steps: total)
      + (plan.layers.decay == nil
        ? []
        : [
          "layer_decay lowers lr from layer to layer: the curve is that of what comes after the last"
        ])
    awaitsMetric = Set(
      parts.flatMap { part in
        part.schedules.filter { $0.value is any MetricSchedule }.map(\.key)
      }
    ).sorted()
  }

  /// A schedule with those of its settings that are not the default.
  private static func changed(_ schedule: some Schedule) -> SettingSection {
    let parts = (schedule as? any CompositeSchedule)?.parts
    return SettingSection(
      type(of: schedule).name,
      schedule.changes.map { change in
        guard let parts, change.name == "parts" else { return change }
        return ("parts", .sections(parts.map { changed($0) }))
      })
  }

  // MARK: What it is made of

  /// A hyperparameter of a group, at some step.
  package struct Entry {
    /// The hyperparameter.
    package let setting: String
    /// The group; nil for the default one, and where there is one alone.
    let group: String?
    /// Its numbers, one or several.
    package let numbers: [Double]
    /// Its schedule, or the learning rate's that cycles it.
    let schedule: any Schedule
    /// Whether that schedule is its own.
    let hasSchedule: Bool

    /// `lr`, or `lr.head` for a group, as in the metrics of a run.
    var name: String { group.map { "\(setting).\($0)" } ?? setting }
  }

  /// The hyperparameters that have numbers, as step `step` + 1 uses them, group by group.
  package func entries(at step: Int) -> [Entry] {
    parts.flatMap { part in
      part.values(step).compactMap { name, value in
        let numbers: [Double]? =
          switch value {
          case .number(let x): [x]
          case .numbers(let list): list
          default: nil
          }
        return numbers.map {
          Entry(
            setting: name, group: part.group, numbers: $0,
            schedule: part.schedules[name] ?? part.schedules["lr"] ?? Constant(),
            hasSchedule: part.schedules[name] != nil)
        }
      }
    }
  }

  /// The step at which the warmup of the learning rate is over.
  var warmupEnd: Int { parts[0].schedules["lr"]?.warmupEnd ?? 0 }

  /// Steps of the run: all, or so many of them with both ends and the ends of warmups.
  func samples(_ count: Int) -> [Int] {
    if total <= count { return Array(0..<total) }
    let even = (0..<count).map { $0 * (total - 1) / (count - 1) }
    let corners = parts.flatMap {
      [($0.schedules["lr"]?.warmupEnd ?? 0) - 1, $0.schedules["lr"]?.warmupEnd ?? 0]
    }
    return Set(even + corners.filter { (0..<total).contains($0) }).sorted()
  }
}

/// The `lr` that a curve starts from.
private struct Base: Configurable {
  var value = 1.0
  static let name = "schedule"
  static let settings: [Setting<Base>] = [.number("lr", \.value, .atLeast(0), "the base")]
}
