import DescentCompute
import DescentNN
import Foundation

/// Images and two networks that learn against each other: one makes images, the other tells them from
/// the real ones.
///
/// The loss of a step is that of both, so one optimizer moves both at once; `metrics` has them apart.
/// An evaluation asks a classifier about images made of points that are always the same: see
/// ``ImageJudge``.
public final class AdversarialTraining: TrainingTask, ImageMaking {
  private let pair: AdversarialPair
  private let training: ClassificationDataset
  private let seed: UInt64
  /// The pixels of real images that are black and white.
  private let least: Float
  private let largest: Float
  private let judge: ImageJudge
  /// What the judge's score is for the real images to validate on.
  private let realQuality: Double
  /// The order of the epoch that is running.
  private var epoch = BatchOrder.Epoch()

  /// `d_loss` and `g_loss`, the losses of discriminator and generator; `d_real` and `d_fake`, the mean
  /// probabilities that the discriminator gives real and made images. Of the last batch.
  public private(set) var metrics: [String: Double] = [:]

  /// Binds a pair to images; the labels are for the classifier that judges what it makes.
  ///
  /// - Throws: ``DataError`` for images without a difference between them.
  public init(
    _ pair: AdversarialPair, on data: ClassificationDataset.Split, seed: UInt64
  ) throws {
    (self.pair, training, self.seed) = (pair, data.training, seed)
    let (least, largest) = (training.features.min() ?? 0, training.features.max() ?? 0)
    guard largest > least else {
      throw DataError.unsuitable("all pixels of the images are \(least): there is nothing to learn")
    }
    (self.least, self.largest) = (least, largest)
    judge = try ImageJudge(training)
    let real = data.validation.features
    realQuality =
      judge.verdict(
        on: Tensor(shape: [data.validation.count] + data.validation.shape, scalars: real)
      ).score
  }

  public var model: any Module { pair }
  public var unit: String { "images" }
  public var measuresAccuracy: Bool { false }

  public var summary: String? {
    let shape = training.shape.map(String.init).joined(separator: " × ")
    return """
      \(Amount.count(training.count, "image")) to learn from, \(shape) pixels each
      \(Amount.count(pair.generator.parameterCount, "weight")) make images, \
      \(Amount.count(pair.discriminator.parameterCount)) judge them
      val_quality is from 1 to \(training.classes); real images have \
      \(String(format: "%.1f", realQuality))
      """
  }

  public func batchesPerEpoch(_ batch: Int) -> Int? { (training.count - 1) / batch + 1 }

  public var fingerprint: String { training.fingerprint }

  public func batch(_ number: Int, size: Int) throws -> Batch {
    let order = try BatchOrder(count: training.count, batch: size, seed: seed)
    let chosen = epoch.examples(ofBatch: number, in: order)
    // Between −1 and 1, as the generator's are.
    let pixels = training.batch(chosen[...]).features.map {
      2 * (($0 - least) / (largest - least)) - 1
    }
    let real = Tensor(shape: [chosen.count] + training.shape, scalars: pixels)
    var random = RandomStream(seed: seed ^ UInt64(number) << 20, stream: RandomPurpose.latents)
    let noise = Tensor.random([chosen.count, pair.latent], normal: 1, &random)
    return Batch(weight: chosen.count) { [self] context in
      let losses = pair.losses(real: real, noise: noise, context)
      metrics = [
        "d_loss": Double(losses.discriminator.scalar), "g_loss": Double(losses.generator.scalar),
        "d_real": losses.realProbability, "d_fake": losses.fakeProbability,
      ]
      return losses.sum
    }
  }

  // MARK: What it makes

  /// The same points whenever they are asked for.
  private func points(_ count: Int, seed: UInt64) -> Tensor {
    var random = RandomStream(seed: seed, stream: RandomPurpose.evaluationLatents)
    return .random([count, pair.latent], normal: 1, &random)
  }

  /// How many images an evaluation makes, where nothing says otherwise.
  private static let judged = 1000

  /// What the generator makes of points, on the scale of the real images.
  private func images(of points: Tensor) -> Tensor {
    pair.generator(points, .inference) * ((largest - least) / 2) + (largest + least) / 2
  }

  /// What the judge says of a thousand images, or of as many as `batches` have: `quality`, the
  /// inception score, from 1 to the number of classes; `confidence`; and `diversity`.
  ///
  /// The loss is by how many nats the quality falls short of the best there can be, log(classes /
  /// quality): the losses of the two networks do not say how good the images are.
  public func evaluate(batchSize: Int, batches: Int?) -> Evaluation {
    let count = min(Self.judged, batches.map { $0.times(batchSize) } ?? .max)
    let verdict = verdict(onImages: count, batchSize: batchSize)
    return Evaluation(
      loss: log(Double(training.classes) / verdict.score),
      others: [
        "quality": verdict.score, "confidence": verdict.confidence,
        "diversity": verdict.diversity,
      ])
  }

  /// What the judge sees in images that are made.
  private func verdict(onImages count: Int, batchSize: Int) -> ImageJudge.Verdict {
    let (z, size) = (points(count, seed: seed), max(batchSize, 256))
    let made = stride(from: 0, to: count, by: size).map { start in
      images(of: z.narrowed(0, start..<min(start + size, count)))
    }
    return judge.verdict(on: .concatenated(made))
  }

  /// As ``evaluate(batchSize:batches:)``, class by class.
  public func report(batchSize: Int) -> EvaluationReport? {
    let verdict = verdict(onImages: Self.judged, batchSize: batchSize)
    return .images(
      ImageReport(
        verdict, asked: nil,
        names: training.classNames ?? (0..<training.classes).map(String.init),
        learned: Set(training.labels.map { Int($0) }), quality: verdict.score,
        realQuality: realQuality))
  }

  /// Images of points, in one picture.
  public func images(seed: UInt64) -> TrainingSample.Image {
    let (rows, columns) = (4, 8)
    let grid = ImageGrid(
      images(of: points(rows * columns, seed: seed)), columns: columns, black: least,
      white: largest)
    return grid.image("made of the same points each time")
  }
}
