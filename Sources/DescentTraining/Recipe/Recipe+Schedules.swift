import Descent

extension Recipe {
  /// Optimizer steps of the run; the data is loaded only where `epochs` says how long it is.
  public func plannedSteps() throws -> Int {
    if let steps = run.steps { return steps }
    return steps(of: try makeTask())
  }

  /// Optimizer steps of the run on the data of `task`.
  func steps(of task: any TrainingTask) -> Int {
    let perEpoch = task.batchesPerEpoch(run.batch * run.accumulate) ?? 1
    return run.steps ?? max(1, Int(min((run.epochs ?? 1) * Double(perEpoch), 0x1p53)))
  }

  /// Fills in what schedules and averages left open and follows from the length of the run.
  ///
  /// - Throws: all that contradicts it, at once.
  public mutating func fit(steps: Int) throws(RecipeError) {
    var problems: [String] = []
    average?.fit(totalSteps: steps)
    if let average, !(1...steps).contains(where: { average.change(after: $0, taken: 0) != nil }) {
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

  /// What does not go together with a run of `steps` steps, or with the rest of the recipe, though it
  /// can be done.
  public func scheduleWarnings(steps: Int) -> [String] {
    plan.warnings
      + plan.schedulesInUse.flatMap { driven, schedule in
        schedule.warnings(steps: steps).map { "\(driven): \($0)" }
      }
  }
}
