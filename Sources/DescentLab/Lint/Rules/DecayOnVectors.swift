import Descent
import DescentTraining

/// `decay_on_norms`: weight decay on norms and biases.
enum DecayOnVectors: LintRule {
  static let name = "decay_on_norms"
  static let summary = "weight decay on norms and biases"
  static let source = """
    He et al., Bag of Tricks for Image Classification, 2019, arXiv:1812.01187; nanoGPT decays \
    matrices alone
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    // Adapters are matrices.
    if subject.facts.isLowRank == true { return [] }
    if subject.recipe.plan.groups?.isEmpty == true {
      guard let part = subject.parts.first, let found = vectors(part, subject),
        !subject.isNegligible(part.number("weight_decay") ?? 0, part)
      else { return [] }
      let (key, decay) = ("optimizer.groups", part.key("weight_decay"))
      if let tool = subject.tool {
        return [
          warning(
            in: subject, at: decay, part.text("weight_decay"), because: found,
            advice: "\(tool) decays all that it trains, or nothing: \(subject.name(of: decay))=0 "
              + "spares norms and biases, with the rest")
        ]
      }
      return [
        warning(
          in: subject, at: key, "[]", because: found, changes: [.init(key, nil)],
          advice: "without it, scalars and vectors are not decayed")
      ]
    }
    return subject.parts.compactMap { part in
      guard let found = vectors(part, subject), let number = part.plan.number else { return nil }
      let key = part.key("weight_decay")
      let areAlone = part.plan.parameters.allSatisfy(isVector)
      return warning(
        in: subject, at: key, part.text("weight_decay"), because: found,
        changes: areAlone ? [.init(key, "0")] : [],
        advice: areAlone
          ? ""
          : "put a group {rank: 0-1, weight_decay: 0} before group \(number), or leave "
            + "weight_decay out of the group: the plan's own spares norms and biases")
    }
  }

  private static func isVector(_ parameter: ParameterInfo) -> Bool {
    parameter.shape.count < 2 || [.norm, .bias].contains(parameter.role)
  }

  private static func vectors(_ part: LintPart, _ subject: LintSubject) -> String? {
    guard let decay = part.number("weight_decay"), decay > 0 || part.raises("weight_decay") else {
      return nil
    }
    let found = part.plan.parameters.filter(isVector)
    if found.isEmpty { return nil }
    let which =
      subject.facts.parameters == nil
      ? "norms and biases too" : "\(few(found.map(\.name))) too"
    return
      "λ = \(part.text("weight_decay") ?? "0") decays \(which): pulling a gain or a bias toward 0 "
      + "changes what the layer computes and does not regularize it"
  }
}
