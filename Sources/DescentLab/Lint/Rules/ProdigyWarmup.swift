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
      return warning(
        in: subject, at: key, "false",
        because:
          "lr rises over the first \(counted(part.warmup + 1, "step")): \(part.ruleName) sees "
          + "slow progress there, takes it for a step size that is too small, and overestimates d",
        changes: [.init(key, "true")])
    }.withoutRepeats
  }
}
