import Descent
import DescentCompute
import DescentNN

/// A text and a GPT that learns to continue it.
final class LanguageModeling: TrainingTask {
  let gpt: GPT
  let text: TextDataset
  var model: any Module { gpt }
  let unit = "tokens"
  private let context: Int
  private let seed: UInt64

  init(_ text: TextDataset, model settings: GPTSettings, seed: UInt64) throws {
    try text.check(context: settings.context, part: .training)
    try text.check(context: settings.context, part: .validation)
    self.text = text
    self.seed = seed
    context = settings.context
    gpt = try Self.makeModel(settings, vocabulary: text.tokenizer.vocabularySize, seed: seed)
    gpt.recomputation = settings.recompute
  }

  /// The untrained model of a recipe.
  static func makeModel(
    _ settings: GPTSettings, vocabulary: Int, seed: UInt64
  ) throws(ModelError) -> GPT {
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    return try GPT(
      layers: settings.layers, heads: settings.heads, width: settings.width,
      context: settings.context, vocabulary: vocabulary, dropout: Float(settings.dropout),
      bias: settings.bias, random: &random)
  }

  func batchesPerEpoch(_ batch: Int) -> Int? {
    max(1, text.training.count / (batch * context))
  }

  var fingerprint: String {
    var hash = Fingerprint()
    for token in text.training { hash.add(UInt32(bitPattern: token)) }
    return hash.text
  }

  func batch(_ number: Int, size: Int) -> Batch {
    var random = RandomStream(seed: seed ^ UInt64(number) << 20, stream: RandomPurpose.batches)
    let last = text.training.count - context
    return batch(of: text.training, (0..<size).map { _ in random.integer(below: last) })
  }

  private func batch(of tokens: [Int32], _ offsets: [Int]) -> Batch {
    var (inputs, targets): ([Int32], [Int32]) = ([], [])
    for offset in offsets {
      inputs += tokens[offset..<offset + context]
      targets += tokens[offset + 1..<offset + context + 1]
    }
    let shape = [offsets.count, context]
    return Batch(
      tokens: IndexTensor(shape: shape, scalars: inputs),
      targets: IndexTensor(shape: shape, scalars: targets))
  }

  func logits(_ batch: Batch, _ context: Context) -> Tensor { gpt(batch.tokens!, context) }

  func loss(_ batch: Batch, _ context: Context) -> Tensor {
    gpt.loss(batch.tokens!, targets: batch.targets, context)
  }

  /// Windows at even distances over the validation part: the same ones each time.
  func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let last = text.validation.count - context - 1
    let windows = last / context + 1
    let wanted = min(windows, batches.map { $0 * batchSize } ?? .max)
    let offsets = (0..<wanted).map { wanted == 1 ? 0 : $0 * last / (wanted - 1) }
    var loss = 0.0
    for start in stride(from: 0, to: wanted, by: batchSize) {
      let some = Array(offsets[start..<min(start + batchSize, wanted)])
      let batch = batch(of: text.validation, some)
      loss += Double(self.loss(batch, .inference).scalar) * Double(some.count)
    }
    return Evaluation(loss: loss / Double(wanted), accuracy: nil)
  }
}
