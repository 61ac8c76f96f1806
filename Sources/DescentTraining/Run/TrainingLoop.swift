import Descent
import DescentNN
import Foundation

/// The loop of a run: step after step, with evaluations and checkpoints on the way.
struct TrainingLoop {
  private let trainer: Trainer
  private let directory: RunDirectory
  private let journal: Journal
  private let observer: any TrainingObserver
  private let checkpoints: CheckpointWriter
  private let spikes: SpikePolicy?
  /// Steps done.
  private var step: Int
  /// The step of what was the best before, where its checkpoint was written for that alone.
  private var formerBest: Int?
  /// When the last checkpoint was begun.
  private var saved = ContinuousClock.now
  /// The steps done before the last evaluation.
  private var evaluated: Int?
  private var result = TrainingResult()

  private var recipe: Recipe { trainer.recipe }

  init(
    _ trainer: Trainer, in directory: RunDirectory, _ observer: any TrainingObserver
  ) throws(RunError) {
    (self.trainer, self.directory, self.observer) = (trainer, directory, observer)
    step = trainer.done.steps
    let events =
      trainer.recipe.log.tensorBoard ? try EventFileWriter(directory, after: step) : nil
    journal = try Journal(directory.metrics, keeping: trainer.done.lines, events: events)
    checkpoints = CheckpointWriter(directory)
    spikes = trainer.spikes
  }

  /// Trains until all steps are done or the observer wants to stop.
  mutating func run() throws -> TrainingResult {
    do {
      return try train()
    } catch let tensor as NonFiniteTensor {
      throw try broken("\(tensor)", after: checkpoints.pending ?? step)
    }
  }

  private mutating func train() throws -> TrainingResult {
    observer.started(trainer.facts)
    let defects = try journal.defects + directory.dropSamples(after: step)
    for defect in defects { observer.warned(defect) }
    trainer.nonFinite.begin(after: step)
    spikes?.begin()
    try trainer.instruments?.begin(after: step, in: directory)
    if recipe.checkpoint.every > 0 { checkpoints.prepare(bytes: trainer.checkpointBytes) }
    if step == 0, journal.lines == 0, trainer.evaluatesStart { try measure() }
    // Where to go back to before the first checkpoint.
    if spikes != nil, step == 0 { try save() }
    while step < trainer.steps, !observer.wantsToStop {
      guard try takeStep() else { continue }
      if try goesBack() { continue }
      let isBest = isDue(every: recipe.evaluate.every) ? try evaluate() : false
      if isBest || isDue(every: recipe.checkpoint.every) || isTime, step < trainer.steps {
        try save()
      }
      try checkpoints.poll()
    }
    if step == trainer.steps, evaluated != step {
      // Schedules follow the regular evaluations only, so that a longer run takes the same course.
      try evaluate(isRegular: false)
    }
    if step == trainer.steps, !recipe.log.samples || !isDue(every: recipe.evaluate.every) {
      try writeSamples()
    }
    result.checkpoint = try saveLast()
    (result.steps, result.interrupted) = (step, step < trainer.steps)
    result.skipped = trainer.nonFinite.skipped - (spikes?.undone ?? 0)
    result.unlearned = trainer.task.model.adapters.filter(\.adapter.isZero).map(\.name)
    result.recomputation = (trainer.task.model as? any RecomputingModule)?.recomputationPlan
    return result
  }

  private func isDue(every interval: Int, after step: Int? = nil) -> Bool {
    interval > 0 && (step ?? self.step) % interval == 0
  }

  /// Takes the next step.
  ///
  /// - Returns: whether it was taken, rather than skipped.
  private mutating func takeStep() throws -> Bool {
    let (source, nonFinite, optimizer) = (trainer.source, trainer.nonFinite, trainer.optimizer)
    // The batches of a step that was skipped are not tried again.
    let attempt = step + nonFinite.skipped + 1
    let scale = nonFinite.scaler?.scale ?? 1
    let measurement = try trainer.instruments?.begin(step + 1, attempt: attempt, scale: scale)
    let start = ContinuousClock.now
    nonFinite.prepare(after: step)
    // Gradients that are released never exist all at once.
    let meter = ActivationMeter(recipe.run.releasesGradients ? [] : trainer.parameters)
    let loss = try source.compute(
      attempt, scale: scale
    ) {
      nonFinite.accept(saved: checkpoints.pending)
      checkpoints.prove()
    }
    let activations = meter.bytes
    measurement?.takeGradients(scale: scale)
    guard loss.isFinite else {
      try skip(
        loss, try optimizer.nonFiniteGradient(trainer.parameters.memory))
      return false
    }
    var report = try source.update(attempt, loss: loss, unscale: nonFinite.scaler?.inverse ?? 1)
    switch report.outcome {
    case .applied, .unmoved: break
    case .broken(let culprit): throw try broken("\(culprit)", after: nil)
    case .refused(let culprit):
      try skip(loss, culprit)
      return false
    }
    let lossScale = nonFinite.scaler?.scale
    nonFinite.passed()
    report.curvature = try trainer.curvature?.fold(after: attempt)
    if report.applied { try trainer.result.update() }
    var record = StepRecord(step: step + 1, loss: loss.mean, report, of: optimizer)
    record.seconds = start.duration(to: .now) / .seconds(1)
    record.activationBytes = activations
    record.itemsPerSecond = Double(loss.items) / record.seconds
    if record.step % 50 == 0 || isDue(every: recipe.evaluate.every, after: record.step) {
      record.memoryBytes = Machine.residentBytes
    }
    record.lossScale = lossScale.map(Double.init)
    record.diagnostics.merge(trainer.task.metrics) { rule, _ in rule }
    try journal.write(.step(record))
    if let measurement { try journal.write(.instruments(try measurement.end(loss: loss.mean))) }
    observer.stepped(TrainingStep(record: record, items: loss.items, notes: report.notes))
    result.add(record, report.lostUpdates)
    step += 1
    return true
  }

  /// Leaves a step out, or ends the run where that is not wanted or does not help.
  private func skip(_ loss: BatchLoss, _ culprit: StepReport.NonFinite?) throws {
    let (record, reasonToStop) = trainer.nonFinite.refuse(loss: loss.mean, culprit)
    try journal.write(.skipped(record))
    if let reasonToStop { throw try broken(reasonToStop, after: nil) }
    let scale = trainer.nonFinite.scaler.map { Double($0.scale) }
    observer.skipped(SkippedStep(record: record, nextLossScale: scale))
  }

  /// Evaluates the weights to use, and those without the average for comparison; writes that down,
  /// and nothing follows from it.
  @discardableResult
  private mutating func measure() throws -> Evaluation {
    let (task, recipe) = (trainer.task, recipe)
    func measured() throws -> Evaluation {
      try task.evaluate(batchSize: recipe.run.batch, batches: recipe.evaluate.batches)
    }
    var found = try trainer.result.use(measured)
    let average = trainer.result.averageName
    if average != nil {
      found.lossWithoutAverage = try trainer.result.use(averaged: false, measured).loss
    }
    try journal.write(.evaluation(EvaluationRecord(step: step, found, average: average)))
    observer.evaluated(found, after: step)
    (result.evaluation, evaluated) = (found, step)
    return found
  }

  /// Evaluates after a step.
  ///
  /// - Returns: whether it is the best regular evaluation so far, and its checkpoint is to be kept.
  @discardableResult
  private mutating func evaluate(isRegular: Bool = true) throws -> Bool {
    let found = try measure()
    for loss in [found.loss, found.lossWithoutAverage ?? 0] where !loss.isFinite {
      throw try broken("the validation loss after it is \(inWords(loss))", after: step)
    }
    guard isRegular else { return false }
    if recipe.log.samples { try writeSamples() }
    trainer.optimizer.observe(metric: found.loss, mode: .min)
    if let accuracy = found.accuracy { trainer.optimizer.observe(metric: accuracy, mode: .max) }
    guard recipe.checkpoint.keepsBest, found.loss < trainer.best?.loss ?? .infinity else {
      return false
    }
    let every = recipe.checkpoint.every
    formerBest = trainer.best.flatMap { every > 0 && $0.step % every == 0 ? nil : $0.step }
    trainer.best = BestEvaluation(step: step, loss: found.loss)
    return true
  }

  /// Writes what the weights to use make.
  private func writeSamples() throws {
    let samples = try trainer.result.use { trainer.task.samples(batchSize: recipe.run.batch) }
    try directory.write(samples, after: step)
  }

  // MARK: Checkpoints

  /// Whether the time between checkpoints is over.
  private var isTime: Bool {
    // A duration cannot hold every number of minutes that may be asked for.
    recipe.checkpoint.minutes.map { saved.duration(to: .now) / .seconds(60) >= $0 } ?? false
  }

  /// Begins to write a checkpoint.
  private mutating func save(isLast: Bool = false) throws {
    saved = .now
    let (keep, step) = (recipe.checkpoint.keep, step)
    let (best, former) = (trainer.best?.step, formerBest.take())
    let trusted =
      isLast && step == trainer.steps
      ? [] : trainer.nonFinite.allTrusted(after: step) + [spikes?.trusted(after: step) ?? 0]
    let passedOver = trainer.passedOver
    trainer.passedOver = []
    try checkpoints.begin(
      step: step, { try trainer.fill(&$0, after: step, lines: journal.lines) },
      beforehand: journal.synchronize
    ) { directory in
      let written = directory.checkpoint(after: step)
      for old in passedOver where old != written { try? FileManager.default.removeItem(at: old) }
      try directory.removeCheckpoints(keeping: keep, best: best, former: former, trusted: trusted)
    }
  }

  /// Writes the last checkpoint of the run.
  ///
  /// - Returns: its path.
  private mutating func saveLast() throws -> String {
    if checkpoints.pending != step || step == trainer.steps { try save(isLast: true) }
    // The last evaluation has proved the weights of a whole run.
    if step < trainer.steps { try proveWeights() }
    checkpoints.prove()
    try checkpoints.finish()
    return directory.checkpoint(after: step).relativePath
  }

  /// Computes a loss with the weights after an interruption, as the next step would.
  private func proveWeights() throws {
    let (nonFinite, batches) = (trainer.nonFinite, trainer.batches)
    var loss = BatchLoss(mean: .nan, items: 0)
    for offset in 1...(recipe.run.nonFinite == .skip ? recipe.run.skipLimit : 1) {
      loss = try trainer.task.model.keepingBuffers {
        try batches.compute(step + nonFinite.skipped + offset) { _ in false }
      }
      if loss.isFinite { return }
    }
    throw try broken("the loss of the next one is \(inWords(loss.mean))", after: step)
  }

  /// Ends a run whose numbers are not finite.
  ///
  /// - Parameter step: the step that left them so; nil for the one that was being tried.
  private func broken(_ cause: String, after step: Int?) throws -> RunError {
    checkpoints.abandon()
    return try trainer.nonFinite.stop(cause, at: step, in: directory)
  }

  // MARK: Spikes

  /// Goes back to the last good checkpoint where the step's update was a spike.
  private mutating func goesBack() throws -> Bool {
    guard let spikes, let spike = spikes.measure(after: step) else { return false }
    checkpoints.abandon()
    let attempts = step + trainer.nonFinite.skipped
    // Those that an interruption has written in between would make it another run.
    let good = Checkpoint.newest(
      of: directory, upTo: spikes.trusted(after: step), every: recipe.checkpoint.every)
    guard spikes.mayGoBack else {
      throw try broken("\(spike), and the run has gone back \(spikes.inARow)", after: step)
    }
    guard let good else {
      throw try broken("\(spike), and no checkpoint is left to go back to", after: step)
    }
    let record = SpikeRecord(
      step: step, updateNorm: spike.norm, median: spike.median, goneBackTo: good.step)
    try spikes.goBack(from: step, to: good.step) { try trainer.restore(good) }
    step = good.step
    trainer.nonFinite.goBack(to: step, after: attempts)
    try directory.distrustCheckpoints(after: step)
    trainer.passedOver += directory.untrustedFiles
    try journal.write(.spike(record))
    observer.wentBack(record)
    return true
  }
}
