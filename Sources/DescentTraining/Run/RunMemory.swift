public import Descent
import DescentCompute
import DescentNN

/// What a run of a recipe takes besides its optimizer, found by a step without an update, an
/// evaluation of one batch and a sample; and with an ``OptimizerMemory``, what the process takes.
///
/// Where the model or its batch is too large for that, ``basis`` says what stands in its place.
public struct RunMemory: Sendable {
  /// The model's parameters; those that the recipe freezes are not trainable.
  public let parameters: [ParameterInfo]
  /// Running statistics and the like.
  public let bufferBytes: Int
  /// The most that activations take in a step, beside weights and gradients.
  public let activationBytes: Int
  /// What all tensors of a step take, and what was kept for their sizes: weights and gradients
  /// included.
  public let tensorBytes: Int
  /// What the process takes besides: the program, its threads, the data.
  public let processBytes: Int
  /// How activations were found.
  public let basis: Basis
  /// What a trained weight takes in the recipe's own format.
  private let ownWeightBytes: Int
  private let releasesGradients: Bool
  private let savesOnTheWay: Bool
  private let averages: Int

  /// How activations were found.
  public enum Basis: Sendable, Equatable {
    /// A step of the recipe's own batch.
    case step
    /// Steps of one and of two examples; activations grow evenly with the batch.
    case examples
    /// The model's own lower bound: a step here would take too long.
    case bound
  }

  /// The bytes of one optimizer's run, by what is going on.
  public struct Phases: Sendable, Equatable {
    /// The data, the weights and the state are there.
    public var load: Int
    /// The first step's gradients, before anything moves.
    public var firstStep: Int
    /// A step with its update.
    public var steady: Int
    /// A checkpoint is copied, and the weights to use are evaluated.
    public var save: Int
    /// The largest.
    public var peak: Int { max(load, firstStep, steady, save) }

    /// Phases of known sizes.
    public init(load: Int, firstStep: Int, steady: Int, save: Int) {
      (self.load, self.firstStep, self.steady, self.save) = (load, firstStep, steady, save)
    }
  }

  /// Measures a recipe in this process.
  ///
  /// - Throws: ``RecipeError``, ``DataError``, `ModelError`; ``TooLarge`` where the model has more
  ///   weights than can be made here in a moment.
  public init(of recipe: Recipe) throws {
    // As the run would have: what threads keep counts for each.
    if let threads = recipe.run.threads { Machine.setThreads(threads) }
    let empty = TensorPool.bytesInUse + TensorPool.bytesFree
    let (task, size) = try recipe.makeTaskToMeasure(most: Self.mostWeights)
    let model = task.model
    try recipe.freeze(model)
    if recipe.plan.weights.isRounded {
      for parameter in model.parameters where parameter.isTrainable { parameter.format = .bfloat16 }
    }
    let run = recipe.run
    let batches = BatchGradients(task: task, parameters: model.parameters, run: run)
    // Operations for a weight and a number of an example, forward and backward.
    let work = 6 * Double(model.parameterCount) * (size?.example ?? 1)
    let isSmall = { (examples: Int) in work * Double(examples) <= Self.mostWork }
    let format = (run.precision.format, recipe.plan.weights.used)
    func activations(_ examples: Int) throws -> Int {
      try Autocast.run(in: format.0, weights: format.1) {
        // From the second step on, new gradients come beside those of the step before.
        try (0..<2).reduce(0) { most, _ in
          let meter = ActivationMeter(run.releasesGradients ? [] : model.parameters)
          try batches.part(0, size: examples).measure(releases: run.releasesGradients)
          return max(most, meter.bytes)
        }
      }
    }
    if isSmall(run.batch) {
      basis = .step
      activationBytes = try activations(run.batch)
      try Autocast.run(in: format.0, weights: format.1) {
        _ = try task.evaluate(batchSize: run.batch, batches: 1)
        _ = task.samples(batchSize: run.batch)
      }
    } else if isSmall(2) {
      basis = .examples
      let (one, two) = (try activations(1), try activations(2))
      activationBytes = min(max(two - one, 0).times(run.batch - 1), Self.most) + one
    } else {
      basis = .bound
      activationBytes = Int(min(4 * (size?.kept ?? 0) * Double(run.batch), Double(Self.most)))
    }
    let used = TensorPool.bytesInUse + TensorPool.bytesFree - empty
    parameters = model.parameterInfos
    bufferBytes = model.buffers.reduce(0) { $0 + 4 * $1.value.count }
    let weightBytes = recipe.plan.weights.isRounded ? 2 : 4
    // A gradient, too, of what is trained.
    let tensors = parameters.reduce(0) {
      $0 + ($1.trainable ? 4 + weightBytes : 4) * $1.count
    }
    tensorBytes = basis == .step ? used : tensors + activationBytes
    processBytes = max(0, (Machine.residentBytes ?? 0) - used) + Self.runBytes
    ownWeightBytes = weightBytes
    releasesGradients = run.releasesGradients
    savesOnTheWay = recipe.checkpoint.every > 0
    averages = recipe.average?.copies ?? 0
  }

  /// What a run adds to the program besides, as measured: the threads and buffers that write metrics and
  /// checkpoints, and code that nothing else uses.
  private static let runBytes = 7_000_000
  /// Nothing is said to be larger, so that sums do not overflow.
  private static let most = 1 << 60
  /// More weights are not made for the sake of their shapes.
  static let mostWeights = 2e8
  /// More operations are not done for the sake of their memory.
  static let mostWork = 4e11

  /// The model has more weights than are made for the sake of their shapes.
  public struct TooLarge: Error {
    /// About how many.
    public let weights: Double
  }

  /// The weights that training moves.
  public var trainable: Int { parameters.reduce(0) { $0 + ($1.trainable ? $1.count : 0) } }

  /// The weights as they lie in memory: in float32, and those that training moves in 16 bits where the
  /// optimizer rounds them.
  public func weightBytes(_ optimizer: OptimizerMemory) -> Int {
    parameters.reduce(0) { $0 + ($1.trainable ? Self.bytes(optimizer) : 4) * $1.count }
  }

  /// What a weight takes that training moves.
  private static func bytes(_ optimizer: OptimizerMemory) -> Int {
    optimizer.roundedBytes > 0 ? 2 : 4
  }

  /// The gradients of a step; 0 where each is freed at once.
  public var gradientBytes: Int { releasesGradients ? 0 : 4 * trainable }

  /// What the trainer keeps to be safe: two copies of the weights, and the copy of a checkpoint.
  public func copyBytes(_ optimizer: OptimizerMemory) -> Int {
    2 * Self.bytes(optimizer) * trainable + 3 * bufferBytes + checkpointBytes(optimizer)
  }

  private func checkpointBytes(_ optimizer: OptimizerMemory) -> Int {
    let weights = bufferBytes + weightBytes(optimizer)
    // Those to use beside those of training are floats.
    let result = parameters.reduce(bufferBytes) { $0 + 4 * $1.count }
    let differs = optimizer.evaluatesElsewhere || averages > 0
    return optimizer.stateBytes + averageBytes + weights + (differs ? result : 0)
  }

  private var averageBytes: Int { 4 * averages * trainable }

  /// What the process takes with an optimizer.
  public func phases(_ optimizer: OptimizerMemory) -> Phases {
    let weights = bufferBytes + weightBytes(optimizer)
    let kept = optimizer.stateBytes + averageBytes
    let checkpoint = checkpointBytes(optimizer)
    let size = Self.bytes(optimizer)
    let copies = 2 * size * trainable + 2 * bufferBytes + (savesOnTheWay ? checkpoint : 0)
    let load = processBytes + weights + kept
    // Measured with weights, and gradients, in the recipe's own format; gradients of weights in 16 bits
    // may be floats all the same.
    let change = size - ownWeightBytes
    let tensors = tensorBytes + (change + (releasesGradients ? 0 : max(0, change))) * trainable
    let first = processBytes + tensors + kept + copies
    // The weights to use are put, as floats, in the place of those that training moves, which are kept
    // meanwhile.
    let moved = optimizer.evaluatesElsewhere ? 4 * trainable : 0
    let differs = optimizer.evaluatesElsewhere || averages > 0
    let lent = moved + (averages > 0 ? 4 * trainable : 0) + (differs ? (4 - size) * trainable : 0)
    let steady = first + optimizer.workingBytes
    return Phases(
      load: load, firstStep: first, steady: steady,
      save: steady - optimizer.passingBytes + (savesOnTheWay ? 0 : checkpoint) + lent)
  }
}

extension BatchGradients.Part {
  /// A forward and a backward pass, for the memory that they take.
  fileprivate func measure(releases: Bool) {
    let tape = Tape()
    let loss = batch.loss(tape.context(training: true, seed: seed))
    tape.gradients(of: loss, whenComplete: releases ? { $0.clearGradient() } : nil)
  }
}

extension Recipe {
  /// The task, and what its model takes, unless the model has more than so many weights.
  fileprivate func makeTaskToMeasure(
    most weights: Double
  ) throws -> (task: any TrainingTask, size: ModelSize?) {
    try makeTask { size in
      // One example, so that a batch larger than the machine's memory can be planned for.
      if !(size.weights <= weights) { throw RunMemory.TooLarge(weights: size.weights) }
    }
  }
}
