import DescentCompute
import DescentNN

/// Examples with a number each and a model that predicts it.
///
/// ```
/// z = (y − mean) / deviation        loss = 1/n Σ (f(x) − z)²
/// ```
/// The mean and the deviation are those of the targets to train on, so that the same learning rates
/// suit targets in any unit; the metrics are in the targets' own unit.
public final class Regression: TrainingTask {
  private let network: any Predictor
  private let training: RegressionDataset
  private let validation: RegressionDataset
  private let seed: UInt64
  private let format: ExampleFormat
  private let scale: TargetScale
  /// The order of the examples in the epoch that is running.
  private var order: (epoch: Int, indices: [Int]) = (-1, [])

  /// Binds a model to examples, which are standardized by the training part.
  ///
  /// - Parameters:
  ///   - data: the examples.
  ///   - seed: what the weights and the order of the examples follow.
  ///   - makeModel: makes the model, with one output.
  /// - Throws: what `makeModel` throws.
  public init(
    _ data: RegressionDataset.Split, seed: UInt64,
    makeModel: (inout RandomStream) throws -> any Predictor
  ) rethrows {
    let features = Standardization(
      of: data.training.features, size: data.training.exampleSize, per: .feature)
    scale = TargetScale(of: data.training.targets)
    format = ExampleFormat(of: data.training, features, scale)
    training = data.training.standardized(by: features)
    validation = data.validation.standardized(by: features)
    self.seed = seed
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    network = try makeModel(&random)
  }

  public var model: any Module { network }
  public var unit: String { "rows" }
  public var measuresAccuracy: Bool { false }

  public var summary: String? {
    let features = training.featureNames.map { ": \(Classification.list($0))" } ?? ""
    let (least, most) = (training.targets.min() ?? 0, training.targets.max() ?? 0)
    let name = training.answerColumn?.name.map { " “\(Classification.list([$0]))”" } ?? ""
    func text(_ x: Double) -> String { format.text(of: x, digits: 4) }
    return """
      \(Amount.count(training.count, "row")) to train on, \
      \(Amount.count(validation.count)) to validate on, \
      \(Amount.count(training.exampleSize, "feature"))\(features)
      the number\(name), from \(text(least)) to \(text(most)), is learned: mean \
      \(text(scale.mean)), standard deviation \(text(scale.deviation)); \
      data.task=classification learns classes
      """
  }

  public func batchesPerEpoch(_ batch: Int) -> Int? { epochLength(batch) }

  private func epochLength(_ batch: Int) -> Int { (training.count - 1) / batch + 1 }

  public var fingerprint: String {
    var hash = Fingerprint()
    for x in training.features { hash.add(x.bitPattern) }
    for y in training.targets {
      hash.add(UInt32(truncatingIfNeeded: y.bitPattern >> 32))
      hash.add(UInt32(truncatingIfNeeded: y.bitPattern))
    }
    return hash.text
  }

  public func batch(_ number: Int, size: Int) -> Batch {
    let (epoch, batch) = number.quotientAndRemainder(dividingBy: epochLength(size))
    if order.epoch != epoch {
      order = (epoch, BatchOrder.shuffled(training.count, epoch: epoch, seed: seed))
    }
    let range = batch * size..<min((batch + 1) * size, training.count)
    let (features, targets) = training.batch(order.indices[range])
    let x = Tensor(shape: [range.count] + training.shape, scalars: features)
    let z = targets.map { Float(scale.standardized($0)) }
    return Batch(weight: range.count) { [network] context in
      network(x, context).meanSquaredError(Tensor(shape: [z.count, 1], scalars: z))
    } sampledLoss: { [network] context, random in
      // The squared error is the loss of normal targets with a variance of 1/2.
      let prediction = network(x, context)
      var random = random
      let drawn = prediction.scalars.map { $0 + random.normal() * Float(0.5).squareRoot() }
      return prediction.meanSquaredError(Tensor(shape: prediction.shape, scalars: drawn))
    }
  }

  public func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let report = tally(max(batchSize, 256), batches: batches).report(format)
    return Evaluation(loss: report.loss, errors: report.errors)
  }

  /// All of the validation part.
  public func report(batchSize: Int) -> EvaluationReport? {
    .numbers(tally(max(batchSize, 256), batches: nil).report(format))
  }

  private func tally(_ size: Int, batches: Int?) -> RegressionTally {
    let count = min(validation.count, batches.map { $0.times(size) } ?? .max)
    var tally = RegressionTally(scale)
    for start in stride(from: 0, to: count, by: size) {
      let indices = Array(start..<min(start + size, count))
      let (features, targets) = validation.batch(indices[...])
      let x = Tensor(shape: [indices.count] + validation.shape, scalars: features)
      tally.add(network(x, .inference), targets)
    }
    return tally
  }

  /// Writes what the examples look like.
  public func save(to run: RunDirectory) throws { try format.write(to: run) }
}
