import Descent
import DescentNN

/// The weights to evaluate and keep: where the optimizer means them to be, averaged where the
/// recipe says so, with the running statistics that belong to them.
final class ResultWeights {
  private let batches: BatchGradients
  private let optimizer: Optimizer<Float>
  /// The average, which takes the place of the weights.
  let average: AveragedWeights<Float>?
  /// Running statistics for the average, and how many weights it had taken in.
  private var statistics: (taken: Int, values: [Tensor])?

  private var task: any TrainingTask { batches.task }

  init(_ average: (any WeightAverage)?, _ batches: BatchGradients, _ optimizer: Optimizer<Float>)
    throws(OptimizerError)
  {
    (self.batches, self.optimizer) = (batches, optimizer)
    self.average = average.map { AveragedWeights($0, parameters: optimizer.parameters) }
    try self.average?.begin(batches.parameters.memory)
  }

  /// Whether they are others than those that training moves.
  var differ: Bool { optimizer.evaluatesElsewhere || average != nil }

  /// The name of the average, once it has taken in weights.
  var averageName: String? {
    average.flatMap { $0.taken > 0 ? type(of: $0.kind).name : nil }
  }

  /// Shows the average the weights after a step.
  func update() throws {
    guard let average else { return }
    try withEvaluationWeights { memory in
      try average.update(memory, after: optimizer.appliedSteps)
    }
  }

  /// Runs `body` with them in the place of the weights, and puts those back.
  func use<Result>(averaged: Bool = true, _ body: () throws -> Result) throws -> Result {
    guard differ else { return try body() }
    return try batches.parameters.widened {
      try withEvaluationWeights { memory in
        guard averaged, let average, average.taken > 0 else { return try body() }
        return try average.withAverage(memory) {
          guard type(of: average.kind).needsFreshStatistics else { return try body() }
          return try withStatistics(for: average, body)
        }
      }
    }
  }

  /// Runs `body` where the optimizer's weights to evaluate are.
  private func withEvaluationWeights<Result>(
    _ body: ([ParameterMemory<Float>]) throws -> Result
  ) throws -> Result {
    if !optimizer.evaluatesElsewhere { return try body(batches.parameters.memory) }
    return try batches.parameters.widened {
      let memory = batches.parameters.memory
      return try optimizer.withEvaluationWeights(memory) { try body(memory) }
    }
  }

  /// Runs `body` with the running statistics of batch normalization that belong to the average.
  private func withStatistics<Result>(
    for average: AveragedWeights<Float>, _ body: () throws -> Result
  ) throws -> Result {
    let buffers = task.model.buffers
    return try task.model.keepingBuffers {
      if let statistics, statistics.taken == average.taken {
        buffers.restore(statistics.values)
      } else {
        try task.model.refreshStatistics(onePass)
        statistics = (average.taken, buffers.values)
      }
      return try body()
    }
  }

  /// Runs the training part once through the model.
  private func onePass() throws {
    let (size, seed) = (batches.run.batch, UInt64(batches.run.seed))
    for number in 0..<(task.batchesPerEpoch(size) ?? 0) {
      let context = Context.training(seed: seed ^ UInt64(number) << 20)
      _ = try task.batch(number, size: size).loss(context)
    }
  }
}
