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

  /// Leaves the mean gradient over all examples of a step in the parameters.
  ///
  /// - Parameters:
  ///   - attempt: the number of the attempt, from 1.
  ///   - scale: what the loss is multiplied by for the backward pass.
  ///   - observer: who sees the layers.
  ///   - loss: the mean loss of a micro-batch, with the seed of its random numbers; the task's own
  ///     by default.
  ///   - permits: asked with the mean loss so far before each backward pass; false ends it.
  ///   - whenComplete: as for `Tape.gradients`.
  func compute(
    _ attempt: Int, scale: Float = 1, observer: (any LayerObserver)? = nil,
    loss: ((Batch, Context, _ seed: UInt64) -> Tensor)? = nil,
    permits: (Double) -> Bool = { _ in true }, whenComplete: ((Parameter) -> Void)? = nil
  ) -> BatchLoss {
    let first = (attempt - 1) * run.accumulate
    let batches = (first..<first + run.accumulate).map { task.batch($0, size: run.batch) }
    // Each micro-batch counts by its examples, so that accumulation equals one large batch.
    var total = BatchLoss(mean: 0, items: batches.reduce(0) { $0 + $1.weight })
    for (index, batch) in batches.enumerated() {
      let tape = Tape()
      let seed = UInt64(run.seed) ^ UInt64(first + index) << 20
      let context = tape.context(training: true, seed: seed, observer: observer)
      let loss = loss?(batch, context, seed) ?? task.loss(batch, context)
      let share = Double(batch.weight) / Double(total.items)
      total.mean += share * Double(loss.scalar)
      guard permits(total.mean) else { break }
      tape.gradients(
        of: loss, scale: Float(share) * scale, accumulating: index > 0, whenComplete: whenComplete)
    }
    return total
  }
}
