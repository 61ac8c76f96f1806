import Descent
import DescentNN
import Foundation

/// The loop of a run: step after step, with evaluations and checkpoints on the way.
struct TrainingLoop {
  private let trainer: Trainer
  private let directory: RunDirectory
  private let journal: Journal
  private let observer: any TrainingObserver
  /// Steps done.
  private var step: Int
  /// The steps done before the last evaluation.
  private var evaluated: Int?
  private var result = TrainingResult()

  private var recipe: Recipe { trainer.recipe }

  init(
    _ trainer: Trainer, in directory: RunDirectory, _ observer: any TrainingObserver
  ) throws(RunError) {
    (self.trainer, self.directory, self.observer) = (trainer, directory, observer)
    step = trainer.done.steps
    journal = try Journal(directory.metrics, keeping: trainer.done.lines)
  }

  /// Trains until all steps are done or the observer wants to stop.
  mutating func run() throws -> TrainingResult {
    observer.started(trainer.facts)
    trainer.nonFinite.begin(after: step)
    while step < trainer.steps, !observer.wantsToStop {
      guard try takeStep() else { continue }
      if isDue(every: recipe.evaluate.every) { try evaluate() }
      if isDue(every: recipe.checkpoint.every), step < trainer.steps { _ = try save() }
    }
    if step == trainer.steps, evaluated != step {
      // Schedules follow the regular evaluations only, so that a longer run takes the same course.
      try evaluate(feedsSchedules: false)
    }
    result.checkpoint = try save()
    (result.steps, result.interrupted) = (step, step < trainer.steps)
    result.skipped = trainer.nonFinite.skipped
    result.recomputation = (trainer.task.model as? any RecomputingModule)?.recomputationPlan
    return result
  }

  private func isDue(every interval: Int) -> Bool { interval > 0 && step % interval == 0 }

  /// Takes the next step.
  ///
  /// - Returns: whether it was taken, rather than skipped.
  private mutating func takeStep() throws -> Bool {
    let (source, nonFinite, optimizer) = (trainer.source, trainer.nonFinite, trainer.optimizer)
    let start = ContinuousClock.now
    // The batches of a step that was skipped are not tried again.
    let attempt = step + nonFinite.skipped + 1
    nonFinite.prepare(after: step)
    // Gradients that are released never exist all at once.
    let meter = ActivationMeter(recipe.run.releasesGradients ? [] : trainer.parameters)
    let loss = source.compute(
      attempt, scale: nonFinite.scaler?.scale ?? 1, whenFinite: nonFinite.accept)
    let activations = meter.bytes
    guard loss.isFinite else {
      try skip(
        loss, try optimizer.nonFiniteGradient(trainer.parameters.memory))
      return false
    }
    var report = try source.update(attempt, loss: loss, unscale: nonFinite.scaler?.inverse ?? 1)
    switch report.outcome {
    case .applied, .unmoved: break
    case .broken(let culprit): throw try nonFinite.stop("\(culprit)", in: directory)
    case .refused(let culprit):
      try skip(loss, culprit)
      return false
    }
    let lossScale = nonFinite.scaler?.scale
    nonFinite.passed()
    report.curvature = trainer.curvature?.fold(after: attempt)
    if report.applied { try trainer.result.update() }
    var record = StepRecord(step: step + 1, loss: loss.mean, report, of: optimizer)
    record.seconds = start.duration(to: .now) / .seconds(1)
    record.activationBytes = activations
    record.lossScale = lossScale.map(Double.init)
    try journal.write(.step(record))
    observer.stepped(TrainingStep(record: record, items: loss.items, notes: report.notes))
    result.add(record, report.lostUpdates)
    step += 1
    return true
  }

  /// Leaves a step out, or ends the run where that is not wanted or does not help.
  private func skip(_ loss: BatchLoss, _ culprit: StepReport.NonFinite?) throws {
    let (record, reasonToStop) = trainer.nonFinite.refuse(loss: loss.mean, culprit)
    try journal.write(.skipped(record))
    if let reasonToStop { throw try trainer.nonFinite.stop(reasonToStop, in: directory) }
    let scale = trainer.nonFinite.scaler.map { Double($0.scale) }
    observer.skipped(SkippedStep(record: record, nextLossScale: scale))
  }

  /// Evaluates the weights to use, and those without the average for comparison.
  private mutating func evaluate(feedsSchedules: Bool = true) throws {
    let (task, recipe) = (trainer.task, recipe)
    func measured() -> Evaluation {
      task.evaluate(batchSize: recipe.run.batch, batches: recipe.evaluate.batches)
    }
    var found = try trainer.result.use(measured)
    if feedsSchedules {
      trainer.optimizer.observe(metric: found.loss, mode: .min)
      if let accuracy = found.accuracy { trainer.optimizer.observe(metric: accuracy, mode: .max) }
    }
    let average = trainer.result.averageName
    if average != nil {
      found.lossWithoutAverage = try trainer.result.use(averaged: false, measured).loss
    }
    try journal.write(.evaluation(EvaluationRecord(step: step, found, average: average)))
    observer.evaluated(found, after: step)
    (result.evaluation, evaluated) = (found, step)
  }

  /// Writes a checkpoint; returns its path.
  private func save() throws -> String {
    try trainer.save(after: step, lines: journal.lines, to: directory).relativePath
  }
}
