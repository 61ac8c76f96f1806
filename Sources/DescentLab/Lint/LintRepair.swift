import Descent
import DescentTraining

/// A contradiction that no run can begin with, and that lint knows a way out of.
struct LintRepair {
  /// The rule that explains it.
  let rule: any LintRule.Type
  /// The key that it is about.
  let key: String
  /// What mends it.
  let changes: [LintWarning.Change]
  /// What else to say of that.
  let advice: String
  /// What the sentence of the mistake holds.
  private let sign: String

  /// Reads a recipe that is refused, with what contradicts itself mended.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of it.
  ///   - steps: the steps of the run, where they follow from the data.
  /// - Returns: the recipe, a warning for each contradiction, what mends them, and the refusal.
  /// - Throws: what is wrong with it, where more is wrong than can be mended.
  static func read(
    _ yaml: String, _ overrides: [String], steps: Int? = nil
  ) throws(RecipeError) -> (
    recipe: Recipe, found: [LintWarning], overrides: [String], refusal: RecipeError?
  ) {
    let first: RecipeError
    do throws(RecipeError) {
      return (try readFitted(yaml, overrides, steps), [], overrides, nil)
    } catch { first = error }
    let given = try Recipe.written(yaml: yaml, overrides: overrides)
    var (error, mended, found) = (first, overrides, [LintWarning]())
    var rest = candidates(given, steps)
    while true {
      // All that is wrong must be something that can be mended.
      let known = error.problems.map { problem in rest.first { problem.contains($0.sign) } }
      guard let repair = known.first ?? nil, !known.contains(where: { $0 == nil }) else {
        throw first
      }
      let problem = error.problems[0]
      found.append(repair.warning(problem, given))
      rest.removeAll { $0.key == repair.key && $0.sign == repair.sign }
      mended += repair.changes.map { "\($0.key)=\($0.value ?? "none")" }
      do throws(RecipeError) {
        return (try readFitted(yaml, mended, steps), found, mended, first)
      } catch let next { error = next }
    }
  }

  /// A recipe that a run could begin with, as far as that can be known without its data.
  private static func readFitted(
    _ yaml: String, _ overrides: [String], _ steps: Int?
  ) throws(RecipeError) -> Recipe {
    let recipe = try Recipe(yaml: yaml, overrides: overrides)
    var fitted = recipe
    if let steps = recipe.run.steps ?? steps { try fitted.fit(steps: steps) }
    return recipe
  }

  private func warning(_ problem: String, _ given: [String: String]) -> LintWarning {
    // The sentence begins with its section and ends in advice of its own.
    let sentence =
      problem.contains(/^[a-z_.]+:\s/) ? problem.drop { $0 != " " }.dropFirst() : problem[...]
    let reason = sentence.prefix { $0 != ";" && $0 != ":" }
    return LintWarning(
      rule: rule.name, place: key + (given[key].map { "=\($0)" } ?? ""), reason: String(reason),
      source: rule.source, fix: LintWarning.fix(changes, advice), changes: changes)
  }

  private static func candidates(_ given: [String: String], _ length: Int?) -> [LintRepair] {
    var all: [LintRepair] = []
    if given["optimizer.name"] == "adafactor" {
      let start = given["optimizer.warmup_init"] == "true"
      all.append(
        LintRepair(
          rule: AdafactorModes.self, key: "optimizer.lr",
          changes: [
            .init("optimizer.relative_step", "false"), .init("optimizer.scale_parameter", "false"),
          ] + (start ? [.init("optimizer.warmup_init", "false")] : []),
          advice: "or leave out lr, and steps are relative to the weights",
          sign: "contradicts relative_step=true"))
      all.append(
        LintRepair(
          rule: AdafactorModes.self, key: "optimizer.warmup_init",
          changes: [.init("optimizer.warmup_init", "false")],
          advice: "schedule.warmup takes its place", sign: "warmup_init=true needs"))
    }
    for (floor, ratio) in [("floor", "floor_ratio"), ("min_lr", "min_lr_rate")]
    where given["schedule.\(floor)"] != nil {
      all.append(
        LintRepair(
          rule: RisingSchedule.self, key: "schedule.\(floor)",
          changes: [.init("schedule.\(floor)", nil), .init("schedule.\(ratio)", "0.1")],
          advice: "a tenth of the peak, whatever that is", sign: "\(floor)="))
    }
    let steps = given["steps"].flatMap(Double.init) ?? length.map(Double.init)
    if given["schedule.total"] == nil, let steps, let warmup = given["schedule.warmup"] {
      let usual = NoWarmup.usualWarmup(Int(min(max(1, steps), 1e15)))
      all.append(
        LintRepair(
          rule: WarmupTooLong.self, key: "schedule.warmup",
          changes: [.init("schedule.warmup", usual)], advice: "instead of \(warmup)",
          sign: "is longer than total="))
    }
    if let total = given["schedule.total"], let warmup = given["schedule.warmup"] {
      let isPasses = given["epochs"].flatMap(Double.init).map {
        abs($0 - (Double(total) ?? 0)) <= 1
      }
      let isShort = steps.map { ($0 / 2) > (Double(total) ?? 0) } ?? true
      all.append(
        isPasses == true || isShort
          ? LintRepair(
            rule: isPasses == true ? SchedulePerEpoch.self : ScheduleEndsEarly.self,
            key: "schedule.total", changes: [.init("schedule.total", "none")],
            advice: "the schedule is then as long as the run; it counts optimizer steps",
            sign: "is longer than total=")
          : LintRepair(
            rule: WarmupTooLong.self, key: "schedule.warmup",
            changes: [
              .init(
                "schedule.warmup", NoWarmup.usualWarmup(Int(total) ?? 1000))
            ],
            advice: "instead of \(warmup)", sign: "is longer than total="))
    }
    return all
  }
}
