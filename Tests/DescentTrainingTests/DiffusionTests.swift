import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

private let small = """
  steps: 8
  batch: 16
  model: {kind: diffusion, layers: 1, heads: 2, width: 8, sampling_steps: 3, samples: 1}
  data: {kind: digits}
  optimizer: {name: adamw, lr: 0.01}
  evaluate: {every: 4, batches: 1}
  """

private func task(_ changes: String...) throws -> any TrainingTask {
  try Recipe(yaml: small, overrides: changes).makeTask()
}

extension TrainerTests {
  @Test("a diffusion run that is resumed is the run that never stopped")
  func diffusionResumes() throws {
    try withFolder { folder in
      let recipe = try Recipe(yaml: small, overrides: ["model.dropout=0.1", "data.classes=[3,5]"])
      let found = try ResumeVerification(recipe, in: URL(fileURLWithPath: folder)) { _ in
        Watcher()
      }
      #expect(found.resumed.isEqual && !found.weightsOnly.hasEqualWeights, "\(found.resumed)")
    }
  }

  @Test("losses, evaluations and images have the same bits on any number of threads")
  func diffusionThreads() throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let results = try [1, 2].map { threads in
      ThreadPool.shared.setThreads(threads)
      let task = try task("data.classes=[3]")
      let loss = try task.batch(5, size: 16).loss(.inference).scalar
      return (
        loss, try task.evaluate(batchSize: 16, batches: nil), task.samples(batchSize: 16)
      )
    }
    #expect(results[0] == results[1])
  }
}

@Suite("Diffusion") struct DiffusionTests {
  @Test(
    "signal that is left",
    arguments: [
      // f(t)/f(0) with f(t) = cos²(π/2·(t/T + 0.008)/1.008)
      (NoiseSchedule.cosine, 1000, 500, 0.49384359, 1e-8),
      (.cosine, 4, 2, 0.49384359, 1e-8), (.cosine, 1000, 0, 1, 0),
      // Π (1 − βᵢ) from 1e-4 to 0.02, as in the paper.
      (.linear, 1000, 1000, 4.0358e-5, 1e-8), (.linear, 1000, 1, 0.9999, 1e-12),
      (.linear, 1, 1, 0.9, 1e-12),
    ] as [(NoiseSchedule, Int, Int, Double, Double)])
  func signal(_ noise: NoiseSchedule, steps: Int, t: Int, value: Double, bound: Double) {
    let signal = noise.signal(steps: steps)
    #expect(signal.count == steps + 1 && abs(signal[t] - value) <= bound, "\(signal[t])")
    #expect(zip(signal, signal.dropFirst()).allSatisfy { $0 > $1 && $1 > 0 })
  }

  @Test("a step with the right noise stays on the way from the image to the noise") func step() {
    var random = RandomStream(seed: 1)
    let image = Tensor.random([1, 1, 4, 4], uniform: -1..<1, &random)
    let noise = Tensor.random([1, 1, 4, 4], normal: 1, &random)
    func noisy(_ signal: Float) -> Tensor {
      signal.squareRoot() * image + (1 - signal).squareRoot() * noise
    }
    for (now, next) in [(0.1, 0.5), (0.01, 0.9), (0.5, 1)] as [(Float, Float)] {
      let x = DiffusionSampler.step(noisy(now), noise, from: Double(now), to: Double(next))
      #expect((x - noisy(next)).magnitude().max().scalar < 1e-4)
    }
    // However wrong the noise, images keep to their range; what is no number stays so.
    let wild = DiffusionSampler.step(noisy(1e-6), 50 * noise, from: 1e-6, to: 1)
    #expect(wild.magnitude().max().scalar <= 1)
    let broken = DiffusionSampler.step(
      image, .init(repeating: .nan, shape: image.shape), from: 0.5, to: 1)
    #expect(broken.scalars.allSatisfy { $0.isNaN })
    let grid = ImageGrid(broken, columns: 2, black: 0, white: 1).image("")
    #expect(grid.width == 9 && grid.height == 4 && grid.isMade)
    #expect(grid.pixels.count { $0 == 0 } == 16)
  }

  @Test("a batch follows from the seed and its number alone") func batches() throws {
    func loss(_ task: any TrainingTask, _ number: Int) throws -> Float {
      try task.batch(number, size: 16).loss(.inference).scalar
    }
    let (one, other) = (try task(), try task())
    let expected = try loss(one, 7)
    for number in [0, 3, 200] { _ = try loss(other, number) }
    #expect(try loss(other, 7) == expected)
    #expect(try loss(one, 8) != expected)
    #expect(try loss(task("seed=1"), 7) != expected)
  }

  @Test("evaluations are comparable, and say what became of the classes left out")
  func evaluations() throws {
    let all = try task()
    let first = try all.evaluate(batchSize: 16, batches: nil)
    _ = try all.batch(3, size: 16)
    #expect(try all.evaluate(batchSize: 16, batches: nil) == first)
    // A model that sees no noise is wrong by all of it, whose variance is 1.
    #expect(abs(first.loss - 1) < 0.02 && first.accuracy == nil)
    #expect(Set(first.others.keys) == ["quality"])
    let some = try task("data.classes=[3, 8]")
    let found = try some.evaluate(batchSize: 16, batches: nil)
    #expect(Set(found.others.keys) == ["quality", "old", "old_quality"])
    #expect(some.summary?.contains("2 classes: 3, 8; left out: 0, 1, 2, 4, 5, 6, 7, 9") == true)
    #expect(
      some.model.parameters.map(\.value.shape) == all.model.parameters.map(\.value.shape))
  }

  @Test("a report agrees with the evaluation, and says how the loss follows from the noise")
  func report() throws {
    let task = try task("data.classes=[3, 8]", "model.samples=2")
    let found = try task.evaluate(batchSize: 16, batches: nil)
    guard case .images(let report)? = try task.report(batchSize: 16),
      let denoising = report.denoising
    else { throw CancellationError() }
    #expect(report.quality == found.others["quality"] && denoising.loss == found.loss)
    #expect(denoising.oldLoss == found.others["old"] && report.measure == .agreement)
    #expect(report.images == 20 && report.classes.allSatisfy { $0.asked == 2 })
    #expect(report.classes.filter(\.isLearned).map(\.name) == ["3", "8"])
    #expect(report.realQuality > 0.9)
    #expect(denoising.levels.map(\.times.lowerBound) == (0..<10).map { 100 * $0 + 1 })
    #expect(denoising.levels.last?.times.upperBound == 1000)
    // Times are spread evenly, so that the mean of the parts is that of all, nearly.
    for (losses, all) in [
      (denoising.levels.compactMap(\.loss), denoising.loss),
      (denoising.levels.compactMap(\.oldLoss), denoising.oldLoss ?? .nan),
    ] { #expect(losses.count == 10 && abs(losses.reduce(0, +) / 10 - all) < 1e-3 * all) }
  }

  @Test("the parts of some digits are those of all") func parts() throws {
    func split(_ classes: [Int]) throws -> ClassificationDataset.Split {
      var data = DigitsData()
      data.classes = classes
      guard case .classes(let split) = try data.load(seed: 3) else { throw CancellationError() }
      return split
    }
    let (all, some) = (try split(Array(0..<10)), try split([8, 3]))
    #expect(all.leftOut == nil && some.training.classes == 10)
    let others = try #require(some.leftOut)
    for (whole, kept, left) in [
      (all.training, some.training, others.training),
      (all.validation, some.validation, others.validation),
    ] {
      #expect(kept.count + left.count == whole.count && Set(kept.labels) == [3, 8])
      #expect(
        kept == whole.subset(whole.labels.indices.filter { [3, 8].contains(whole.labels[$0]) }))
    }
  }

  @Test(
    "adapters find the layers by the names that they have in the GPT",
    arguments: [
      ("none", 1), ("c_attn", 1), (#".*attn\..*"#, 2), ("all-linear", 9),
    ])
  func adapters(targets: String, layers: Int) throws {
    let task = try task("adapter.kind=lora", "adapter.rank=2", "adapter.targets=\(targets)")
    #expect(task.model.adapters.count == layers, "\(task.model.adapters.map(\.name))")
    let trained = task.model.parameters.filter(\.isTrainable)
    #expect(trained.count == 2 * layers)
  }

  @Test(
    "settings that cannot be are refused with advice",
    arguments: [
      ("model.patch=3", "choose a patch that divides both (1, 2, 4)"),
      ("model.heads=3", "heads=3 does not divide width=8"),
      ("model.sampling_steps=1001", "sampling_steps=1001 is more than timesteps=1000"),
      ("model.label_dropout=0", "set label_dropout above 0, such as 0.1, or guidance=1"),
      ("model.timesteps=0", "timesteps must be from 1 to"),
      ("model.samples=0", "samples must be from 1 to 1000"),
      ("model.noise=cosin", "did you mean 'cosine'?"),
      ("data.classes=[]", "name at least one digit, such as classes=[3]"),
      ("data.classes=[3,3]", "classes has the digit 3 twice"),
      ("data.classes=[10]", "data.classes must be from 0 to 9"),
    ])
  func refused(change: String, sentence: String) {
    let error = #expect(throws: RecipeError.self) { _ = try task(change) }
    #expect(String(describing: error).contains(sentence), "\(String(describing: error))")
  }
}
