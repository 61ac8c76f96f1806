import Descent

/// `decay_off`: a rule that is chosen for its decoupled decay, without decay.
enum DecayOff: LintRule {
  static let name = "decay_off"
  static let summary = "decoupled weight decay that is off where it is expected"
  static let source = """
    Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101; \
    torch.optim.AdamW has 0.01
    """

  /// Rules whose authors decay the weights in all that they report.
  private static let decaying = ["adamw", "lion", "sophia-g", "sophia-h", "muon"]

  static func check(_ subject: LintSubject) -> [LintWarning] {
    // Of adapters the reference implementations decay some and leave others.
    if subject.facts.isLowRank == true { return [] }
    let matrices = subject.parts.filter { part in
      !part.plan.isVectors && part.plan.parameters.contains { $0.shape.count > 1 }
    }
    let isOff = matrices.allSatisfy { part in
      (part.number("weight_decay") ?? 0) == 0 && !part.follows("weight_decay")
    }
    guard isOff, let part = matrices.first(where: { decaying.contains($0.ruleName) }) else {
      return []
    }
    // AdamW's, and of Lion's rates, which are about a fifth of that, five times as much.
    let usual =
      (subject.isTransformer && subject.facts.isFineTuning == false ? 0.1 : 0.01)
      * (part.ruleName == "lion" ? Literature.lionFactor : 1)
    if subject.isNegligible(usual, part) { return [] }
    let key = part.key("weight_decay")
    let remark =
      part.ruleName == "adamw"
      ? "decoupled decay is what sets adamw apart, and without it this is adam"
      : "\(part.ruleName)'s authors decay the weights in all that they report"
    return [
      warning(
        in: subject, at: key, "0",
        because: "no weight is decayed (λ = 0): \(remark)",
        changes: [.init(key, usual)],
        advice: part.ruleName == "lion" ? "5 times AdamW's, as Lion's rates are so much lower" : "")
    ]
  }
}
