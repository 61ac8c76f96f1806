import Descent
import DescentTraining

/// `set_aside`: settings that another takes the place of.
enum SetAside: LintRule {
  static let name = "set_aside"
  static let summary = "settings that have no effect, because others take their place"
  static let source = "Descent, descent schedule --help"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.fitted.plan.remarks.compactMap { remark in
      let key = "optimizer.\(remark.setting)"
      // A default that nobody wrote misleads nobody.
      let isWritten = subject.given.keys.contains {
        $0 == key || $0.hasSuffix("].\(remark.setting)")
      }
      if remark.isReplaced, !isWritten, !subject.given.isEmpty { return nil }
      return warning(in: subject, at: key, because: remark.reason, advice: remark.advice)
    }
  }
}
