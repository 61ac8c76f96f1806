import Descent
import DescentTraining

/// `prodigy_clipping`: clipped gradients for a rule that reads its step size off them.
enum ProdigyClipping: LintRule {
  static let name = "prodigy_clipping"
  static let summary = "gradient clipping with Prodigy or D-Adaptation"
  static let source = "prodigyopt's issue 13: clipping and the estimate of d feed on each other"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    guard let part = subject.parts.first(where: \.findsRate) else { return [] }
    let clip = subject.recipe.plan.clip
    let limits = [
      ("clip.norm", clip.norm), ("clip.value", clip.value), ("clip.tensor_norm", clip.tensorNorm),
      ("clip.adaptive", clip.adaptive),
    ]
    return limits.compactMap { key, limit in
      guard let limit else { return nil }
      return warning(
        in: subject, at: key, SettingValue.text(of: limit),
        because: "\(part.ruleName) estimates its step size d from the gradients, and a limit of "
          + "\(SettingValue.text(of: limit)) shrinks just the large ones: d comes out wrong, and "
          + "where every step is clipped it can grow without end",
        changes: [.init(key, "none")], advice: "bound d by growth_rate instead if it runs away")
    }
  }
}
