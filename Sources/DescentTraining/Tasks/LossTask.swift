public import DescentCompute
public import DescentNN

/// A model that learns examples by a loss of one's own: a whole task without a type for it.
///
/// ```swift
/// let task = try LossTask(model, training: examples, validation: others, seed: 1) {
///   model, batch, context in
///   (model(batch.inputs, context) - batch.targets).squared().mean()
/// }
/// let trainer = try Trainer(recipe, task: task)
/// ```
/// Each epoch has the training examples once, in an order of its own; batches are made on a thread beside
/// the training. An evaluation is the mean of the loss over the validation examples, at inference.
public final class LossTask<Model: Module, Data: Dataset>: TrainingTask {
  /// The loss of a batch: the mean over its examples.
  public typealias Loss = (_ model: Model, _ examples: Data.Examples, _ context: Context) -> Tensor
  /// The same against answers drawn from the model's predictions with these random numbers.
  public typealias SampledLoss = (
    _ model: Model, _ examples: Data.Examples, _ context: Context, _ random: RandomStream
  ) -> Tensor

  /// The share of the examples that the model answers rightly.
  public typealias Accuracy = (
    _ model: Model, _ examples: Data.Examples, _ context: Context
  ) -> Double

  /// The model that learns.
  public let network: Model
  private let training: Data
  private let validation: Data
  private let order: BatchOrder
  private let ahead: Int
  private let loss: Loss
  private let sampledLoss: SampledLoss?
  private let accuracy: Accuracy?
  /// A loader for each size of batches that was asked for.
  private var loaders: [Int: DataLoader<Data>] = [:]

  public let unit: String
  public var model: any Module { network }

  /// Binds a model to examples.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - training: the examples to learn.
  ///   - validation: those that evaluations take.
  ///   - seed: what the order of the examples follows.
  ///   - shuffles: whether each epoch has an order of its own.
  ///   - dropsLast: whether a last batch that is short is left out.
  ///   - ahead: how many batches may be made before they are used.
  ///   - unit: what examples are called: `images`, `rows`.
  ///   - sampledLoss: for optimizers that draw answers from the model's predictions (`sophia-g`).
  ///   - accuracy: measures the share of right answers; evaluations have it beside the loss.
  ///   - loss: runs the model; the mean loss over the examples.
  /// - Throws: ``DataError`` where one of the two has no examples.
  public init(
    _ model: Model, training: Data, validation: Data, seed: UInt64, shuffles: Bool = true,
    dropsLast: Bool = false, ahead: Int = 2, unit: String = "examples",
    sampledLoss: SampledLoss? = nil, accuracy: Accuracy? = nil, loss: @escaping Loss
  ) throws(DataError) {
    order = try BatchOrder(
      count: training.count, batch: 1, seed: seed, shuffles: shuffles, dropsLast: dropsLast)
    guard validation.count > 0 else { throw .unsuitable("there are no \(unit) to validate on") }
    (network, self.training, self.validation) = (model, training, validation)
    (self.ahead, self.unit) = (ahead, unit)
    (self.loss, self.sampledLoss, self.accuracy) = (loss, sampledLoss, accuracy)
  }

  public var summary: String? {
    "\(Amount.count(training.count)) \(unit) to train on, \(Amount.count(validation.count)) to "
      + "validate on"
  }

  /// Of the training examples and their order.
  public var fingerprint: String {
    var hash = Fingerprint()
    hash.add(training.fingerprint)
    hash.add("\(order.seed) \(order.shuffles) \(order.dropsLast)")
    return hash.text
  }

  public var measuresAccuracy: Bool { accuracy != nil }

  public func batchesPerEpoch(_ batch: Int) -> Int? { try? order(batch).batchesPerEpoch }

  private func order(_ size: Int) throws(DataError) -> BatchOrder {
    try BatchOrder(
      count: training.count, batch: size, seed: order.seed, shuffles: order.shuffles,
      dropsLast: order.dropsLast)
  }

  private func loader(_ size: Int) throws(DataError) -> DataLoader<Data> {
    if let loader = loaders[size] { return loader }
    // Others than those of the steps are asked for now and then.
    let loader = DataLoader(training, try order(size), ahead: loaders.isEmpty ? ahead : 0)
    loaders[size] = loader
    return loader
  }

  public func batch(_ number: Int, size: Int) throws -> Batch {
    let loader = try loader(size)
    let examples = try loader.examples(ofBatch: number)
    let place = loader.order.place(ofBatch: number)
    let weight = min(size, training.count - place.batch * size)
    let (network, loss) = (network, loss)
    return Batch(
      weight: weight, loss: { loss(network, examples, $0) },
      sampledLoss: sampledLoss.map { sampled in { sampled(network, examples, $0, $1) } })
  }

  public func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation {
    let count = min(validation.count, batches.map { $0.times(batchSize) } ?? .max)
    var (sum, right) = (0.0, 0.0)
    for start in stride(from: 0, to: count, by: batchSize) {
      let numbers = Array(start..<min(start + batchSize, count))
      let examples = try validation.examples(at: numbers)
      let share = Double(numbers.count) / Double(count)
      sum += share * Double(loss(network, examples, .inference).scalar)
      if let accuracy { right += share * accuracy(network, examples, .inference) }
    }
    return Evaluation(loss: sum, accuracy: accuracy == nil ? nil : right)
  }
}
