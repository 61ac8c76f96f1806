import Descent
import DescentNN
import Foundation

/// Trains a recipe into a run directory; or a ``TrainingTask`` that a program has made, as a recipe says.
///
/// A step is: loss and gradients of each micro-batch, the guard, clipping, the schedule, the
/// update. Batches and dropout are pure functions of the seed and the step.
public final class Trainer {
  /// The recipe, its open ends filled in from the data.
  public let recipe: Recipe
  /// The recipe as it is written: lengths of schedules that nobody set are still open, so that they
  /// follow the run when it is made longer.
  let written: Recipe
  /// The model and its data.
  public let task: any TrainingTask
  /// Optimizer steps of the run.
  public let steps: Int
  /// What the run was resumed from; nil for a new run.
  public internal(set) var resumption: Resumption?

  let parameters: [Parameter]
  let optimizer: Optimizer<Float>
  let source: any GradientSource
  let curvature: CurvatureGradients?
  let nonFinite: NonFiniteGuard
  let result: ResultWeights
  let batches: BatchGradients
  let spikes: SpikePolicy?
  let instruments: Instruments?
  /// The best of the regular evaluations.
  var best: BestEvaluation?
  /// Whether the weights are those of other ones, rather than drawn.
  var hasBegun = false
  /// Steps done, and the lines of the metrics about them.
  var done = (steps: 0, lines: 0)
  /// The right to train the run, from when it is resumed or begun on.
  var lock: RunLock?
  /// Checkpoints that were passed over; they go when the next one is written.
  var passedOver: [URL] = []
  /// What tells the data apart from others.
  private(set) lazy var fingerprint = task.fingerprint
  /// What tells the frozen weights in files apart from others; nil where there are none.
  let fileFingerprint: String?

  /// Makes the optimizer, and loads the data and makes the model where none are given.
  ///
  /// - Parameters:
  ///   - given: the recipe.
  ///   - own: a model and data that the program has made, in the place of those that the recipe names.
  ///     The model's parameters get their paths as names.
  /// - Throws: ``RecipeError``, ``DataError``, `ModelError`; what `own` throws.
  public init(_ given: Recipe, task own: (any TrainingTask)? = nil) throws {
    var given = try own.map(given.using) ?? given
    given.model = given.model.located()
    given.data = given.model.completing(given.data)
    var recipe = given
    if let threads = recipe.run.threads { ThreadPool.shared.setThreads(threads) }
    own?.model.assignNames()
    task = try own ?? recipe.makeTask()
    steps = try recipe.steps(of: task)
    try recipe.fit(steps: steps)
    try recipe.requireMetrics(of: task)
    try recipe.fit(batchesOf: task)
    self.recipe = recipe
    let kind = recipe.adapter == nil ? recipe.model : recipe.model.frozen()
    fileFingerprint = own == nil ? try kind.fileFingerprint() : nil
    written = recipe.withSchedules(of: given)
    let model = task.model
    try recipe.freeze(model)
    try recipe.requireMemory(forOptimizerOf: model)
    let preconditioner = recipe.plan.rule.needs.contains(.layers) ? KFACPreconditioner(model) : nil
    optimizer = try recipe.makeOptimizer(for: model, preconditioner)
    parameters = model.parameters
    try optimizer.roundWeights(parameters)
    // The floats that the weights were drawn as have served.
    if recipe.plan.weights.isRounded { TensorPool.releaseFree() }
    batches = BatchGradients(task: task, parameters: parameters, run: recipe.run)
    source = try recipe.makeGradientSource(batches, optimizer, preconditioner)
    curvature = CurvatureGradients(batches, optimizer)
    nonFinite = NonFiniteGuard(recipe, model, optimizer)
    result = try ResultWeights(recipe.average, batches, optimizer)
    let trainable = zip(parameters, optimizer.parameters).filter(\.1.trainable).map(\.0)
    spikes = SpikePolicy(recipe.spike, trainable)
    instruments = Instruments(recipe.instruments, batches, optimizer)
  }

  /// Trains a task in a folder: begins a run there, or goes on with the one that was begun there, as a
  /// program does that may be ended at any time and started again.
  ///
  /// - Parameters:
  ///   - recipe: how to train.
  ///   - task: the model and its data, the same each time.
  ///   - path: the folder of the run; made where it is not there.
  ///   - observer: who watches it; nil is nobody.
  /// - Throws: ``RunError/finished(_:steps:)`` where nothing is left to do; what ``init(_:task:)``,
  ///   ``init(resuming:checkpoint:with:task:)`` and ``run(in:observer:)`` throw.
  @discardableResult
  public static func train(
    _ recipe: Recipe, task: any TrainingTask, in path: String,
    observer: (any TrainingObserver)? = nil
  ) throws -> TrainingResult {
    guard let run = try? RunDirectory(existing: path) else {
      let trainer = try Trainer(recipe, task: task)
      return try trainer.run(in: RunDirectory(new: path, name: ""), observer: observer)
    }
    // One that was ended before its first checkpoint begins again.
    let hasBegun = !(run.checkpointFiles + run.untrustedFiles).isEmpty
    let trainer =
      try hasBegun
      ? Trainer(resuming: run, with: recipe, task: task) : Trainer(recipe, task: task)
    return try trainer.run(in: run, observer: observer)
  }

  /// What is known before the first step.
  public var facts: RunFacts {
    RunFacts(optimizer, task, steps: steps, done: done.steps)
  }

  /// Trains to the end, or until the observer wants to stop.
  ///
  /// - Parameters:
  ///   - directory: where the run is kept.
  ///   - observer: who watches it; nil is nobody.
  /// - Throws: ``RunError/nonFinite(step:cause:checkpoint:)`` or
  ///   ``RunError/float16Overflow(step:cause:checkpoint:)`` when the guard stops the run, after the
  ///   last good weights are on disk; ``RunError/locked(_:by:)`` when another process trains the run;
  ///   errors of writing.
  @discardableResult
  public func run(
    in directory: RunDirectory, observer: (any TrainingObserver)? = nil
  ) throws -> TrainingResult {
    try begin()
    if lock == nil { lock = try RunLock(directory) }
    defer { lock = nil }
    directory.removeTemporaryFiles()
    try directory.write(written.yaml, to: directory.recipe)
    try task.save(to: directory)
    return try Autocast.run(in: recipe.run.precision.format, weights: recipe.plan.weights.used) {
      var loop = try TrainingLoop(self, in: directory, observer ?? NoObserver())
      return try loop.run()
    }
  }
}
