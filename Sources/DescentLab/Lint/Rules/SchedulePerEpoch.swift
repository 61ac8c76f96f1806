import Descent
import DescentTraining
import Foundation

/// `schedule_per_epoch`: lengths in passes over the data, where steps are counted.
enum SchedulePerEpoch: LintRule {
  static let name = "schedule_per_epoch"
  static let summary = "a schedule counted in epochs that moves with every step"
  static let source = """
    Descent's schedules count optimizer steps; torch.optim.lr_scheduler counts calls of step()
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    ScheduleLength.all(subject).compactMap { length in
      let (steps, name) = (length.steps, type(of: length.schedule).name)
      switch length.fault {
      case .passes(let passes, let perPass):
        let key = length.endKey(subject)
        let goesOn = length.schedule.lastingEnd == nil
        let each = perPass.map { " of \(counted($0, "step"))" } ?? ""
        return warning(
          in: subject, at: length.place(key), key == nil ? name : "\(passes)",
          because: "\(name) \(goesOn ? "goes down or up once" : "is over") in "
            + "\(counted(passes, "optimizer step")) of \(grouped(steps)), and \(passes) is the number "
            + "of epochs\(each): "
            + (goesOn
              ? "it swings all along" : "a warmup has no meaning, and the rest has the last value"),
          changes: key.map { [.init($0, steps)] } ?? [],
          advice: "schedules count optimizer steps")
      case .warmupPasses(let passes, let perPass):
        let key = length.warmupKey(subject)
        return warning(
          in: subject, at: length.place(key), "\(passes)",
          because:
            "the warmup takes \(counted(passes, "optimizer step")) of \(grouped(steps)), which "
            + "is none; an epoch has \(grouped(perPass))",
          changes: key.map {
            [.init($0, min(passes.times(perPass), NoWarmup.usualWarmup(steps)))]
          } ?? [],
          advice: "schedules count optimizer steps")
      case .spent(let step): return spent(length, step, subject)
      default: return nil
      }
    }.withoutRepeats
  }

  private static func spent(
    _ length: ScheduleLength, _ step: Int, _ subject: LintSubject
  ) -> LintWarning {
    let name = type(of: length.schedule).name
    let each = subject.facts.stepsPerEpoch
    let key = length.section.flatMap {
      subject.key(of: type(of: length.schedule), in: $0, among: ["step_size", "gamma"])
    }
    let text = key.flatMap { subject.given[$0] }
    var change: LintWarning.Change?
    if let key, let value = text.flatMap(Double.init), let each {
      let perStep = key.hasSuffix("gamma")
      change =
        perStep
        ? .init(key, pow(value, 1 / Double(each)).rounded(digits: 7))
        : .init(key, Int(min(value, 1e15)).times(each))
    }
    return warning(
      in: subject, at: length.place(key), text ?? name,
      because: "\(name) has fallen below a ten-thousandth of its start by step "
        + "\(grouped(step)) of \(grouped(length.steps)): what follows does not learn, as if its "
        + "steps were epochs" + (each.map { " (of \(counted($0, "step")))" } ?? ""),
      changes: change.map { [$0] } ?? [], advice: "schedules count optimizer steps")
  }
}
