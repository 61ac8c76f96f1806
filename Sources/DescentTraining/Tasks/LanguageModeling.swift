import Descent
import DescentCompute
import DescentFiles
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
      model, tokenizer, start: Tokenizer.start(in: run.tokenizer), ends: endTokens,
      passedOver: passedOver.map(\.reason))
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

/// Texts and a model that learns to continue them: on windows at random positions of a running
/// text, or on windows that begin with documents, each once an epoch.
public final class LanguageModeling: TrainingTask {
  private let network: any CausalLanguageModel
  let text: TextDataset
  private let context: Int
  private let seed: UInt64
  /// The windows of documents; nil where they lie anywhere in a running text.
  private let windows: (training: DocumentWindows, validation: DocumentWindows)?
  private var epoch = BatchOrder.Epoch()

  /// Binds a model to texts.
  ///
  /// - Parameters:
  ///   - text: the texts.
  ///   - context: the tokens of a window.
  ///   - seed: what the weights, and the positions or the order of the windows, follow.
  ///   - makeModel: makes the model, once it is clear that there are windows.
  /// - Throws: ``DataError`` for a text shorter than a window, and what `makeModel` throws.
  public init(
    _ text: TextDataset, context: Int, seed: UInt64,
    makeModel: (inout RandomStream) throws -> any CausalLanguageModel
  ) throws {
    if let training = try text.documentWindows(context: context, part: .training),
      let validation = try text.documentWindows(context: context, part: .validation)
    {
      windows = (training, validation)
    } else {
      windows = nil
      try text.check(context: context, part: .training)
      try text.check(context: context, part: .validation)
    }
    if text.old != nil { try text.check(context: context, part: .old) }
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

  /// Whether windows lie anywhere in a running text.
  public var drawsAtRandom: Bool { windows == nil }

  public var summary: String? {
    let tokens =
      "\(Amount.count(text.training.count, text.tokenizer.unit)) to train on, "
      + "\(Amount.count(text.validation.count)) to validate on, "
      + "\(Amount.count(text.tokenizer.vocabularySize)) different"
    var lines = [tokens] + text.notes
    if let windows {
      lines.append("to train on: " + windows.training.summary)
      lines.append("to validate on: " + windows.validation.summary)
    }
    return lines.joined(separator: "\n")
  }

  public func batchesPerEpoch(_ batch: Int) -> Int? {
    if let windows { return max(1, (windows.training.count - 1) / max(1, batch) + 1) }
    return max(1, text.training.count / batch.times(context))
  }

  /// Of the tokens to train on; where windows begin with documents, of their places, too.
  public var fingerprint: String {
    var hash = Fingerprint()
    text.training.forEachToken { hash.add(UInt32(bitPattern: $0)) }
    if windows != nil {
      hash.add("\(text.packing)")
      for document in text.documents.training {
        hash.add(UInt32(truncatingIfNeeded: document.count))
        hash.add(UInt32(truncatingIfNeeded: document.prompt))
      }
    }
    return hash.text
  }

  public func batch(_ number: Int, size: Int) throws -> Batch {
    if let windows {
      let order = try BatchOrder(count: windows.training.count, batch: size, seed: seed)
      return batch(of: windows.training, epoch.examples(ofBatch: number, in: order))
    }
    var random = RandomStream(seed: seed ^ UInt64(number) << 20, stream: RandomPurpose.batches)
    let last = text.training.count - context
    return batch(of: .training, (0..<size).map { _ in random.integer(below: last) })
  }

  private func batch(of windows: DocumentWindows, _ numbers: [Int]) -> Batch {
    let (inputs, targets, counted) = windows.batch(numbers)
    let ignored = DocumentWindows.ignored
    return Batch(weight: counted) { [network] context in
      network(inputs, context).crossEntropy(targets, ignoring: ignored)
    } sampledLoss: { [network] context, random in
      let logits = network(inputs, context)
      let drawn = logits.sampledClasses(random).scalars
      let scalars = zip(targets.scalars, drawn).map { $0 == ignored ? ignored : $1 }
      return logits.crossEntropy(
        IndexTensor(shape: targets.shape, scalars: scalars), ignoring: ignored)
    }
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
  public func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation {
    let limit = batches.map { $0.times(batchSize) }
    let others =
      text.old == nil ? [:] : ["old": loss(of: .old, batchSize: batchSize, limit: limit)]
    if let windows {
      return Evaluation(
        loss: TextEvaluation(
          of: network, on: windows.validation, batch: batchSize, limit: limit
        ).loss, others: others)
    }
    return Evaluation(
      loss: loss(of: .validation, batchSize: batchSize, limit: limit), others: others)
  }

  /// The mean loss of windows at even distances over a part.
  private func loss(of part: TextDataset.Part, batchSize: Int, limit: Int?) -> Double {
    let last = text.tokens(of: part).count - context - 1
    let windows = last / context + 1
    let wanted = min(windows, limit ?? .max)
    let offsets = (0..<wanted).map { wanted == 1 ? 0 : $0 * last / (wanted - 1) }
    var loss = 0.0
    for start in stride(from: 0, to: wanted, by: batchSize) {
      let some = Array(offsets[start..<min(start + batchSize, wanted)])
      loss += Double(batch(of: part, some).loss(.inference).scalar) * Double(some.count)
    }
    return loss / Double(wanted)
  }

  /// All of the validation part, each token once.
  public func report(batchSize: Int) throws -> EvaluationReport? {
    .text(try TextEvaluation(of: network, on: text, context: context, batch: batchSize))
  }

  /// A text of 200 tokens, drawn with the same seed each time.
  public func samples(batchSize: Int) -> [TrainingSample] {
    let text = try? LanguageModel(network, text.tokenizer, start: start).sample(
      tokens: 200, temperature: 0.8, seed: seed)
    return text.map { [.text($0)] } ?? []
  }

  /// The first byte of a text of bytes without line breaks, which say nothing to its model.
  private var start: Int32? {
    guard text.tokenizer == .byte, !text.training.contains(10) else { return nil }
    return text.training.first
  }

  /// Refuses texts whose tokens are others than a run has learned, though as many and in the same order.
  ///
  /// - Throws: ``RunError/checkpointMismatch(_:)``.
  func requireTokens(of run: RunDirectory) throws(RunError) {
    guard let learned = try? Tokenizer(contentsOf: run.tokenizer),
      !learned.hasTokens(of: text.tokenizer)
    else { return }
    throw .checkpointMismatch(
      "\(run.path) has learned other tokens than its texts now have: the texts were changed, or its "
        + "tokenizer.json was")
  }

  /// Writes the tokenizer, and which of its tokens ends a document.
  public func save(to run: RunDirectory) throws {
    try run.write(text.tokenizer.json(start: start), to: run.tokenizer)
    if let end = text.end, end.token != nil, text.tokenizer.kind == nil {
      try run.write(
        "{\"eos_token\": \(JSON.quoted(end.name))}\n", to: run.tokenizerSettings)
    }
  }
}
