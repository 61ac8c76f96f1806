import Descent

/// `accumulation_totals`: lengths in micro-batches, where optimizer steps are counted.
enum AccumulationTotals: LintRule {
  static let name = "accumulation_totals"
  static let summary = "a schedule counted in micro-batches"
  static let source = """
    Hugging Face Accelerate, Performing gradient accumulation: a scheduler moves when the optimizer \
    does
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    ScheduleLength.all(subject).compactMap { length in
      let steps = length.steps
      switch length.fault {
      case .parts(let factor, let what):
        guard let end = length.schedule.end else { return nil }
        let key = length.endKey(subject)
        let warmup = length.schedule.warmupEnd
        let warmupKey = warmup >= 2 * factor ? length.warmupKey(subject) : nil
        return warning(
          in: subject, at: length.place(key), "\(end)",
          because: "the run takes \(counted(steps, "optimizer step")), and \(grouped(end)) is "
            + "\(factor) times that, as its \(what) are counted: the schedule is cut off at "
            + "\(percent(Double(steps) / Double(end), 0))",
          changes: (key.map { [.init($0, steps)] } ?? [])
            + (warmupKey.map { [.init($0, warmup / factor)] } ?? []),
          advice: "schedules count optimizer steps")
      case .warmupParts(let factor):
        let (warmup, key) = (length.schedule.warmupEnd, length.warmupKey(subject))
        return warning(
          in: subject, at: length.place(key), "\(warmup)",
          because:
            "with accumulate=\(factor) the run takes \(counted(steps, "optimizer step")), and "
            + "\(grouped(warmup)) of them warm up: \(grouped(warmup)) micro-batches would be "
            + "\(counted(max(1, warmup / factor), "step"))",
          changes: key.map { [.init($0, max(2, warmup / factor))] } ?? [],
          advice: "schedules count optimizer steps")
      default: return nil
      }
    }.withoutRepeats
  }
}
