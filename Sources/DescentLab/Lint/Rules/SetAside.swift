import Descent
import DescentTraining

/// `set_aside`: settings that another takes the place of.
enum SetAside: LintRule {
  static let name = "set_aside"
  static let summary = "settings that have no effect, because others take their place"
  static let source = "Descent, descent schedule --help"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.fitted.plan.remarks.map { remark in
      warning(
        in: subject, at: remark.setting == "lr" ? "optimizer.lr" : "optimizer.\(remark.setting)",
        because: remark.reason, advice: remark.advice)
    }
  }
}
