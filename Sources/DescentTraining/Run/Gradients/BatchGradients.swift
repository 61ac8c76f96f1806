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
  func compute(
    _ attempt: Int, scale: Float = 1, observer: (any LayerObserver)? = nil,
    sampled: Bool = false,
    permits: (Double) -> Bool = { _ in true }, whenComplete: ((Parameter) -> Void)? = nil
  ) -> BatchLoss {
    let numbers = microBatches.range(ofStep: attempt - 1)
    let batches = numbers.map { task.batch($0, size: run.batch) }
    // Each micro-batch counts by its examples, so that accumulation equals one large batch.
    var total = BatchLoss(mean: 0, items: batches.reduce(0) { $0 + $1.weight })
    for (index, batch) in batches.enumerated() {
      let tape = Tape()
      let seed = UInt64(run.seed) ^ UInt64(numbers.lowerBound + index) << 20
      let context = tape.context(training: true, seed: seed, observer: observer)
      let loss =
        sampled
        ? batch.sampledLoss(context, RandomStream(seed: seed, stream: RandomPurpose.labels))
        : batch.loss(context)
      let share = Double(batch.weight) / Double(total.items)
      total.mean += share * Double(loss.scalar)
      guard permits(total.mean) else { break }
      tape.gradients(
        of: loss, scale: Float(share) * scale, accumulating: index > 0, whenComplete: whenComplete)
    }
    return total
  }
}
