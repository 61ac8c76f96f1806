import Descent
import DescentCompute
import DescentNN
import Foundation

/// Trains a recipe into a run directory.
///
/// A step is: loss and gradients of each micro-batch, the guard, clipping, the schedule, the update.
/// Batches and dropout are pure functions of the seed and the step.
public final class Trainer {
  /// The recipe, its open ends filled in from the data.
  public let recipe: Recipe
  /// The model and its data.
  public let task: any TrainingTask
  /// Optimizer steps of the run.
  public let steps: Int

  private let parameters: [(name: String, parameter: Parameter)]
  private let optimizer: Optimizer<Float>
  /// K-FAC's view of the layers, for rules that need it.
  private let preconditioner: KFACPreconditioner?
  /// Weights with which the loss was finite, at most ten steps old.
  private var lastGood: (step: Int, weights: [Tensor])
  /// The loss scale, for fp16.
  private var scaler: LossScaler?
  /// Steps that were skipped, and those of them since the last one that was not.
  private var skipped = (all: 0, inARow: 0)

  /// Loads the data, makes the model and the optimizer.
  ///
  /// - Throws: ``RecipeError``, ``DataError``, `ModelError`.
  public init(_ recipe: Recipe) throws {
    var recipe = recipe
    if let threads = recipe.run.threads { ThreadPool.shared.setThreads(threads) }
    task = try recipe.makeTask()
    steps = recipe.steps(of: task)
    try recipe.fit(steps: steps)
    if var rule = recipe.optimizer.rule as? any CurvatureRule {
      let labels = task.batch(0, size: recipe.run.batch).weight * recipe.run.accumulate
      rule.fit(labels: labels)
      recipe.optimizer.rule = rule
    }
    self.recipe = recipe
    parameters = task.model.namedParameters
    preconditioner =
      recipe.optimizer.rule is any LayerRule ? KFACPreconditioner(task.model) : nil
    do throws(OptimizerError) {
      optimizer = try Self.makeOptimizer(
        recipe, parameters, preconditioner.map { .preconditioner($0) } ?? .byCaller)
    } catch { throw RecipeError(problems: ["\(error)"]) }
    lastGood = (0, [])
    scaler = recipe.run.precision == .fp16 ? recipe.lossScale : nil
    unsafe withParameterMemory { unsafe optimizer.roundWeights($0) }
  }

  private static func makeOptimizer(
    _ recipe: Recipe, _ parameters: [(name: String, parameter: Parameter)],
    _ supply: Supply<Float>
  ) throws(OptimizerError) -> Optimizer<Float> {
    let infos = parameters.map {
      ParameterInfo($0.name, shape: $0.parameter.value.shape, role: $0.parameter.role)
    }
    var groups = recipe.optimizer.groups ?? [.vectorsWithoutDecay]
    if let decay = recipe.optimizer.layers.decay {
      groups = try ParameterGroup.layerwise(decay, groups, infos, recipe.optimizer.rule)
    }
    return try Optimizer(
      recipe.optimizer.rule, parameters: infos, groups: groups, state: recipe.optimizer.state,
      schedules: recipe.allSchedules, clip: recipe.clip, gradient: recipe.gradient,
      weights: recipe.weights.storage(seed: UInt64(recipe.run.seed)), supply: supply)
  }

  /// The bytes of what a method that evaluates the loss remembers, once its history is full.
  private var historyBytes: Int {
    let rule = recipe.optimizer.rule
    guard rule is any ClosureRule else { return 0 }
    return optimizer.parameters.reduce(0) { $0 + rule.outsideBytes(for: $1) }
  }

  /// What is known before the first step.
  public var facts: RunFacts {
    let groups = optimizer.groups.indices.map { index in
      let members = optimizer.parameters.indices.filter { optimizer.groupOf[$0] == index }
      let names = Set(members.map { optimizer.parameters[$0].name })
      return RunFacts.Group(
        name: optimizer.groups[index].name,
        match: optimizer.groups[index].match.description,
        rule: optimizer.ruleName(ofGroup: index), isFrozen: optimizer.groups[index].isFrozen,
        settings: optimizer.settings(ofGroup: index)
          .map { "\($0.name)=\($0.value)" }.joined(separator: " "),
        parameters: members.map {
          .init(optimizer.parameters[$0], treatment: optimizer.treatment(of: $0))
        },
        stateBytes: optimizer.stateSlots.reduce(0) {
          $0 + (names.contains($1.parameter) ? $1.bytes : 0)
        })
    }
    return RunFacts(
      parameters: task.model.parameterCount, steps: steps, unit: task.unit,
      stateBytes: max(optimizer.stateBytes, historyBytes),
      state: RunFacts.StateUse.all(optimizer.stateSlots), groups: groups,
      overlaps: optimizer.overlaps.map {
        "\($0.parameter) is in \($0.group); \($0.also.joined(separator: ", ")) asked for it too"
      })
  }

  /// Trains to the end, or until the observer wants to stop.
  ///
  /// - Throws: ``RunError/nonFinite(step:cause:checkpoint:)`` when the guard stops the run, after
  ///   the last good weights are on disk; errors of writing.
  public func run(in directory: RunDirectory, observer: any TrainingObserver) throws
    -> TrainingResult
  {
    try Autocast.run(in: recipe.run.precision.format, weights: recipe.weights.used) {
      try train(in: directory, observer)
    }
  }

  private func train(
    in directory: RunDirectory, _ observer: any TrainingObserver
  ) throws -> TrainingResult {
    try write(recipe.yaml, to: directory.recipe)
    if let task = task as? LanguageModeling {
      let json = try JSONEncoder().encode(task.text.tokenizer)
      try write(String(decoding: json, as: UTF8.self), to: directory.tokenizer)
    }
    let log = try MetricsLog(directory.metrics)
    observer.started(facts)
    var evaluation: (step: Int, result: Evaluation)?
    var seconds = 0.0
    var largest = 0
    var lost: (lost: Int, updates: Int)?
    var step = 0
    while step < steps, !observer.wantsToStop {
      step += 1
      let start = ContinuousClock.now
      let meter = ActivationMeter(parameters)
      // A batch that was skipped is not tried again.
      let buffers = task.model.namedBuffers.map { ($0.buffer, $0.buffer.value) }
      let (loss, items) = gradients(step + skipped.all, observer: preconditioner)
      let activations = meter.bytes
      largest = max(largest, activations)
      guard loss.isFinite else {
        let culprit = unsafe withParameterMemory { unsafe optimizer.nonFiniteGradient($0) }
        let cause = "the loss is \(loss)" + (culprit.map { " and \($0)" } ?? "")
        try skip(step, cause, loss, directory, log, observer)
        // A forward pass that overflowed has spoilt the running statistics.
        for (buffer, value) in buffers { buffer.value = value }
        step -= 1
        continue
      }
      keepWeights(step)
      var report = update(step + skipped.all, loss: loss)
      if case .refused(let culprit) = report.outcome {
        // The loss is finite, so these weights are good.
        lastGood = (step - 1, parameters.map { $0.parameter.value.copied() })
        try skip(step, "\(culprit)", loss, directory, log, observer)
        step -= 1
        continue
      }
      let lossScale = scaler?.scale
      scaler?.update(overflowed: false)
      skipped.inARow = 0
      if let now = report.lostUpdates {
        lost = ((lost?.lost ?? 0) + now.lost, (lost?.updates ?? 0) + now.updates)
      }
      if optimizer.curvatureIsDue {
        report.curvature = estimateCurvature(after: step + skipped.all)
      }
      let duration = start.duration(to: .now) / .seconds(1)
      seconds += duration
      try log.write(
        [
          ("step", .integer(step)), ("loss", .number(loss)),
          ("lr", .number(report.effectiveLearningRate)),
          ("grad_norm", .number(report.gradientNorm)), ("clipped", .flag(report.clipped)),
          ("applied", .flag(report.applied)), ("seconds", .number(duration)),
          ("activation_bytes", .integer(activations)),
        ] + precisionFields(report, lossScale)
          + optimizer.diagnostics.map { ($0.name, .number($0.value)) } + report.details
          + optimizer.differingRates)
      observer.stepped(
        TrainingStep(
          step: step, loss: loss, learningRate: report.effectiveLearningRate,
          gradientNorm: report.gradientNorm, clipped: report.clipped, seconds: duration,
          items: items, notes: report.notes))
      if recipe.evaluate.every > 0, step % recipe.evaluate.every == 0 {
        evaluation = (step, try evaluate(step, log, observer))
      }
      if recipe.checkpoint.every > 0, step % recipe.checkpoint.every == 0, step < steps {
        _ = try save(step, directory)
      }
    }
    if step == steps, evaluation?.step != step {
      evaluation = (step, try evaluate(step, log, observer))
    }
    let checkpoint = try save(step, directory)
    var result = TrainingResult(
      steps: step, evaluation: evaluation?.result, interrupted: step < steps,
      checkpoint: checkpoint.relativePath, trainingSeconds: seconds, activationBytes: largest,
      skipped: skipped.all,
      lostUpdates: lost.map { LostUpdates(lost: $0.lost, updates: $0.updates) })
    result.recomputation = (task.model as? any RecomputingModule)?.recomputationPlan
    return result
  }

  // MARK: A step

  /// Leaves the mean gradient over all examples of a step in the parameters; returns their mean
  /// loss and their number.
  ///
  /// - Parameters:
  ///   - observer: who sees the layers.
  ///   - sampled: whether labels are drawn from the model's own predictions.
  private func gradients(
    _ step: Int, observer: (any LayerObserver)? = nil, sampled: Bool = false
  ) -> (loss: Double, items: Int) {
    let count = recipe.run.accumulate
    let batches = (0..<count).map {
      task.batch((step - 1) * count + $0, size: recipe.run.batch)
    }
    // Each micro-batch counts by its examples, so that accumulation equals one large batch.
    let total = batches.reduce(0) { $0 + $1.weight }
    var mean = 0.0
    for (index, batch) in batches.enumerated() {
      let tape = Tape()
      let seed = UInt64(recipe.run.seed) ^ UInt64((step - 1) * count + index) << 20
      let context = tape.context(training: true, seed: seed, observer: observer)
      let loss = sampled ? sampledLoss(batch, context, seed: seed) : task.loss(batch, context)
      let share = Double(batch.weight) / Double(total)
      mean += share * Double(loss.scalar)
      tape.gradients(
        of: loss, scale: Float(share) * (scaler?.scale ?? 1), accumulating: index > 0)
    }
    return (mean, total)
  }

  /// The mean loss against labels drawn from the model's own predictions.
  private func sampledLoss(_ batch: Batch, _ context: Context, seed: UInt64) -> Tensor {
    let logits = task.logits(batch, context)
    return logits.crossEntropy(
      logits.sampledClasses(RandomStream(seed: seed, stream: RandomPurpose.labels)))
  }

  /// Moves the weights. A method that evaluates the loss itself sees the batch of the step again and
  /// again, with the same dropout.
  private func update(_ step: Int, loss: Double) -> StepReport {
    guard recipe.optimizer.rule is any ClosureRule else {
      let unscale = scaler?.inverse ?? 1
      return unsafe withParameterMemory { unsafe optimizer.step($0, unscale: unscale) }
    }
    var known: Double? = loss
    return optimizer.step(parameters.map(\.parameter)) {
      if let loss = known.take() { return loss }
      // Running statistics follow each evaluation but those that are not finite.
      let buffers = task.model.namedBuffers.map { ($0.buffer, $0.buffer.value) }
      let loss = gradients(step).loss
      if !loss.isFinite { for (buffer, value) in buffers { buffer.value = value } }
      return loss
    }
  }

  /// Folds an estimate of the curvature in, made with the batch of the step to come.
  private func estimateCurvature(after step: Int) -> StepReport.Outcome? {
    guard let rule = recipe.optimizer.rule as? any CurvatureRule else { return nil }
    switch type(of: rule).estimator {
    case .gaussNewtonBartlett:
      _ = task.model.keepingBuffers { gradients(step + 1, sampled: true) }
    case .hutchinson:
      task.model.hutchinsonDiagonal(seed: UInt64(recipe.run.seed), step: step) {
        _ = gradients(step + 1)
      }
    }
    return try? optimizer.foldCurvature(parameters.map(\.parameter))
  }

  private func withParameterMemory<Result>(
    _ body: (UnsafeBufferPointer<ParameterMemory<Float>>) throws -> Result
  ) rethrows -> Result {
    let memory = unsafe parameters.map { _, parameter in
      unsafe parameter.withMemory { weights, gradient in
        unsafe ParameterMemory(
          weights: weights.baseAddress!, gradient: UnsafePointer(gradient?.baseAddress))
      }
    }
    return try unsafe memory.withUnsafeBufferPointer { unsafe try body($0) }
  }

  // MARK: The guard

  /// Keeps, every tenth step, weights with which the loss is finite: an update may leave weights
  /// that are finite and yet useless, which only the next loss shows.
  private func keepWeights(_ step: Int) {
    guard (step - 1) % 10 == 0 else { return }
    lastGood = (step - 1, parameters.map { $0.parameter.value.copied() })
  }

  /// Leaves a step out, or ends the run where that is not wanted or does not help.
  ///
  /// An overflow of scaled gradients is what the loss scale is there for; everything else is skipped
  /// only when the recipe says so.
  private func skip(
    _ step: Int, _ cause: String, _ loss: Double, _ directory: RunDirectory, _ log: MetricsLog,
    _ observer: any TrainingObserver
  ) throws {
    let scale = scaler?.scale
    scaler?.update(overflowed: true)
    skipped.all += 1
    skipped.inARow += 1
    try log.write(
      [
        ("step", .integer(step)), ("loss", .number(loss)), ("applied", .flag(false)),
        ("skipped", .text(cause)),
      ] + (scale.map { [("loss_scale", .number(Double($0)))] } ?? []))
    let isScales = scaler != nil && loss.isFinite
    guard recipe.run.nonFinite == .skip || isScales else {
      throw try stopped(step, cause, directory)
    }
    guard skipped.inARow <= recipe.run.skipLimit else {
      let scales = scaler.map { ", although the loss scale fell to \($0.scale)" } ?? ""
      throw try stopped(
        step, "\(skipped.inARow) steps in a row were not finite\(scales); \(cause)", directory)
    }
    observer.skipped(SkippedStep(step: step, cause: cause, lossScale: scaler?.scale))
  }

  /// What 16 bits add to a step's metrics.
  private func precisionFields(
    _ report: StepReport, _ lossScale: Float?
  ) -> [(name: String, value: MetricsLog.Value)] {
    (lossScale.map { [("loss_scale", .number(Double($0)))] } ?? [])
      + (report.lostUpdates.map {
        [("lost_updates", .integer($0.lost)), ("lost_share", .number($0.share))]
      } ?? [])
  }

  /// Writes the last good weights and says why the run ends.
  private func stopped(
    _ step: Int, _ cause: String, _ directory: RunDirectory
  ) throws -> RunError {
    if !lastGood.weights.isEmpty {
      for (index, (_, parameter)) in parameters.enumerated() {
        parameter.value = lastGood.weights[index]
      }
    }
    let file = try Checkpoint.save(
      task.model, step: lastGood.step, to: directory, keep: recipe.checkpoint.keep)
    if scaler != nil {
      return RunError.float16Overflow(step: step, cause: cause, checkpoint: file.relativePath)
    }
    return RunError.nonFinite(step: step, cause: cause, checkpoint: file.relativePath)
  }

  // MARK: Results

  private func evaluate(
    _ step: Int, _ log: MetricsLog, _ observer: any TrainingObserver
  ) throws -> Evaluation {
    let result = withEvaluationWeights {
      task.evaluate(batchSize: recipe.run.batch, batches: recipe.evaluate.batches)
    }
    optimizer.observe(metric: result.loss, mode: .min)
    if let accuracy = result.accuracy { optimizer.observe(metric: accuracy, mode: .max) }
    try log.write(
      [("step", .integer(step)), ("val_loss", .number(result.loss))]
        + (result.accuracy.map { [("val_accuracy", .number($0))] } ?? []))
    observer.evaluated(result, after: step)
    return result
  }

  private func save(_ step: Int, _ directory: RunDirectory) throws -> URL {
    try withEvaluationWeights {
      try Checkpoint.save(
        task.model, step: step, to: directory, keep: recipe.checkpoint.keep,
        schedules: optimizer.scheduleStates)
    }
  }

  /// Runs `body` with the weights that the optimizer means to be used.
  private func withEvaluationWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
    try unsafe withParameterMemory { memory in
      try unsafe optimizer.withEvaluationWeights(memory) { try body() }
    }
  }

  private func write(_ text: String, to file: URL) throws(RunError) {
    do {
      try text.write(to: file, atomically: true, encoding: .utf8)
    } catch {
      throw .cannotWrite(file.relativePath, error.localizedDescription)
    }
  }
}
