import Descent
import DescentTraining

/// `schedule_free_schedule`: a schedule for rules whose averaging takes its place.
enum ScheduleFreeSchedule: LintRule {
  static let name = "schedule_free_schedule"
  static let summary = "a falling schedule with a schedule-free rule"
  static let source = """
    Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682; schedulefree's README
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      guard part.ruleName.hasPrefix("schedule-free"), let peak = part.peak,
        let last = part.rates.last?.rate, last < 0.5 * peak
      else { return nil }
      let warmup = part.plan.schedules.last { $0.setting == "lr" }?.schedule.warmupEnd
      let key = part.key("warmup_steps")
      let keep = (part.number("warmup_steps") ?? 0) == 0 ? warmup ?? 0 : 0
      return warning(
        in: subject, at: "schedule.name", subject.scheduleName,
        because: "\(part.ruleName) averages its steps in place of a schedule; with one on top lr "
          + "falls from \(short(peak)) to \(short(last)), and the last steps hardly count",
        changes: (keep > 0 ? [.init(key, keep)] : []) + [.init("schedule", nil)],
        advice: keep > 0 ? "warmup_steps warms up in its place" : "")
    }.withoutRepeats
  }
}
