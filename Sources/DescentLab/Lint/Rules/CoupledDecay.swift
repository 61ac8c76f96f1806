import Descent

/// `coupled_decay`: L2 in the gradient of a rule that divides by the gradient's size.
enum CoupledDecay: LintRule {
  static let name = "coupled_decay"
  static let summary = "L2 regularization inside an adaptive step"
  static let source =
    "Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      let flags = ["decoupled_weight_decay", "decouple"]
      guard let flag = flags.first(where: part.rule.has), part.ruleName != "lion",
        !part.isOn(flag), let decay = part.number("weight_decay"), decay > 0
      else { return nil }
      return warning(
        in: subject, at: part.key("weight_decay"), part.text("weight_decay"),
        because: "\(part.ruleName) adds λ·w to the gradient (λ = \(SettingValue.text(of: decay))) "
          + "and then divides by the root of its square: weights with large gradients are hardly "
          + "decayed, others far more than λ says",
        changes: [.init(part.key(flag), "true")],
        advice: "λ then acts as in adamw, where 0.01 to 0.1 is usual")
    }.withoutRepeats
  }
}
