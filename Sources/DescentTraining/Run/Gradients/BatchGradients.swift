import Descent
import DescentNN

/// The loss of a step's batches.
struct BatchLoss {
  /// The mean over all examples, in nats.
  var mean: Double
  /// Images, rows or tokens.
  let items: Int

  var isFinite: Bool { mean.isFinite }
}

/// Loss and gradients of the micro-batches of a step: functions of the seed and the attempt.
struct BatchGradients {
  let task: any TrainingTask
  let parameters: [Parameter]
  let run: RunSettings
  private let microBatches: MicroBatches

  init(task: any TrainingTask, parameters: [Parameter], run: RunSettings) {
    (self.task, self.parameters, self.run) = (task, parameters, run)
    microBatches = MicroBatches(task, run)
  }

  /// Leaves the mean gradient over all examples of a step in the parameters.
  ///
  /// - Parameters:
  ///   - attempt: the number of the attempt, from 1.
  ///   - scale: what the loss is multiplied by for the backward pass.
  ///   - observer: who sees the layers.
  ///   - sampled: whether answers are drawn from the model's own predictions.
  ///   - permits: asked with the mean loss so far before each backward pass; false ends it.
  ///   - whenComplete: as for `Tape.gradients`.
  /// - Throws: what the task throws where it cannot make a batch; nothing has changed then.
  func compute(
    _ attempt: Int, scale: Float = 1, observer: (any LayerObserver)? = nil,
    sampled: Bool = false,
    permits: (Double) -> Bool = { _ in true }, whenComplete: ((Parameter) -> Void)? = nil
  ) throws -> BatchLoss {
    let parts = try parts(of: attempt)
    // Each micro-batch counts by its examples, so that accumulation equals one large batch.
    var total = BatchLoss(mean: 0, items: parts.reduce(0) { $0 + $1.batch.weight })
    for (index, part) in parts.enumerated() {
      let (batch, seed) = (part.batch, part.seed)
      let tape = Tape()
      let context = tape.context(training: true, seed: seed, observer: observer)
      // The trainer has asked a batch whether it can.
      let sampledLoss = sampled ? batch.sampledLoss : nil
      let loss =
        sampledLoss?(context, RandomStream(seed: seed, stream: RandomPurpose.labels))
        ?? batch.loss(context)
      let share = Double(batch.weight) / Double(total.items)
      total.mean += share * Double(loss.scalar)
      guard permits(total.mean) else { break }
      tape.gradients(
        of: loss, scale: Float(share) * scale, accumulating: index > 0, whenComplete: whenComplete)
    }
    return total
  }

  /// A batch, and the seed of what dropout drops.
  struct Part {
    let batch: Batch
    let seed: UInt64

    /// Leaves its mean gradient, multiplied by `scale`, in the parameters that it depends on.
    func gradients(scale: Float) {
      let tape = Tape()
      let loss = batch.loss(tape.context(training: true, seed: seed))
      tape.gradients(of: loss, scale: scale)
    }
  }

  /// The batch with this number.
  func part(_ number: Int, size: Int) throws -> Part {
    Part(batch: try task.batch(number, size: size), seed: UInt64(run.seed) ^ UInt64(number) << 20)
  }

  /// The micro-batches of an attempt.
  func parts(of attempt: Int) throws -> [Part] {
    try microBatches.range(ofStep: attempt - 1).map { try part($0, size: run.batch) }
  }

  /// The mean loss over all examples of an attempt with the weights as they are, as in training; `units`
  /// sees what ReLUs answer.
  func loss(_ attempt: Int, units: (any UnitObserver)? = nil) throws -> Double {
    let parts = try parts(of: attempt)
    let items = parts.reduce(0) { $0 + $1.batch.weight }
    return parts.reduce(0) { sum, part in
      let loss = part.batch.loss(.training(seed: part.seed, units: units))
      return sum + Double(part.batch.weight) / Double(items) * Double(loss.scalar)
    }
  }
}
