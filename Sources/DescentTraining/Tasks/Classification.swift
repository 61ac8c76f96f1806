import DescentCompute
import DescentNN

/// Examples with labels and a model that tells the classes apart.
public final class Classification: TrainingTask {
  private let network: any Predictor
  private let training: ClassificationDataset
  private let validation: ClassificationDataset
  private let seed: UInt64
  private let isImages: Bool
  /// What the examples look like, and what was made of them.
  private let format: ExampleFormat
  /// The features that are black and white in an image.
  private lazy var greys = (training.features.min() ?? 0, training.features.max() ?? 1)
  /// The order of the examples in the epoch that is running.
  private var order: (epoch: Int, indices: [Int]) = (-1, [])
  private var trainAccuracy: Double?

  /// Binds a model to examples, which are standardized by the training part.
  ///
  /// - Parameters:
  ///   - data: the examples.
  ///   - seed: what the weights and the order of the examples follow.
  ///   - makeModel: makes the model.
  /// - Throws: what `makeModel` throws.
  public init(
    _ data: ClassificationDataset.Split, seed: UInt64,
    makeModel: (inout RandomStream) throws -> any Predictor
  ) rethrows {
    isImages = data.training.shape.count == 3
    // The scale comes from the training part alone; images keep their pixels comparable.
    let scale =
      data.training.isStandardized
      ? Standardization.none(size: data.training.exampleSize)
      : Standardization(of: data.training, per: isImages ? .dataset : .feature)
    format = ExampleFormat(of: data.training, scale)
    training = data.training.standardized(by: scale)
    validation = data.validation.standardized(by: scale)
    self.seed = seed
    var random = RandomStream(seed: seed, stream: RandomPurpose.weights)
    network = try makeModel(&random)
  }

  public var model: any Module { network }
  public var unit: String { isImages ? "images" : "rows" }

  public var summary: String? {
    let unit = isImages ? "image" : "row"
    let shape = training.shape.map(String.init).joined(separator: " × ")
    let size = isImages ? "\(shape) pixels each" : Amount.count(training.exampleSize, "feature")
    let features = training.featureNames.map { ": \(Self.list($0))" } ?? ""
    let classes = training.classNames.map(Self.list) ?? "0 to \(training.classes - 1)"
    let empty = training.classes - Set(training.labels).count
    return """
      \(Amount.count(training.count, unit)) to train on, \
      \(Amount.count(validation.count)) to validate on, \(size)\(features)
      \(Amount.count(training.classes, "class", "classes")): \(classes)\(numbersHint)\
      \(empty > 0 ? " (\(Amount.count(empty)) without \(unit)s to train on)" : "")
      """
  }

  /// Numbers in a table may be meant as such.
  private var numbersHint: String {
    guard training.answerColumn != nil, training.classes > 2,
      training.classNames?.allSatisfy({ CSVClasses.number($0) != nil }) == true
    else { return "" }
    return "; data.task=regression learns the numbers"
  }

  static func list(_ names: [String]) -> String {
    let shown = names.prefix(10).map { name in
      // A name with a comma, or none at all, is not told from its neighbours.
      name.isEmpty || name.count > 30 || name.contains { $0 == "," || $0.isNewline }
        ? name.quotedShort : name
    }
    return shown.joined(separator: ", ") + (names.count > 10 ? ", … \(names[names.count - 1])" : "")
  }

  public func batchesPerEpoch(_ batch: Int) -> Int? { epochLength(batch) }

  private func epochLength(_ batch: Int) -> Int { (training.count - 1) / batch + 1 }

  public var fingerprint: String { training.fingerprint }

  public func batch(_ number: Int, size: Int) -> Batch {
    let (epoch, batch) = number.quotientAndRemainder(dividingBy: epochLength(size))
    if order.epoch != epoch {
      order = (epoch, BatchOrder.shuffled(training.count, epoch: epoch, seed: seed))
    }
    let range = batch * size..<min((batch + 1) * size, training.count)
    let (x, labels) = tensors(of: training, order.indices[range])
    return Batch(classes: labels) { [self] context in
      let logits = network(x, context)
      trainAccuracy = Self.share(right: labels, in: logits)
      return logits
    }
  }

  /// `train_accuracy`: the share of the last batch that the weights before its step take for the right
  /// class.
  public var metrics: [String: Double] { trainAccuracy.map { ["train_accuracy": $0] } ?? [:] }

  /// The share of the rows of logits that are largest at their label.
  private static func share(right labels: IndexTensor, in logits: Tensor) -> Double {
    let right = zip(labels.scalars, logits.detached.largestInRows).count { Int($0) == $1 }
    return Double(right) / Double(labels.scalars.count)
  }

  private func tensors(
    of data: ClassificationDataset, _ indices: ArraySlice<Int>
  ) -> (features: Tensor, labels: IndexTensor) {
    let (features, labels) = data.batch(indices)
    return (
      Tensor(shape: [indices.count] + data.shape, scalars: features), IndexTensor(labels)
    )
  }

  /// The images among the first thousand to validate on that are taken for something else with the
  /// most confidence, at most eight.
  public func samples(batchSize: Int) -> [TrainingSample] {
    guard isImages else { return [] }
    var mistakes: [(example: Int, class: Int, probability: Float)] = []
    let (size, count) = (max(batchSize, 256), min(validation.count, 1000))
    for start in stride(from: 0, to: count, by: size) {
      let indices = Array(start..<min(start + size, count))
      let (x, labels) = tensors(of: validation, indices[...])
      let probabilities = network(x, .inference).softmax()
      let (scores, classes) = (probabilities.scalars, probabilities.shape[1])
      for (row, label) in labels.scalars.enumerated() {
        let scores = scores[row * classes..<(row + 1) * classes]
        guard scores.allSatisfy(\.isFinite), let largest = scores.max(),
          let found = scores.firstIndex(of: largest), found - scores.startIndex != Int(label)
        else { continue }
        mistakes.append((indices[row], found - scores.startIndex, largest))
      }
    }
    // The first of those that are equally sure come first.
    let worst = mistakes.sorted { ($1.probability, $0.example) < ($0.probability, $1.example) }
    return worst.prefix(8).map { mistake in
      func name(_ index: Int) -> String { validation.classNames?[index] ?? "\(index)" }
      let right = name(Int(validation.labels[mistake.example]))
      let percent = Int((100 * mistake.probability).rounded())
      return .image(
        grey(mistake.example, "\(right), read as \(name(mistake.class)) (\(percent) % sure)"))
    }
  }

  /// An image to validate on, its channels averaged.
  private func grey(_ index: Int, _ label: String) -> TrainingSample.Image {
    let (channels, height, width) = (
      validation.shape[0], validation.shape[1], validation.shape[2]
    )
    let start = index * validation.exampleSize
    let (black, white) = greys
    let pixels = (0..<height * width).map { pixel -> UInt8 in
      let sum = (0..<channels).reduce(Float(0)) {
        $0 + validation.features[start + $1 * height * width + pixel]
      }
      let grey = (sum / Float(channels) - black) / max(white - black, .leastNormalMagnitude)
      return UInt8(min(max(255 * grey, 0), 255).rounded())
    }
    return TrainingSample.Image(label: label, width: width, height: height, pixels: pixels)
  }

  public func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let tally = tally(max(batchSize, 256), batches: batches)
    return Evaluation(loss: tally.loss, accuracy: tally.accuracy)
  }

  /// All of the validation part, class by class.
  public func report(batchSize: Int) -> EvaluationReport? {
    .classes(tally(max(batchSize, 256), batches: nil).report(classNames: format.classNames ?? []))
  }

  private func tally(_ size: Int, batches: Int?) -> ClassificationTally {
    let count = min(validation.count, batches.map { $0.times(size) } ?? .max)
    var tally = ClassificationTally()
    for start in stride(from: 0, to: count, by: size) {
      let indices = Array(start..<min(start + size, count))
      let (x, labels) = tensors(of: validation, indices[...])
      tally.add(network(x, .inference), labels)
    }
    return tally
  }

  /// Writes what the examples look like.
  public func save(to run: RunDirectory) throws { try format.write(to: run) }
}
