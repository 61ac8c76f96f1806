import Descent
import DescentCompute

extension Recipe {
  /// Optimizer steps of the run; the data is loaded only where `epochs` says how long it is.
  public func plannedSteps() throws -> Int {
    if let steps = run.steps { return steps }
    return try steps(of: makeTask())
  }

  /// Optimizer steps of the run on the data of `task`.
  ///
  /// - Throws: for epochs of more steps than a run may have.
  package func steps(of task: any TrainingTask) throws(RecipeError) -> Int {
    if let steps = run.steps { return steps }
    let epochs = run.epochs ?? 1
    let steps =
      task.drawsAtRandom
      ? epochs * Double(task.batchesPerEpoch(run.batch.times(run.accumulate)) ?? 1)
      : MicroBatches(task, run).steps(epochs: epochs)
    guard steps <= Double(RunSettings.mostSteps) else {
      throw RecipeError(problems: [
        "epochs=\(SettingValue.number(epochs)) makes \(Amount.count(steps)) steps, whose lines in "
          + "metrics.jsonl alone would take \(Amount.bytes(100 * steps)); a run has at most "
          + "\(Amount.count(RunSettings.mostSteps)) steps"
      ])
    }
    return max(1, Int(steps))
  }

  /// Fills in what schedules and averages left open and follows from the length of the run.
  ///
  /// - Throws: all that contradicts it, at once.
  public mutating func fit(steps: Int) throws(RecipeError) {
    var problems: [String] = []
    average?.fit(totalSteps: steps)
    if let average, average.firstStep > steps {
      problems.append(
        "average: \(type(of: average).name) averages nothing in the \(counted(steps, "step")) of the "
          + "run; let it start earlier or act more often")
    }
    plan.fitSchedules(totalSteps: steps) { schedule, section in
      do throws(SettingError) {
        try schedule.validate()
      } catch { problems.append(error.sentence(in: section)) }
      guard let follower = schedule as? any MetricSchedule else { return }
      let name = type(of: schedule).name
      if evaluate.every == 0 || evaluate.every > steps {
        problems.append(
          "\(section): \(name) follows the validation, and the run is not evaluated before its "
            + "end; set evaluate.every to at most \(steps), its number of steps")
      }
      if follower.mode == .max, !type(of: model).reportsAccuracy {
        problems.append(
          "\(section): mode=max follows the accuracy, which is not measured for "
            + "model.kind=\(type(of: model).name); use mode=min")
      }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
  }

  /// Refuses schedules that follow what the task does not measure.
  func requireMetrics(of task: any TrainingTask) throws(RecipeError) {
    if task.measuresAccuracy { return }
    let problems = plan.schedulesInUse.compactMap { driven, schedule in
      (schedule as? any MetricSchedule)?.mode == .max
        ? "\(driven): mode=max follows the accuracy, which is not measured where numbers are "
          + "predicted; use mode=min" : nil
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
  }

  /// What does not go together with a run of `steps` steps, or with the rest of the recipe, though it
  /// can be done.
  public func scheduleWarnings(steps: Int) -> [String] {
    plan.warnings
      + plan.schedulesInUse.flatMap { driven, schedule in
        schedule.warnings(steps: steps).map { "\(driven): \($0)" }
      }
  }
}
