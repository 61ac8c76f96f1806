public import Descent
import DescentCompute
import DescentNN

/// What a run trains: a model bound to its data.
///
/// Most tasks need no type of their own: a ``LossTask`` is made of a model, examples and a loss. A type
/// is for what is not like that: data that are made on the way, several losses, other metrics.
public protocol TrainingTask: AnyObject {
  /// The model.
  var model: any Module { get }
  /// What a batch is counted in: `images`, `tokens`, `rows`; `examples` where nothing is said.
  var unit: String { get }
  /// What it learns from, in a line or a few: how much, and which classes; nil says nothing.
  var summary: String? { get }
  /// Batches in one pass over the training part; nil when there is no such thing.
  func batchesPerEpoch(_ batch: Int) -> Int?
  /// Whether batches are drawn at random, so that a pass is an amount of data and has no end.
  var drawsAtRandom: Bool { get }
  /// What tells the training data apart from others: a ``Fingerprint`` of them.
  var fingerprint: String { get }
  /// The batch with this number since the start; a pure function of the seed, the number and what
  /// ``archive(_:)`` lists.
  ///
  /// - Throws: why there is none, such as a ``DataError`` of reading: the run ends with it, and can be
  ///   resumed from its last checkpoint.
  func batch(_ number: Int, size: Int) throws -> Batch
  /// The metrics of the validation part, on at most `batches` batches.
  ///
  /// - Throws: as ``batch(_:size:)``.
  func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation
  /// What the model makes with its present weights, for a person to look at: a text, examples that it
  /// gets wrong; nothing where there is nothing to be seen. Training must not depend on it.
  ///
  /// - Parameter batchSize: how many examples may go through the model at once.
  func samples(batchSize: Int) -> [TrainingSample]
  /// What a look at all of the validation part finds, in detail; nil where there is no more to say than
  /// ``evaluate(batchSize:batches:)`` does.
  ///
  /// - Parameter batchSize: how many examples may go through the model at once.
  func report(batchSize: Int) throws -> EvaluationReport?
  /// Whether an evaluation may have an accuracy, which schedules can follow.
  var measuresAccuracy: Bool { get }
  /// Numbers about the step that was taken last, beside its loss, by their keys in the metrics: the
  /// losses of parts, a return.
  var metrics: [String: Double] { get }
  /// What the task itself remembers from step to step, beside the model: listed once, to be saved and
  /// restored, so that a run that is resumed takes the same course.
  ///
  /// - Throws: what was saved does not fit.
  func archive(_ archive: StateArchive) throws(StateMismatch)
  /// Writes into the run's folder what using the model takes besides its weights, such as the
  /// tokenizer of a language model.
  func save(to run: RunDirectory) throws
}

extension TrainingTask {
  /// `examples`.
  public var unit: String { "examples" }
  /// Nothing.
  public var summary: String? { nil }
  /// False: each pass takes the examples once.
  public var drawsAtRandom: Bool { false }
  /// None.
  public func samples(batchSize: Int) -> [TrainingSample] { [] }
  /// None.
  public func report(batchSize: Int) throws -> EvaluationReport? { nil }
  /// True.
  public var measuresAccuracy: Bool { true }
  /// None.
  public var metrics: [String: Double] { [:] }
  /// Nothing: batches follow from the seed and their numbers alone.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {}
  /// Nothing.
  public func save(to run: RunDirectory) throws {}
}

/// Some of the training data, ready to go through the model.
public struct Batch {
  /// How many answers are asked for: the weight of the batch in a mean.
  public let weight: Int
  /// The mean loss.
  public let loss: (Context) -> Tensor
  /// The mean loss against answers drawn from the model's own predictions; nil where that is not known.
  public let sampledLoss: ((Context, RandomStream) -> Tensor)?

  /// A batch with any loss.
  ///
  /// - Parameters:
  ///   - weight: how many answers are asked for.
  ///   - loss: runs the model; the mean over the answers.
  ///   - sampledLoss: the same against answers drawn from the model's predictions, by which some
  ///     optimizers (`sophia-g`) estimate the curvature; nil where that is not known.
  public init(
    weight: Int, loss: @escaping (Context) -> Tensor,
    sampledLoss: ((Context, RandomStream) -> Tensor)? = nil
  ) {
    (self.weight, self.loss, self.sampledLoss) = (weight, loss, sampledLoss)
  }

  /// A batch whose answers are classes, with the cross-entropy as its loss.
  ///
  /// - Parameters:
  ///   - classes: the right answers.
  ///   - logits: runs the model; a row of logits for each answer.
  public init(classes: IndexTensor, logits: @escaping (Context) -> Tensor) {
    self.init(weight: classes.scalars.count) {
      logits($0).crossEntropy(classes)
    } sampledLoss: { context, random in
      let logits = logits(context)
      return logits.crossEntropy(logits.sampledClasses(random))
    }
  }
}

/// What an evaluation found.
public struct Evaluation: Sendable, Equatable {
  /// The mean validation loss: in nats, or the mean squared error of standardized targets.
  public let loss: Double
  /// The share of right answers, for classifiers.
  public let accuracy: Double?
  /// How far predicted numbers are from theirs, in their unit.
  public let errors: RegressionErrors?
  /// What else the task measures, by name: `quality` stands as `val_quality` in the metrics.
  public let others: [String: Double]
  /// Where the weights are averaged, the mean validation loss without that.
  public var lossWithoutAverage: Double?

  /// The metrics of a validation.
  public init(
    loss: Double, accuracy: Double? = nil, errors: RegressionErrors? = nil,
    others: [String: Double] = [:]
  ) {
    (self.loss, self.accuracy, self.errors, self.others) = (loss, accuracy, errors, others)
  }
}

/// The streams of random numbers of a run, one for each purpose.
enum RandomPurpose {
  static let weights: UInt64 = 1
  static let order: UInt64 = 2
  static let batches: UInt64 = 3
  static let adapters: UInt64 = 5
  static let diffusion: UInt64 = 6
  static let labels = CurvatureStream.labels
  static let actions: UInt64 = 8
  static let latents: UInt64 = 21
  static let evaluationLatents: UInt64 = 22
  // A stream for each environment, pass and episode.
  static let environments: UInt64 = 1 << 32
  static let minibatches: UInt64 = 2 << 32
  static let evaluations: UInt64 = 3 << 32
}

extension Int {
  /// The product of two numbers that are not negative, or the largest number where that is less.
  package func times(_ other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
