import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

@Suite("Judge of generated images", .serialized) struct ImageJudgeTests {
  private static let digits = Result {
    try DigitsData.images().split(validationFraction: 0.2, seed: 0)
  }

  private static func images(_ data: ClassificationDataset) -> Tensor {
    Tensor(shape: [data.count] + data.shape, scalars: data.features)
  }

  @Test("reads digits that it has not seen, alike each time and on any number of threads")
  func reads() throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let split = try Self.digits.get()
    let images = Self.images(split.validation)
    let verdicts = try [1, 2].map { threads in
      ThreadPool.shared.setThreads(threads)
      return try ImageJudge(split.training).verdict(on: images)
    }
    #expect(verdicts[0] == verdicts[1])
    #expect(verdicts[0].agreement(with: split.validation.labels.map { Int($0) }) > 0.96)
    #expect(verdicts[0].confidence > 0.85 && verdicts[0].diversity > 9.9)
    // As in mixed precision, in which evaluations run.
    let mixed = try Autocast.run(in: .bfloat16) {
      try ImageJudge(split.training).verdict(on: images)
    }
    #expect(mixed == verdicts[0])
  }

  @Test("tells apart images of all classes, of one, noise, and what is no number") func tells()
    throws
  {
    let split = try Self.digits.get()
    let judge = try ImageJudge(split.training)
    let data = split.validation
    let real = judge.verdict(on: Self.images(data))
    let threes = data.subset(data.labels.indices.filter { data.labels[$0] == 3 })
    let one = judge.verdict(on: Self.images(threes))
    var random = RandomStream(seed: 1)
    let noise = judge.verdict(on: .random([300, 1, 8, 8], uniform: 0..<1, &random))
    #expect(real.score > 7 && one.diversity < 2.5 && noise.score < 0.6 * real.score)
    let broken = judge.verdict(on: Tensor(repeating: .nan, shape: [4, 1, 8, 8]))
    #expect(broken.probabilities.joined().allSatisfy { $0 == 0.1 })
    #expect(abs(broken.score - 1) < 1e-12)
  }

  @Test(
    "figures of a verdict",
    arguments: [
      ([[1, 0], [0, 1]], 1.0, 2.0, 2.0, 1.0),
      ([[1, 0], [1, 0]], 1, 1, 1, 0.5),
      ([[0.5, 0.5], [0.5, 0.5]], 0.5, 2, 1, 0.5),
    ] as [([[Double]], Double, Double, Double, Double)])
  func figures(
    rows: [[Double]], confidence: Double, diversity: Double, score: Double, agreement: Double
  ) {
    let verdict = ImageJudge.Verdict(probabilities: rows)
    #expect(verdict.confidence == confidence)
    #expect(abs(verdict.diversity - diversity) < 1e-12 && abs(verdict.score - score) < 1e-12)
    #expect(verdict.agreement(with: [0, 1]) == agreement)
  }
}
