import DescentCompute
import DescentNN

/// Images and a model that finds the noise in them.
///
/// ```
/// L = mean (ε′(xₜ, t/T, class) − ε)²        xₜ = √ᾱₜ·x₀ + √(1 − ᾱₜ)·ε,  ε from N(0, 1)
/// ```
///
/// Pixels of 0 ... 1 become x₀ of −1 ... 1. The times of a batch are spread evenly: of n images, image i
/// has t = 1 + ⌊T·frac(u + i/n)⌋ with one u for all. Evaluations have noise and times of their own, the
/// same each time. What follows from chance is a pure function of the seed and the batch's number.
public final class Diffusion: TrainingTask, ImageMaking {
  private let network: DiffusionTransformer
  private let data: ClassificationDataset.Split
  private let settings: DiffusionModel
  private let seed: UInt64
  /// ᾱ₀ ... ᾱ_T.
  private let signal: [Double]
  /// The order of the epoch that is running.
  private var epoch = BatchOrder.Epoch()
  /// What reads the images that the model makes.
  private var judge: ImageJudge?

  /// Binds a model to images.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - data: the images, with pixels of 0 ... 1.
  ///   - settings: the noise and how images are made.
  ///   - seed: what the noise and the order of the images follow.
  /// - Throws: ``DataError`` where there are no images.
  public init(
    _ model: DiffusionTransformer, _ data: ClassificationDataset.Split, _ settings: DiffusionModel,
    seed: UInt64
  ) throws(DataError) {
    for (part, use) in [(data.training, "train"), (data.validation, "validate")]
    where part.count == 0 { throw .unsuitable("there are no images to \(use) on") }
    (network, self.data, self.settings, self.seed) = (model, data, settings, seed)
    signal = settings.noise.signal(steps: settings.timesteps)
  }

  public var model: any Module { network }
  public var unit: String { "images" }
  public var measuresAccuracy: Bool { false }
  public var fingerprint: String { data.training.fingerprint }

  public var summary: String? {
    let shape = data.training.shape.map(String.init).joined(separator: " × ")
    let classes = Classification.list(learned.map { names[$0] })
    return """
      \(Amount.count(data.training.count, "image")) to train on, \
      \(Amount.count(data.validation.count)) to validate on, \(shape) pixels each
      \(Amount.count(learned.count, "class", "classes")): \(classes)\
      \(leftOut.isEmpty ? "" : "; left out: \(Classification.list(leftOut.map { names[$0] }))")
      """
  }

  /// The classes that are learned.
  private lazy var learned = Set(data.training.labels).sorted().map { Int($0) }
  /// The classes that the model may know and that are left out.
  private lazy var leftOut = (0..<network.classes).filter { !learned.contains($0) }

  /// What the classes are called.
  private var names: [String] {
    data.training.classNames ?? (0..<network.classes).map(String.init)
  }

  // MARK: Batches

  public func batchesPerEpoch(_ batch: Int) -> Int? { (data.training.count - 1) / batch + 1 }

  public func batch(_ number: Int, size: Int) throws -> Batch {
    let order = try BatchOrder(count: data.training.count, batch: size, seed: seed)
    let examples = epoch.examples(ofBatch: number, in: order)
    // No batch takes as many numbers as lie between two.
    var random = RandomStream(
      seed: seed, stream: RandomPurpose.diffusion, position: UInt64(number) << 32)
    let part = noisy(data.training, examples, offset: Double(random.uniform()), &random)
    return Self.batch(part, labels(part.labels, &random), network)
  }

  /// Classes, some of which are dropped.
  private func labels(_ labels: [Int32], _ random: inout RandomStream) -> IndexTensor {
    let (none, dropped) = (Int32(network.classes), Float(settings.labelDropout))
    var kept = labels
    for i in kept.indices where random.uniform() < dropped { kept[i] = none }
    return IndexTensor(kept)
  }

  private static func batch(
    _ part: Noisy, _ labels: IndexTensor, _ network: DiffusionTransformer
  ) -> Batch {
    Batch(weight: part.times.count) { context in
      network(part.x, times: part.times, labels: labels, context).meanSquaredError(part.noise)
    } sampledLoss: { context, random in
      // The squared error is the loss of normal targets with a variance of 1/2.
      let found = network(part.x, times: part.times, labels: labels, context)
      var random = random
      let drawn = found.detached + .random(found.shape, normal: Float(0.5).squareRoot(), &random)
      return found.meanSquaredError(drawn)
    }
  }

  /// Images with noise.
  private struct Noisy {
    /// xₜ.
    let x: Tensor
    /// t.
    let steps: [Int]
    /// t/T.
    let times: [Double]
    /// ε.
    let noise: Tensor
    let labels: [Int32]
  }

  /// Images of `data` with noise at times that are spread evenly.
  ///
  /// - Parameter offset: u.
  private func noisy(
    _ data: ClassificationDataset, _ examples: [Int], offset: Double, _ random: inout RandomStream
  ) -> Noisy {
    let (pixels, labels) = data.batch(examples[...])
    let noise = Tensor.random([examples.count] + data.shape, normal: 1, &random)
    let (count, size) = (Double(settings.timesteps), data.exampleSize)
    let times = examples.indices.map { i in
      let u = (offset + Double(i) / Double(examples.count)).truncatingRemainder(dividingBy: 1)
      return 1 + Int(count * u)
    }
    let x = noise.withSpan { noise in
      pixels.indices.map { i in
        let left = signal[times[i / size]]
        let (ofImage, ofNoise) = (Float(left.squareRoot()), Float((1 - left).squareRoot()))
        return ofImage * (2 * pixels[i] - 1) + ofNoise * noise[i]
      }
    }
    return Noisy(
      x: Tensor(shape: noise.shape, scalars: x), steps: times,
      times: times.map { Double($0) / count }, noise: noise, labels: labels)
  }

  // MARK: Evaluation

  /// The loss, also on classes that are left out (`old`), and how many of the images that the model
  /// makes are read as their class (`quality`), also of those classes (`old_quality`).
  public func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation {
    let size = max(batchSize, 256)
    let limit = batches.map { $0.times(size) } ?? .max
    let verdict = try judged(made(seed: 0))
    var others = ["quality": quality(of: learned, verdict)]
    if let old = data.leftOut?.validation, old.count > 0 {
      others["old"] = loss(on: old, size, limit)
      others["old_quality"] = quality(of: leftOut, verdict)
    }
    return Evaluation(loss: loss(on: data.validation, size, limit), others: others)
  }

  /// The share of the images of some classes that are read as these.
  private func quality(of classes: [Int], _ verdict: ImageJudge.Verdict) -> Double {
    let rows = asked.indices.filter { classes.contains(Int(asked[$0])) }
    let part = ImageJudge.Verdict(probabilities: rows.map { verdict.probabilities[$0] })
    return part.agreement(with: rows.map { Int(asked[$0]) })
  }

  /// How often each image is taken, each time with other noise and another time.
  private static let draws = 4

  /// The mean loss on at most `limit` examples.
  ///
  /// - Parameter body: called with each batch and the noise that was found in it.
  private func loss(
    on data: ClassificationDataset, _ size: Int, _ limit: Int = .max,
    _ body: (Noisy, Tensor) -> Void = { _, _ in }
  ) -> Double {
    let count = min(data.count, limit)
    var (sum, random) = (0.0, RandomStream(seed: 0, stream: RandomPurpose.diffusion))
    for draw in 0..<Self.draws {
      // Parts of every n-th example, so that the times of each are spread over all.
      let parts = (count + size - 1) / size
      for part in 0..<parts {
        let examples = Array(stride(from: part, to: count, by: parts))
        let offset = (Double(draw) + (Double(part) + 0.5) / Double(parts)) / Double(Self.draws)
        let noisy = noisy(data, examples, offset: offset / Double(examples.count), &random)
        let found = network(
          noisy.x, times: noisy.times, labels: IndexTensor(noisy.labels), .inference)
        sum += Double(found.meanSquaredError(noisy.noise).scalar) * Double(examples.count)
        body(noisy, found)
      }
    }
    return sum / Double(count * Self.draws)
  }

  /// As ``evaluate(batchSize:batches:)``, class by class and by how much noise there was.
  public func report(batchSize: Int) throws -> EvaluationReport? {
    let size = max(batchSize, 256)
    let verdict = try judged(made(seed: 0))
    let real = data.validation
    let readings = try judged(Tensor(shape: [real.count] + real.shape, scalars: real.features))
    var (found, old) = (tally, tally)
    let loss = loss(on: real, size) { found.add($0.steps, $1, $0.noise) }
    let oldLoss = data.leftOut.flatMap { parts in
      parts.validation.count == 0
        ? nil : self.loss(on: parts.validation, size) { old.add($0.steps, $1, $0.noise) }
    }
    return .images(
      ImageReport(
        verdict, asked: asked.map { Int($0) }, names: names, learned: Set(learned),
        quality: quality(of: learned, verdict),
        realQuality: readings.agreement(with: real.labels.map { Int($0) }),
        denoising: .init(
          loss: loss, oldLoss: oldLoss, examples: real.count,
          levels: found.levels(old, signal: signal))))
  }

  /// Nothing yet, by how much noise there was.
  private var tally: NoiseLevelTally { NoiseLevelTally(steps: settings.timesteps) }

  // MARK: Images

  /// What images are made of.
  public var sampler: DiffusionSampler {
    DiffusionSampler(
      model: network, signal: signal, guidance: settings.guidance, steps: settings.samplingSteps)
  }

  /// The classes of the images that evaluations make, row by row of the grid.
  private var asked: [Int32] {
    (0..<settings.samples * network.classes).map { Int32($0 % network.classes) }
  }

  /// Images of all classes.
  private func made(seed: UInt64) -> Tensor {
    var random = RandomStream(seed: seed, stream: RandomPurpose.diffusion)
    return sampler.images(asked, &random)
  }

  private func judged(_ images: Tensor) throws -> ImageJudge.Verdict {
    let judge = try judge ?? ImageJudge(data.allClasses)
    self.judge = judge
    return judge.verdict(on: images)
  }

  /// Images in a grid, with a column for each class.
  public func images(seed: UInt64) -> TrainingSample.Image {
    let grid = ImageGrid(made(seed: seed), columns: network.classes, black: 0, white: 1)
    return grid.image("a column for each class: \(Classification.list(names))")
  }
}

extension ClassificationDataset.Split {
  /// The examples to train on of all classes, also of those that are left out.
  var allClasses: ClassificationDataset {
    guard let others = leftOut?.training else { return training }
    return training.joined(with: others)
  }
}
