import Descent

/// `coarse_state`: averages and constants that a format cannot hold.
enum CoarseState: LintRule {
  static let name = "coarse_state"
  static let summary = "betas or eps that the format of state or arithmetic cannot hold"
  static let source = """
    Micikevicius et al., Mixed Precision Training, 2018, arXiv:1710.03740; Zamirai et al., 2020, \
    arXiv:2010.06192
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.flatMap { part -> [LintWarning] in
      let update = subject.facts.updateFormat
      let isForeign = update != .float32
      let format = isForeign ? update : part.plan.storage.format == .bfloat16 ? .bfloat16 : .float32
      let state = part.plan.group.settings.contains { $0.name == "state" }
      let stateKey = state ? part.key("state") : "optimizer.state"
      let name = format == .float16 ? "fp16" : "bf16"
      var found: [LintWarning] = []
      for setting in ["betas", "adamw_betas", "alpha", "shampoo_beta"] where format != .float32 {
        let slow = part.numbers(setting).filter { $0 < 1 && 1 - $0 < format.unitRoundoff / 2 }
        guard let beta = slow.max() else { continue }
        let isOne = format.nearest(to: Float(beta)) == 1
        found.append(
          warning(
            in: subject, at: part.key(setting), part.text(setting),
            because: "an average in \(name) with β=\(SettingValue.text(of: beta)) cannot fall: "
              + "\(short(1 - beta)) of it a step is less than half the distance to the next number, so "
              + "rounding undoes it and one large gradient slows a weight for good"
              + (isOne ? "; β itself rounds to 1" : ""),
            changes: [.init(stateKey, "float32")],
            advice: subject.isForeign
              ? "weights and state then stay in 32 bits; or a β of 0.99"
              : "or state=int8, whose codes hold it, or a β of 0.99"))
      }
      for setting in ["eps", "adamw_eps"] where part.rule.has(setting) && part.isAdamLike {
        guard let epsilon = part.number(setting) else { continue }
        let held = (isForeign ? format : .float32).nearest(to: Float(epsilon))
        guard held == 0 else { continue }
        let words = isForeign ? name : "float32"
        found.append(
          warning(
            in: subject, at: part.key(setting), SettingValue.text(of: epsilon),
            because: (epsilon == 0
              ? "without ε" : "ε=\(SettingValue.text(of: epsilon)) is 0 in \(words), and so")
              + " a weight whose gradients are 0 is divided 0 by 0: NaN",
            changes: [.init(part.key(setting), isForeign && format == .float16 ? "1e-6" : "1e-8")],
            source: "Kingma and Ba, Adam, 2015, arXiv:1412.6980: 1e-8"))
      }
      return found
    }.withoutRepeats
  }
}
