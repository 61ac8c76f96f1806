import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

// One after another: the number of threads is shared by all.
@Suite("Adversarial training", .serialized) struct AdversarialTrainingTests {
  private let files = try! TemporaryFiles()

  private static let yaml = """
    steps: 6
    batch: 16
    model: {kind: gan, latent: 4, channels: [6, 4]}
    data: {kind: digits}
    optimizer: {name: adam, lr: 1e-3, betas: [0.5, 0.999]}
    evaluate: {every: 2, batches: 2}
    checkpoint: {every: 2}
    log: {samples: true}
    """

  private func train(
    _ name: String, _ changes: [String] = [], stopAfter limit: Int = .max
  ) throws -> RunDirectory {
    let run = try RunDirectory(new: files.path(name), name: "test")
    _ = try Trainer(Recipe(yaml: Self.yaml, overrides: changes))
      .run(in: run, observer: Watcher(stopAfter: limit))
    return run
  }

  /// The last weights, byte by byte, and the metrics without what takes time or memory.
  private func bits(of run: RunDirectory) throws -> (Data, [String]) {
    let last = try Data(
      contentsOf: run.url.appending(path: "checkpoints/step-00000006.safetensors"))
    return (last, try run.lines().map { try $0.withoutTimes() })
  }

  @Test("any number of threads and a run that was stopped lead to the same bits") func sameBits()
    throws
  {
    let whole = try bits(of: train("whole", ["threads=1"]))
    let parts = try train("parts", ["threads=2"], stopAfter: 3)
    _ = try Trainer(resuming: parts).run(in: parts, observer: Watcher())
    let resumed = try bits(of: parts)
    #expect(whole.0 == resumed.0 && whole.1 == resumed.1)
  }

  @Test("gradients that are released as they are complete lead to the same losses") func released()
    throws
  {
    func losses(_ run: RunDirectory) throws -> [Double] { try run.metrics().steps.map(\.loss) }
    let plain = try losses(train("plain"))
    #expect(try losses(train("released", ["release_gradients=true"])) == plain)
  }

  @Test("a report agrees with the evaluation, class by class") func report() throws {
    let task = try Recipe(yaml: Self.yaml).makeTask()
    let found = try task.evaluate(batchSize: 16, batches: nil)
    guard case .images(let report)? = try task.report(batchSize: 16) else {
      throw CancellationError()
    }
    #expect(report.quality == found.others["quality"] && report.measure == .score)
    #expect(report.confidence == found.others["confidence"])
    #expect(report.images == 1000 && report.classes.reduce(0) { $0 + $1.read } == 1000)
    #expect(report.classes.allSatisfy { $0.asked == nil && ($0.confidence ?? 1) > 0.1 })
    #expect(report.realQuality > 8 && report.denoising == nil)
  }

  @Test("steps say both losses, evaluations what a judge thinks, samples what it sees")
  func metrics() throws {
    let run = try train("run")
    let (steps, _, evaluations) = try run.metrics()
    #expect(steps.count == 6 && evaluations.map(\.step) == [2, 4, 6])
    for step in steps {
      let values = step.diagnostics
      let (d, g) = (try #require(values["d_loss"]), try #require(values["g_loss"]))
      #expect(abs(d + g - step.loss) < 1e-5 && d > 0 && g > 0)
      for key in ["d_real", "d_fake"] {
        let probability = try #require(values[key])
        #expect((0...1).contains(probability))
      }
    }
    for evaluation in evaluations {
      let values = evaluation.measures
      let (quality, diversity, confidence) = (
        try #require(values["quality"]), try #require(values["diversity"]),
        try #require(values["confidence"])
      )
      #expect((1...10).contains(quality) && (1...10).contains(diversity))
      #expect((0.1...1).contains(confidence))
      #expect(abs(evaluation.loss - log(10 / quality)) < 1e-9)
    }
    #expect(run.samples.map(\.step) == [2, 4, 6])
    for (_, sample) in run.samples {
      guard case .image(let image) = sample else {
        Issue.record("no image")
        continue
      }
      // Eight images of 8 × 8 in a row and four rows, with lines between them.
      #expect(image.width == 71 && image.height == 35 && Set(image.pixels).count > 20)
    }
  }

  @Test("batches are functions of the seed and the number") func batches() throws {
    func loss(_ seed: Int, _ number: Int, after others: [Int] = []) throws -> Float {
      let task = try Recipe(yaml: Self.yaml, overrides: ["seed=\(seed)"]).makeTask()
      for other in others { _ = try task.batch(other, size: 16) }
      let batch = try task.batch(number, size: 16)
      #expect(batch.weight == 16 && task.unit == "images" && !task.measuresAccuracy)
      return batch.loss(.training(seed: 0)).scalar
    }
    #expect(try loss(1, 3) == loss(1, 3, after: [200, 0]))
    #expect(try loss(1, 3) != loss(1, 4) && loss(1, 3) != loss(2, 3))
  }

  @Test("weights that go to infinity end the run, and none are kept") func broken() throws {
    let error = #expect(throws: RunError.self) { try train("broken", ["optimizer.lr=1e30"]) }
    #expect(error?.isBreakdown == true, "\(error.map { "\($0)" } ?? "")")
    let kept = try FileManager.default.contentsOfDirectory(
      atPath: files.path("broken") + "/checkpoints")
    #expect(!kept.contains { $0.hasSuffix("00000006.safetensors") })
  }

  @Test("a line search, which sees one loss of two, is refused") func lineSearch() throws {
    let error = try #require(throws: RecipeError.self) {
      try Recipe(yaml: Self.yaml, overrides: ["optimizer.name=lbfgs"])
    }
    #expect(error.problems.count == 1, "\(error)")
    #expect(
      error.problems[0].hasPrefix("lbfgs cannot be combined with model.kind=gan: "), "\(error)")
  }

  @Test("images that cannot be learned are refused") func refused() throws {
    func write(_ name: String, _ size: Int, _ pixel: (Int) -> Int) throws -> [String] {
      let count = 8 * size * size
      let images: [UInt8] =
        [0, 0, 8, 3, 0, 0, 0, 8, 0, 0, 0, UInt8(size), 0, 0, 0, UInt8(size)]
        + (0..<count).map { UInt8(pixel($0)) }
      let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 8, 0, 1, 0, 1, 0, 1, 0, 1]
      return [
        "data.kind=idx", "data.validation_fraction=0.25",
        "data.images=\(try files.write(images, to: name + "-images"))",
        "data.labels=\(try files.write(labels, to: name + "-labels"))",
      ]
    }
    func problem(_ changes: [String]) -> String {
      do {
        _ = try Recipe(yaml: Self.yaml, overrides: changes).makeTask()
        return ""
      } catch { return "\(error)" }
    }
    #expect(problem(try write("even", 8) { $0 % 251 }) == "")
    #expect(
      problem(try write("odd", 6) { $0 % 251 }).contains("6 × 6 cannot be made by 2 doublings"))
    #expect(problem(try write("flat", 8) { _ in 7 }).contains("there is nothing to learn"))
  }
}
