import Descent
import DescentCompute
import DescentNN
import Foundation

/// A kind of model that learns a text by continuing it.
public protocol LanguageModelKind: ModelKind where Dataset == TextDataset {
  /// The tokens of the windows to train on, where the data do not say it.
  var context: Int { get }
  /// The tokens that end a text.
  var endTokens: Set<Int32> { get }
  /// What it takes to train the model, at least.
  func size(vocabulary: Int) -> ModelSize
  /// The model with random weights.
  func makeModel(vocabulary: Int, random: inout RandomStream) throws -> any CausalLanguageModel
}

extension LanguageModelKind {
  /// Text.
  public static var learns: [DataForm<TextDataset>] { [.text] }
  /// None.
  public var endTokens: Set<Int32> { [] }
  /// False.
  public static var reportsAccuracy: Bool { false }

  /// That for its vocabulary.
  public func size(for data: TextDataset) -> ModelSize? {
    size(vocabulary: data.tokenizer.vocabularySize)
  }

  /// A ``LanguageModeling``.
  public func makeTask(_ data: TextDataset, seed: UInt64) throws -> any TrainingTask {
    try LanguageModeling(data, context: data.context ?? context, seed: seed) { random in
      try makeModel(vocabulary: data.tokenizer.vocabularySize, random: &random)
    }
  }

  /// The model with the run's newest weights that can be read, and its tokenizer.
  public func languageModel(
    in run: RunDirectory, of recipe: Recipe
  ) throws -> LanguageModel? {
    let (checkpoint, passedOver) = try Checkpoint.newestWeights(of: run)
    let (model, tokenizer) = try trained(checkpoint, of: run, recipe)
    return LanguageModel(
      model, tokenizer, ends: endTokens, passedOver: passedOver.map(\.reason))
  }

  /// The model with the weights of a checkpoint, and the tokenizer of its run.
  func trained(
    _ checkpoint: Checkpoint, of run: RunDirectory, _ recipe: Recipe
  ) throws -> (model: any CausalLanguageModel, tokenizer: Tokenizer) {
    let tokenizer = try Tokenizer(contentsOf: run.tokenizer)
    var random = RandomStream(seed: 0, stream: RandomPurpose.weights)
    try size(vocabulary: tokenizer.vocabularySize).requireMemory(forModelOf: run)
    let kind = recipe.adapter == nil ? self : frozen()
    let model = try kind.makeModel(vocabulary: tokenizer.vocabularySize, random: &random)
    if let saved = checkpoint.fileFingerprint, saved != (try kind.fileFingerprint()) {
      throw RunError.checkpointMismatch("\(checkpoint.file.relativePath): \(StateMismatch.base)")
    }
    try recipe.adapter?.attach(to: model, seed: UInt64(recipe.run.seed))
    try checkpoint.loadWeights(into: model)
    return (model, tokenizer)
  }
}

/// A text and a model that learns to continue it, on windows at random positions.
public final class LanguageModeling: TrainingTask {
  private let network: any CausalLanguageModel
  private let text: TextDataset
  private let context: Int
  private let seed: UInt64

  /// Binds a model to a text.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - context: the tokens of a window.
  ///   - seed: what the weights and the positions of the windows follow.
  ///   - makeModel: makes the model, once it is clear that the text is long enough.
  /// - Throws: ``DataError`` for a text shorter than a window, and what `makeModel` throws.
  public init(
    _ text: TextDataset, context: Int, seed: UInt64,
    makeModel: (inout RandomStream) throws -> any CausalLanguageModel
  ) throws {
    try text.check(context: context, part: .training)
    try text.check(context: context, part: .validation)
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    network = try makeModel(&random)
    guard context <= network.longestSequence else {
      throw DataError.unsuitable(
        "windows of \(context) tokens are longer than the \(network.longestSequence) that the model "
          + "takes; shorten data.context")
    }
    (self.text, self.context, self.seed) = (text, context, seed)
  }

  public var model: any Module { network }
  public var unit: String { "tokens" }

  public var drawsAtRandom: Bool { true }

  public var summary: String? {
    "\(Amount.count(text.training.count, text.tokenizer.unit)) to train on, "
      + "\(Amount.count(text.validation.count)) to validate on, "
      + "\(Amount.count(text.tokenizer.vocabularySize)) different"
  }

  public func batchesPerEpoch(_ batch: Int) -> Int? {
    max(1, text.training.count / batch.times(context))
  }

  public var fingerprint: String {
    var hash = Fingerprint()
    for token in text.training { hash.add(UInt32(bitPattern: token)) }
    return hash.text
  }

  public func batch(_ number: Int, size: Int) -> Batch {
    var random = RandomStream(seed: seed ^ UInt64(number) << 20, stream: RandomPurpose.batches)
    let last = text.training.count - context
    return batch(of: .training, (0..<size).map { _ in random.integer(below: last) })
  }

  private func batch(of part: TextDataset.Part, _ offsets: [Int]) -> Batch {
    let (inputs, targets) = text.windows(at: offsets, context: context, part: part)
    let shape = [offsets.count, context]
    let tokens = IndexTensor(shape: shape, scalars: inputs)
    return Batch(classes: IndexTensor(shape: shape, scalars: targets)) { [network] context in
      network(tokens, context)
    }
  }

  /// Windows at even distances over the validation part: the same ones each time.
  public func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let last = text.validation.count - context - 1
    let windows = last / context + 1
    let wanted = min(windows, batches.map { $0.times(batchSize) } ?? .max)
    let offsets = (0..<wanted).map { wanted == 1 ? 0 : $0 * last / (wanted - 1) }
    var loss = 0.0
    for start in stride(from: 0, to: wanted, by: batchSize) {
      let some = Array(offsets[start..<min(start + batchSize, wanted)])
      loss += Double(batch(of: .validation, some).loss(.inference).scalar) * Double(some.count)
    }
    return Evaluation(loss: loss / Double(wanted), accuracy: nil)
  }

  /// All of the validation part, each token once.
  public func report(batchSize: Int) throws -> EvaluationReport? {
    .text(
      try TextEvaluation(of: network, on: text.validation, context: context, batch: batchSize))
  }

  /// A text of 200 tokens, drawn with the same seed each time.
  public func samples(batchSize: Int) -> [TrainingSample] {
    let text = try? LanguageModel(network, text.tokenizer).sample(
      tokens: 200, temperature: 0.8, seed: seed)
    return text.map { [.text($0)] } ?? []
  }

  /// Writes the tokenizer.
  public func save(to run: RunDirectory) throws {
    try run.write(text.tokenizer.json(), to: run.tokenizer)
  }
}
