import DescentNN

/// What a run trains: a model bound to its data.
public protocol TrainingTask: AnyObject {
  /// The model.
  var model: any Module { get }
  /// What a batch is counted in: `images`, `tokens`, `rows`.
  var unit: String { get }
  /// Steps in one pass over the training part; nil when there is no such thing.
  func batchesPerEpoch(_ batch: Int) -> Int?
  /// What tells the training data apart from others: a hash of them.
  var fingerprint: String { get }
  /// The batch with this number since the start; a pure function of the seed and the number.
  func batch(_ number: Int, size: Int) -> Batch
  /// The logits of a batch, a row for each of its targets.
  func logits(_ batch: Batch, _ context: Context) -> Tensor
  /// The mean loss of a batch.
  func loss(_ batch: Batch, _ context: Context) -> Tensor
  /// The metrics of the validation part, on at most `batches` batches.
  func evaluate(batchSize: Int, batches: Int?) -> Evaluation
}

/// Inputs and what they should give.
public struct Batch {
  /// Images or rows, for classifiers.
  var features: Tensor?
  /// Tokens, for language models.
  var tokens: IndexTensor?
  /// The labels, or the token after each token.
  var targets: IndexTensor

  /// How many labels there are: the weight of the batch in a mean.
  var weight: Int { targets.scalars.count }
}

/// What an evaluation found.
public struct Evaluation: Sendable, Equatable {
  /// The mean validation loss, in nats.
  public let loss: Double
  /// The share of right answers, for classifiers.
  public let accuracy: Double?
  /// Where the weights are averaged, the mean validation loss without that.
  public var lossWithoutAverage: Double?

  package init(loss: Double, accuracy: Double?) { (self.loss, self.accuracy) = (loss, accuracy) }
}

/// A hash of numbers, the same on every machine: FNV-1a by whole numbers.
struct Fingerprint {
  private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ number: UInt32) { hash = (hash ^ UInt64(number)) &* 0x100_0000_01b3 }

  /// In 16 hexadecimal digits.
  var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The streams of random numbers of a run, one for each purpose.
enum RandomPurpose {
  static let weights: UInt64 = 1
  static let order: UInt64 = 2
  static let batches: UInt64 = 3
  static let split: UInt64 = 4
  static let dropout: UInt64 = 5
  static let labels = CurvatureStream.labels
}
