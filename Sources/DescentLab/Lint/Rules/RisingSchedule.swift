import Descent

/// `rises_above_base`: a schedule that goes above the rate it starts from.
enum RisingSchedule: LintRule {
  static let name = "rises_above_base"
  static let summary = "a schedule that rises above its base"
  static let source =
    "Goyal et al., Accurate, Large Minibatch SGD, 2017: schedules warm up to the base and fall"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      guard let peak = part.peak, let base = part.number("lr"), base > 0,
        let schedule = part.plan.schedules.last(where: { $0.setting == "lr" })?.schedule,
        schedule.ownPeak == nil, peak > 1.001 * base
      else { return nil }
      let step = part.rates.last { $0.rate == peak }?.step ?? 0
      let section = subject.section(of: "lr", in: part)
      let factor = ["gamma", "end_factor", "start_factor", "factor"].first { name in
        subject.given["\(section).\(name)"].flatMap(Double.init).map { $0 > 1 } ?? false
      }
      let key = factor.map { "\(section).\($0)" }
      let value = key.flatMap { subject.given[$0] }.flatMap(Double.init) ?? 1
      let tamed = factor == "gamma" ? 1 / value : 1
      return warning(
        in: subject, at: key ?? "\(section).name", type(of: schedule).name,
        because:
          "\(type(of: schedule).name) raises lr from \(short(base)) to \(short(peak)) at step "
          + "\(grouped(step + 1)), \(short(peak / base)) times the rate that is set: what is meant as "
          + "the largest rate is the smallest",
        changes: key.map { [.init($0, tamed.rounded(digits: 4))] } ?? [],
        advice: key == nil ? "choose a schedule that falls, or set lr to the peak" : "")
    }.withoutRepeats
  }
}
