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
  /// How the run goes on; nil when it begins.
  public private(set) var resumption: Resumption?

  private let parameters: [(name: String, parameter: Parameter)]
  /// Their indices.
  private let places: [ObjectIdentifier: Int]
  private let optimizer: Optimizer<Float>
  /// K-FAC's view of the layers, for rules that need it.
  private let preconditioner: KFACPreconditioner?
  /// Updates parameters in the backward pass, where the recipe asks for it.
  private let release: GradientRelease<Float>?
  /// The average of the weights, which is evaluated and kept in their place.
  private let average: AveragedWeights<Float>?
  /// Lines of the metrics from before, in a run that goes on.
  private var logged = 0
  /// Checkpoints that the next one replaces.
  private var unusable: [URL] = []
  /// Running statistics for the average, and how many weights it had taken in.
  private var statistics: (taken: Int, values: [Tensor])?
  /// What tells the data apart from others.
  private lazy var fingerprint = task.fingerprint
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
    places = Dictionary(
      uniqueKeysWithValues: parameters.enumerated().map {
        (ObjectIdentifier($1.parameter), $0)
      })
    preconditioner =
      recipe.optimizer.rule is any LayerRule ? KFACPreconditioner(task.model) : nil
    do throws(OptimizerError) {
      optimizer = try Self.makeOptimizer(
        recipe, parameters, preconditioner.map { .preconditioner($0) } ?? .byCaller)
    } catch { throw RecipeError(problems: ["\(error)"]) }
    do throws(OptimizerError) {
      release = recipe.run.releasesGradients ? try GradientRelease(optimizer) : nil
    } catch { throw RecipeError(problems: ["\(error)"]) }
    average = recipe.average.map { [optimizer] in
      AveragedWeights($0, parameters: optimizer.parameters)
    }
    lastGood = (0, [])
    scaler = recipe.run.precision == .fp16 ? recipe.lossScale : nil
    unsafe withParameterMemory { memory in
      unsafe optimizer.roundWeights(memory)
      unsafe average?.begin(memory)
    }
  }

  /// Goes on with the run in a folder, after its newest checkpoint that can be used or the one asked
  /// for; to the bit as if it had never stopped. What the run did later is dropped.
  ///
  /// - Parameters:
  ///   - directory: the run.
  ///   - checkpoint: the file name of one of its checkpoints; nil for the newest.
  ///   - overrides: changes of the recipe, of the form `steps=2000`.
  /// - Throws: ``RecipeError`` for changes that contradict what was saved, ``RunError`` when nothing
  ///   can be gone on from or nothing is left to do, and what ``init(_:)`` throws.
  public convenience init(
    resuming directory: RunDirectory, checkpoint: String? = nil, overrides: [String] = []
  ) throws {
    let yaml = try String(contentsOf: directory.recipe, encoding: .utf8)
    let (recipe, changes) = try Recipe.resuming(yaml, overrides: overrides)
    let (file, state, passedOver) = try Checkpoint.newest(of: directory, upTo: checkpoint)
    try self.init(recipe)
    do {
      guard state.data == fingerprint else {
        throw RunError.checkpointMismatch(
          "\(directory.path) was begun with other training data: put those back, or start a new run"
        )
      }
      try Checkpoint.load(file, into: task.model, preferring: "training/")
      try optimizer.restore(state.optimizer)
      try average?.restore(state.average)
    } catch let mismatch as StateMismatch {
      throw RunError.checkpointMismatch("\(file.relativePath): \(mismatch)")
    }
    unsafe withParameterMemory { unsafe optimizer.roundWeights($0) }
    scaler?.restore(scale: state.scalars.lossScale, successes: state.scalars.scaleSuccesses)
    skipped = (state.scalars.skipped, state.scalars.skippedInARow)
    logged = state.scalars.logged
    guard state.step < steps else { throw RunError.finished(directory.path, steps: state.step) }
    resumption = Resumption(
      checkpoint: file.relativePath, step: state.step, passedOver: passedOver, changes: changes)
    unusable = passedOver.map(\.file)
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
      parameters: task.model.parameterCount, steps: steps, done: resumption?.step ?? 0,
      unit: task.unit, stateBytes: max(optimizer.stateBytes, historyBytes),
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
    var step = resumption?.step ?? 0
    let log = try MetricsLog(directory.metrics, keeping: logged)
    observer.started(facts)
    var evaluation: (step: Int, result: Evaluation)?
    var seconds = 0.0
    var largest = 0
    var lost: (lost: Int, updates: Int)?
    lastGood = (step, parameters.map { $0.parameter.value.copied() })
    while step < steps, !observer.wantsToStop {
      step += 1
      let start = ContinuousClock.now
      let meter = ActivationMeter(parameters)
      // A batch that was skipped is not tried again.
      let buffers = task.model.namedBuffers.map { ($0.buffer, $0.buffer.value) }
      // A release moves the weights in the backward pass.
      let before = release == nil ? nil : weightsToKeep(step)
      let (loss, items) =
        release.map { releasing(step, $0) }
        ?? gradients(step + skipped.all, observer: preconditioner)
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
      if let good = before ?? weightsToKeep(step) { lastGood = (step - 1, good) }
      var report = update(step + skipped.all, loss: loss)
      if case .broken(let culprit) = report.outcome {
        throw try stopped(step, "\(culprit)", directory)
      }
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
      if report.applied { takeIntoAverage() }
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
        _ = try save(step, directory, log)
      }
    }
    if step == steps, evaluation?.step != step {
      // Schedules follow the regular evaluations only, so that a longer run takes the same course.
      evaluation = (step, try evaluate(step, log, observer, feedsSchedules: false))
    }
    let checkpoint = try save(step, directory, log)
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
    _ step: Int, observer: (any LayerObserver)? = nil, sampled: Bool = false,
    whenComplete: ((Parameter) -> Void)? = nil
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
      // What is updated at once must not come from such a loss.
      if whenComplete != nil, !mean.isFinite { return (mean, total) }
      tape.gradients(
        of: loss, scale: Float(share) * (scaler?.scale ?? 1), accumulating: index > 0,
        whenComplete: whenComplete)
    }
    return (mean, total)
  }

  /// Runs the backward pass, twice where the norm must be known first, and updates each parameter in
  /// it.
  private func releasing(
    _ step: Int, _ release: GradientRelease<Float>
  ) -> (loss: Double, items: Int) {
    func pass(_ use: (Int, UnsafeBufferPointer<ParameterMemory<Float>>) -> Void) -> (Double, Int) {
      unsafe withoutActuallyEscaping(use) { use in
        gradients(step) { [self] parameter in
          let index = places[ObjectIdentifier(parameter)]!
          unsafe parameters.map(\.parameter).withMemory(of: index) { unsafe use(index, $0) }
          parameter.clearGradient()
        }
      }
    }
    release.start()
    func update() -> (Double, Int) {
      unsafe withParameterMemory { unsafe release.begin($0) }
      return unsafe pass { unsafe release.release($0, $1) }
    }
    guard release.needsMeasuring else { return update() }
    let measured = unsafe pass { unsafe release.measure($0, $1[$0].gradient!) }
    return measured.0.isFinite ? task.model.keepingBuffers(update) : measured
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
    if let release { return release.end() }
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
    try unsafe parameters.map(\.parameter).withMemory(body)
  }

  // MARK: The guard

  /// A copy of the weights every tenth step, to be kept once their loss is finite: an update may
  /// leave weights that are finite and yet useless, which only the next loss shows.
  private func weightsToKeep(_ step: Int) -> [Tensor]? {
    (step - 1) % 10 == 0 ? parameters.map { $0.parameter.value.copied() } : nil
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
    for (index, (_, parameter)) in parameters.enumerated() {
      parameter.value = lastGood.weights[index]
    }
    var file = Checkpoint.file(lastGood.step, of: directory)
    // A whole checkpoint of that step is better than its weights alone.
    if (try? Checkpoint.state(file)) == nil {
      file = try Checkpoint.save(
        task.model, step: lastGood.step, to: directory, keep: recipe.checkpoint.keep)
    }
    if scaler != nil {
      return RunError.float16Overflow(step: step, cause: cause, checkpoint: file.relativePath)
    }
    return RunError.nonFinite(step: step, cause: cause, checkpoint: file.relativePath)
  }

  // MARK: Results

  private func evaluate(
    _ step: Int, _ log: MetricsLog, _ observer: any TrainingObserver, feedsSchedules: Bool = true
  ) throws -> Evaluation {
    func measured() -> Evaluation {
      task.evaluate(batchSize: recipe.run.batch, batches: recipe.evaluate.batches)
    }
    var result = withResultWeights(measured)
    if feedsSchedules {
      optimizer.observe(metric: result.loss, mode: .min)
      if let accuracy = result.accuracy { optimizer.observe(metric: accuracy, mode: .max) }
    }
    var fields: [(name: String, value: MetricsLog.Value)] = [
      ("step", .integer(step)), ("val_loss", .number(result.loss)),
    ]
    if let accuracy = result.accuracy { fields.append(("val_accuracy", .number(accuracy))) }
    if let average, average.taken > 0 {
      let raw = withResultWeights(averaged: false, measured)
      result.lossWithoutAverage = raw.loss
      fields += [
        ("average", .text(type(of: average.kind).name)), ("val_loss_raw", .number(raw.loss)),
      ]
    }
    try log.write(fields)
    observer.evaluated(result, after: step)
    return result
  }

  private func save(
    _ step: Int, _ directory: RunDirectory, _ log: MetricsLog
  ) throws -> URL {
    let differs = optimizer.evaluatesElsewhere || average != nil
    // The number of threads changes nothing, not even the file.
    var recipe = recipe
    recipe.run.threads = nil
    let state = TrainingState(
      step: step, recipe: recipe.yaml, data: fingerprint,
      scalars: TrainingState.Scalars(
        logged: log.lines, skipped: skipped.all, skippedInARow: skipped.inARow,
        lossScale: scaler?.scale ?? 1, scaleSuccesses: scaler?.successes ?? 0),
      optimizer: optimizer.savedState, average: average?.state ?? [],
      training: differs ? task.model.namedTensors.map { ($0, $1.copied()) } : [])
    let file = try withResultWeights {
      try Checkpoint.save(
        task.model, step: step, to: directory, keep: recipe.checkpoint.keep, unusable: unusable,
        state: state)
    }
    unusable = []
    return file
  }

  // MARK: The weights to use

  private func takeIntoAverage() {
    guard let average else { return }
    unsafe withParameterMemory { memory in
      unsafe optimizer.withEvaluationWeights(memory) {
        unsafe average.update(memory, after: optimizer.appliedSteps)
      }
    }
  }

  /// Runs `body` with the weights to evaluate and keep: those that the optimizer means to be used,
  /// averaged where the recipe says so.
  private func withResultWeights<Result>(
    averaged: Bool = true, _ body: () throws -> Result
  ) rethrows -> Result {
    try unsafe withParameterMemory { memory in
      try unsafe optimizer.withEvaluationWeights(memory) {
        guard averaged, let average, average.taken > 0 else { return try body() }
        return try unsafe average.withAverage(memory) {
          try withFreshStatistics(for: average, body)
        }
      }
    }
  }

  /// Runs `body` with the running statistics of batch normalization that belong to the average.
  private func withFreshStatistics<Result>(
    for average: AveragedWeights<Float>, _ body: () throws -> Result
  ) rethrows -> Result {
    guard type(of: average.kind).needsFreshStatistics else { return try body() }
    let model = task.model
    return try model.keepingBuffers {
      if statistics?.taken != average.taken {
        let size = recipe.run.batch
        model.refreshStatistics {
          for number in 0..<(task.batchesPerEpoch(size) ?? 0) {
            let seed = UInt64(recipe.run.seed) ^ UInt64(number) << 20
            _ = task.logits(task.batch(number, size: size), .training(seed: seed))
          }
        }
        statistics = (average.taken, model.namedBuffers.map(\.buffer.value))
      }
      for ((_, buffer), value) in zip(model.namedBuffers, statistics!.values) {
        buffer.value = value
      }
      return try body()
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
