import Descent
import DescentTraining

/// How the length of a schedule goes with the run, and what it was probably counted in.
struct ScheduleLength {
  /// What is wrong.
  enum Fault {
    /// The end, or what stands for it, is counted in passes over the data.
    case passes(_ passes: Int, of: Int?)
    /// The end is counted in micro-batches or in the steps of all processes.
    case parts(_ factor: Int, _ what: String)
    /// A warmup that accumulation has made too long.
    case warmupParts(_ factor: Int)
    /// A warmup of a few steps, where passes were probably meant.
    case warmupPasses(_ passes: Int, of: Int)
    /// A warmup that is most of the run.
    case longWarmup
    /// The rate has fallen to nothing long before the end, as if steps were passes.
    case spent(_ step: Int)
    /// None of these, only a length that differs.
    case other(ScheduleMismatch)
  }

  /// The schedule, its lengths filled in.
  let schedule: any Schedule
  /// What it drives: `lr`, or `lr of group head`.
  let driven: String
  /// Its section in the recipe; nil for that of a group.
  let section: String?
  /// Optimizer steps of the run.
  let steps: Int
  let fault: Fault

  /// What is wrong with the schedules of a recipe.
  static func all(_ subject: LintSubject) -> [ScheduleLength] {
    guard let steps = subject.facts.steps else { return [] }
    return subject.fitted.plan.schedulesInUse.flatMap { driven, schedule in
      faults(of: schedule, driving: driven, steps, subject.facts, subject.recipe.run.accumulate)
        .map {
          ScheduleLength(
            schedule: schedule, driven: driven,
            section: driven.contains(" ") ? nil : subject.section(of: driven), steps: steps,
            fault: $0)
        }
    }
  }

  private static func faults(
    of schedule: any Schedule, driving driven: String, _ steps: Int, _ facts: LintFacts,
    _ accumulate: Int
  ) -> [Fault] {
    var found: [Fault] = []
    let passes = facts.epochs.flatMap { abs($0) < 1e15 ? Int($0.rounded()) : nil }
    let (warmup, mismatches) = (schedule.warmupEnd, schedule.mismatches(steps: steps))
    if let end = schedule.end, schedule.lastingEnd == nil, end < steps / 2, let passes, passes > 1,
      abs(end - passes) <= 1
    {
      found.append(.passes(end, of: facts.stepsPerEpoch))
    } else if let end = schedule.end,
      let mismatch = mismatches.first(where: { $0.kind != .warmup })
    {
      let product = accumulate.multipliedReportingOverflow(by: facts.ranks)
      let factors = [
        (accumulate, "micro-batches"), (facts.ranks, "steps of all processes"),
        (product.overflow ? 1 : product.partialValue, "micro-batches of all processes"),
      ].filter { $0.0 > 1 }
      if end < steps / 2, let passes, passes > 1, abs(end - passes) <= 1 {
        found.append(.passes(end, of: facts.stepsPerEpoch))
      } else if let factor = factors.first(where: { isAbout(end, steps, $0.0, passes) }) {
        found.append(.parts(factor.0, factor.1))
      } else {
        found.append(.other(mismatch))
      }
    } else if driven == "lr" || driven.hasPrefix("lr "), schedule.end == nil,
      let step = spent(schedule, steps)
    {
      found.append(.spent(step))
    }
    if let mismatch = mismatches.first(where: { $0.kind == .warmup }) {
      found.append(
        accumulate > 1 && warmup / accumulate < steps / 2
          ? .warmupParts(accumulate) : .other(mismatch))
    } else if warmup > steps / 2, warmup <= steps, schedule.ownWarmup {
      found.append(
        accumulate > 1 && warmup / accumulate < steps / 4 ? .warmupParts(accumulate) : .longWarmup)
    } else if let passes, let perPass = facts.stepsPerEpoch, (1...10).contains(warmup),
      warmup < passes, warmup * 500 < steps, perPass > 20, schedule.ownWarmup
    {
      found.append(.warmupPasses(warmup, of: perPass))
    }
    return found
  }

  /// Whether an end is so many times the steps of the run, where the last step of a pass may have
  /// fewer micro-batches.
  private static func isAbout(_ end: Int, _ steps: Int, _ factor: Int, _ passes: Int?) -> Bool {
    let (whole, overflow) = steps.multipliedReportingOverflow(by: factor)
    guard !overflow else { return false }
    return abs(end - whole) <= max(factor.times(max(1, passes ?? 1)), whole / 100) && end > steps
  }

  /// The step from which a schedule without an end has less than a ten-thousandth of its first value,
  /// where that is before half of the run.
  private static func spent(_ schedule: any Schedule, _ steps: Int) -> Int? {
    guard !(schedule is any MetricSchedule), steps > 1 else { return nil }
    let largest = LintPart.landmarks(steps, []).map { schedule.value(at: $0, base: 1) }.max() ?? 1
    func isSpent(_ step: Int) -> Bool { schedule.value(at: step, base: 1) < 1e-4 * largest }
    guard largest > 0, isSpent(steps / 2), isSpent(steps - 1) else { return nil }
    var (low, high) = (0, steps / 2)
    while low < high {
      let middle = (low + high) / 2
      if isSpent(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  // MARK: Words and fixes

  /// The key that says where the schedule ends.
  func endKey(_ subject: LintSubject) -> String? {
    section.flatMap { section in
      subject.key(
        of: type(of: schedule), in: section,
        among: ["total", "num_training_steps", "T_max", "total_steps", "total_iters"])
    }
  }

  /// The key that says how long it warms up.
  func warmupKey(_ subject: LintSubject) -> String? {
    section.flatMap { section in
      subject.key(of: type(of: schedule), in: section, among: ["warmup", "num_warmup_steps"])
    }
  }

  /// What ends where, as a place.
  func place(_ key: String?) -> String { key ?? "\(section ?? "schedule of \(driven)").name" }
}

extension Schedule {
  /// Whether the warmup is a number of steps that somebody gave, rather than a share of the run.
  fileprivate var ownWarmup: Bool {
    Self.settings.contains { ["warmup", "num_warmup_steps"].contains($0.name) }
  }
}
