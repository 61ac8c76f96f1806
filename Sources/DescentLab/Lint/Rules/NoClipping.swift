import Descent
import DescentTraining

/// `no_clipping`: a transformer without a limit on its gradients.
enum NoClipping: LintRule {
  static let name = "no_clipping"
  static let summary = "a transformer without gradient clipping"
  static let source = """
    Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165 (norm 1); Pascanu et \
    al., 2013, arXiv:1211.5063
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    let clip = subject.recipe.plan.clip
    let isClipped =
      clip.norm != nil || clip.value != nil || clip.tensorNorm != nil || clip.adaptive != nil
    guard subject.isTransformer, !isClipped,
      let part = subject.parts.first(where: { !$0.limitsSteps })
    else { return [] }
    return [
      warning(
        in: subject, at: "clip.norm", "none",
        because:
          "nothing limits the gradients of a transformer, and \(part.ruleName) has no limit of "
          + "its own: one bad batch now and then makes a spike of the loss or NaN",
        changes: [.init("clip.norm", "1")],
        advice: "clips only what is above the usual; descent diagnose says from a log whether 1 "
          + "fits")
    ]
  }
}
