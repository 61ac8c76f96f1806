import Descent
import DescentCompute
import DescentNN

/// Examples with labels and a model that tells the classes apart.
final class Classification: TrainingTask {
  let model: any Module
  let unit: String
  private let forward: (Tensor, Context) -> Tensor
  private let training: ClassificationDataset
  private let validation: ClassificationDataset
  private let seed: UInt64
  /// The order of the examples in the epoch that is running.
  private var order: (epoch: Int, indices: [Int]) = (-1, [])

  init(
    _ data: ClassificationDataset, model settings: any ModelSettings, validationFraction: Double,
    seed: UInt64
  ) throws {
    let (training, validation) = try data.split(
      validationFraction: validationFraction, seed: seed)
    // The scale comes from the training part alone; images keep their pixels comparable.
    let scope: Standardization.Scope = data.shape.count == 3 ? .dataset : .feature
    let scale = Standardization(of: training, per: scope)
    self.training = training.standardized(by: scale)
    self.validation = validation.standardized(by: scale)
    self.seed = seed
    unit = data.shape.count == 3 ? "images" : "rows"
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    switch settings {
    case let mlp as MLPSettings:
      let model = try MLPClassifier(
        inputs: data.exampleSize, hidden: mlp.hidden, classes: data.classes,
        activation: mlp.activation, dropout: Float(mlp.dropout), random: &random)
      self.model = model
      forward = { model($0, $1) }
    case let cnn as CNNSettings:
      guard data.shape.count == 3 else {
        throw RecipeError(problems: [
          "model.kind=cnn needs images, and the data are rows of \(data.exampleSize) numbers; "
            + "use model.kind=mlp"
        ])
      }
      let model = try ConvClassifier(
        channels: data.shape[0], height: data.shape[1], width: data.shape[2],
        classes: data.classes, stages: cnn.channels, dropout: Float(cnn.dropout), random: &random)
      model.recomputation = cnn.recompute
      self.model = model
      forward = { model($0, $1) }
    default: preconditionFailure("a recipe gives classifiers to examples")
    }
  }

  func batchesPerEpoch(_ batch: Int) -> Int? { (training.count + batch - 1) / batch }

  var fingerprint: String {
    var hash = Fingerprint()
    for x in training.features { hash.add(x.bitPattern) }
    for label in training.labels { hash.add(UInt32(bitPattern: label)) }
    return hash.text
  }

  func batch(_ number: Int, size: Int) -> Batch {
    let perEpoch = batchesPerEpoch(size)!
    let (epoch, place) = number.quotientAndRemainder(dividingBy: perEpoch)
    if order.epoch != epoch {
      var random = RandomStream(seed: seed ^ UInt64(epoch) << 20, stream: RandomPurpose.order)
      order = (epoch, random.permutation(of: training.count))
    }
    let range = place * size..<min((place + 1) * size, training.count)
    return batch(of: training, order.indices[range])
  }

  private func batch(of data: ClassificationDataset, _ indices: ArraySlice<Int>) -> Batch {
    let (features, labels) = data.batch(indices)
    return Batch(
      features: Tensor(shape: [indices.count] + data.shape, scalars: features),
      targets: IndexTensor(labels))
  }

  func logits(_ batch: Batch, _ context: Context) -> Tensor { forward(batch.features!, context) }

  func loss(_ batch: Batch, _ context: Context) -> Tensor {
    logits(batch, context).crossEntropy(batch.targets)
  }

  func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let size = max(batchSize, 256)
    let count = min(validation.count, batches.map { $0 * size } ?? .max)
    var (loss, right) = (0.0, 0)
    for start in stride(from: 0, to: count, by: size) {
      let indices = Array(start..<min(start + size, count))
      let batch = batch(of: validation, indices[...])
      let logits = logits(batch, .inference)
      loss += Double(logits.crossEntropy(batch.targets).scalar) * Double(indices.count)
      let scores = logits.scalars
      let classes = logits.shape[1]
      for (row, label) in batch.targets.scalars.enumerated() {
        let scores = scores[row * classes..<(row + 1) * classes]
        // Scores that are not numbers have no largest one.
        if let best = scores.firstIndex(of: scores.max()!), best - row * classes == Int(label) {
          right += 1
        }
      }
    }
    return Evaluation(loss: loss / Double(count), accuracy: Double(right) / Double(count))
  }
}
