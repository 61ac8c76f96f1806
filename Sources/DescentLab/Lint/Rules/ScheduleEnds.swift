import Descent

/// `schedule_ends_early`: training goes on at the last value.
enum ScheduleEndsEarly: LintRule {
  static let name = "schedule_ends_early"
  static let summary = "a schedule that ends before training does"
  static let source = """
    Hoffmann et al., Training Compute-Optimal Large Language Models, 2022, arXiv:2203.15556, \
    appendix B: a cosine as long as the run
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.lengthWarnings(.early, Self.self)
  }
}

/// `schedule_ends_late`: training ends in the middle of the curve.
enum ScheduleEndsLate: LintRule {
  static let name = "schedule_ends_late"
  static let summary = "a schedule that training ends in the middle of"
  static let source = ScheduleEndsEarly.source

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.lengthWarnings(.late, Self.self)
  }
}

/// `warmup_too_long`: the full rate is never reached, or only at the end.
enum WarmupTooLong: LintRule {
  static let name = "warmup_too_long"
  static let summary = "a warmup that takes most of the run"
  static let source = "Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677"

  static func check(_ subject: LintSubject) -> [LintWarning] {
    let half = ScheduleLength.all(subject).compactMap { length -> LintWarning? in
      guard case .longWarmup = length.fault else { return nil }
      let (warmup, key) = (length.schedule.warmupEnd, length.warmupKey(subject))
      return warning(
        in: subject, at: length.place(key), "\(warmup)",
        because: "the warmup takes \(grouped(warmup)) of \(counted(length.steps, "step")), "
          + "\(percent(Double(warmup) / Double(length.steps), 0)): 1 to 10 % are usual",
        changes: key.map { [.init($0, NoWarmup.usualWarmup(length.steps))] } ?? [])
    }
    return half + subject.lengthWarnings(.warmup, Self.self)
  }
}

extension LintSubject {
  /// The mismatches of one kind that no other rule explains.
  fileprivate func lengthWarnings<Rule: LintRule>(
    _ kind: ScheduleMismatch.Kind, _ rule: Rule.Type
  ) -> [LintWarning] {
    ScheduleLength.all(self).compactMap { length in
      guard case .other(let mismatch) = length.fault, mismatch.kind == kind else { return nil }
      let isWarmup = kind == .warmup
      let key = isWarmup ? length.warmupKey(self) : length.endKey(self)
      let value = isWarmup ? length.schedule.warmupEnd : length.schedule.end ?? length.steps
      // A curve of several lengths (wsd) is not mended by one of them.
      let isPlain = isWarmup || given["\(length.section ?? "").stable"] == nil
      let new = isWarmup ? NoWarmup.usualWarmup(length.steps) : length.steps
      return rule.warning(
        in: self, at: length.place(key), "\(value)",
        because: "\(length.driven): \(mismatch.reason)",
        changes: key.flatMap { isPlain ? [.init($0, new)] : nil } ?? [],
        advice: mismatch.advice)
    }.withoutRepeats
  }
}
