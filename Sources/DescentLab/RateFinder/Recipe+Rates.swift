import Descent
import DescentTraining
import Foundation

// What a recipe becomes for a trial: the same model, data, rule, clipping and accumulation, shorter,
// and with the learning rate that is tried.

extension Recipe {
  /// The rate that acts at the peak of the recipe: that of a schedule with a peak of its own, else the
  /// rule's.
  var peakRate: Double? { rateSchedule?.ownPeak?.value ?? plan.rule.rate }

  /// The schedule of the learning rate.
  package var rateSchedule: (any Schedule)? { plan.schedules.last { $0.setting == "lr" }?.schedule }

  /// The recipe with another learning rate; groups with rates of their own keep their ratio to it.
  func with(rate: Double) throws -> Recipe {
    var recipe = self
    let before = plan.rule.rate ?? Self.fallbackRate
    let factor = before > 0 ? rate / before : 1
    try recipe.plan.rule.apply([("lr", SettingValue.text(of: rate))])
    for index in (plan.groups ?? []).indices {
      guard let own = plan.groups?[index].ownRate else { continue }
      let text = SettingValue.text(of: own * factor)
      recipe.plan.groups?[index].settings.removeAll { $0.name == "lr" }
      recipe.plan.groups?[index].settings.append(("lr", text))
    }
    return recipe
  }

  /// The base of a rule that has none yet, such as Adafactor's when it is given one.
  static let fallbackRate = 1e-3

  /// The recipe of a sweep: as many steps, whose rates are `rates` for what has the rule's rate.
  package func sweep(_ rates: [Double], seed: Int) throws -> Recipe {
    // A base of 1, so that each group multiplies by its ratio.
    var recipe = try trial(steps: rates.count).with(rate: 1)
    recipe.run.seed = seed
    let ramp = Lambda { step, base in base * rates[min(step, rates.count - 1)] }
    recipe.setSchedules { $0 == nil ? ramp : nil }
    return recipe
  }

  /// The recipe of a probe: its whole schedule in fewer steps, at another peak.
  ///
  /// - Parameters:
  ///   - rate: the peak.
  ///   - steps: how many steps the probe takes.
  ///   - total: those of the run.
  package func probe(rate: Double, steps: Int, of total: Int) throws -> Recipe {
    var fitted = self
    fitted.average = nil
    try fitted.fit(steps: total)
    var recipe = try fitted.trial(steps: steps).with(rate: rate)
    recipe.setSchedules { schedule in
      schedule.map { CompressedSchedule($0, steps: total, in: steps) }
    }
    return recipe
  }

  /// The recipe without what a trial has no use for: evaluations on the way, instruments, samples,
  /// event files, checkpoints, averages that leave the weights alone, going back, and schedules that
  /// follow a metric.
  private func trial(steps: Int) -> Recipe {
    var recipe = self
    (recipe.run.steps, recipe.run.epochs) = (steps, nil)
    recipe.run.nonFinite = .stop
    (recipe.evaluate.every, recipe.evaluate.start) = (0, false)
    recipe.checkpoint = CheckpointSettings()
    recipe.spike = SpikeSettings()
    (recipe.log, recipe.instruments) = (LogSettings(), InstrumentSettings())
    if let average, !type(of: average).movesWeights { recipe.average = nil }
    recipe.plan.schedules.removeAll { $0.setting != "lr" && $0.schedule is any MetricSchedule }
    return recipe
  }

  /// Puts others in the place of the schedules of learning rates: `change` is given the plan's (nil
  /// where it has none), then those of groups.
  private mutating func setSchedules(_ change: ((any Schedule)?) -> (any Schedule)?) {
    let own = rateSchedule.flatMap { $0 is any MetricSchedule ? nil : $0 }
    plan.schedules.removeAll { $0.setting == "lr" }
    if let new = change(own) ?? change(nil) { plan.schedules.append(("lr", new)) }
    for index in (plan.groups ?? []).indices {
      let before = plan.groups?[index].schedules.last { $0.setting == "lr" }
      plan.groups?[index].schedules.removeAll { $0.setting == "lr" }
      guard let before, !(before.schedule is any MetricSchedule),
        let new = change(before.schedule)
      else { continue }
      plan.groups?[index].schedules.append(("lr", new))
    }
  }
}

extension ParameterGroup {
  /// The learning rate that it has for itself; nil where it has the plan's, or finds its own.
  var ownRate: Double? {
    if isFrozen { return nil }
    if let text = settings.last(where: { $0.name == "lr" })?.text { return Double(text) }
    return rule.flatMap { OwnRate($0) == nil ? $0.rate : nil }
  }
}

/// A schedule that runs through the whole of another in fewer steps.
///
/// ```
/// η(t) = η′(t·(T′ − 1)/(T − 1)),  where η′ has T′ steps and this one T
/// ```
struct CompressedSchedule: Schedule {
  private var inner: any Schedule = Constant()
  private var (steps, total) = (1, 1)

  init() {}

  init(_ inner: any Schedule, steps total: Int, in steps: Int) {
    (self.inner, self.total, self.steps) = (inner, total, steps)
  }

  static let name = "compressed"
  static let settings: [Setting<CompressedSchedule>] = []
  static let about = About(
    summary: "another schedule in fewer steps", formula: "η(t) = η′(t·(T′ − 1)/(T − 1))",
    reference: "none")

  /// The place in the schedule that is run through.
  private func place(_ step: Int) -> Int {
    let share = Double(step) / Double(max(1, steps - 1))
    return Int((share * Double(total - 1)).rounded())
  }

  func value(at step: Int, base: Double) -> Double {
    let value = inner.value(at: place(step), base: base)
    // A peak of its own would make all rates one.
    guard let peak = inner.ownPeak?.value, peak > 0 else { return value }
    return value * base / peak
  }

  var momentum: (any Schedule)? {
    inner.momentum.map { CompressedSchedule($0, steps: total, in: steps) }
  }
}
