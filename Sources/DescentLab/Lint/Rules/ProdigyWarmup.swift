import Descent

/// `prodigy_warmup`: a warmup that makes the estimate of d too large.
enum ProdigyWarmup: LintRule {
  static let name = "prodigy_warmup"
  static let summary = "Prodigy with a warmup and without safeguard_warmup"
  static let source = "prodigyopt's README, Scheduler: use safeguard_warmup=True with a warmup"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      guard part.rule.has("safeguard_warmup"), !part.isOn("safeguard_warmup"), part.warmup > 0
      else { return nil }
      let key = part.key("safeguard_warmup")
      let schedule = part.plan.schedules.last { $0.setting == "lr" }?.schedule
      let steps = schedule.map { $0.warmupEnd > 0 ? $0.warmupEnd : part.warmup + 1 }
      return warning(
        in: subject, at: key, "false",
        because:
          "lr rises over the first \(counted(steps ?? part.warmup + 1, "step")): \(part.ruleName) sees "
          + "slow progress there, takes it for a step size that is too small, and overestimates d",
        changes: [.init(key, "true")])
    }.withoutRepeats
  }
}
