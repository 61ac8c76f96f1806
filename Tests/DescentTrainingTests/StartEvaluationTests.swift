import DescentTraining
import Foundation
import Testing

@Suite("Evaluations before the first step") struct StartEvaluationTests {
  private let files = try! TemporaryFiles()

  private static let yaml = """
    steps: 12
    batch: 8
    model: {kind: mlp, hidden: [4]}
    data: {kind: digits}
    optimizer: {name: adamw, lr: 0.01}
    schedule: {name: plateau, patience: 0}
    average: {name: ema, decay: 0.9}
    evaluate: {every: 4, batches: 4}
    checkpoint: {every: 4}
    """

  private func train(
    _ name: String, _ changes: [String] = [], stopAfter limit: Int = .max
  ) throws -> RunDirectory {
    let run = try RunDirectory(new: files.path(name), name: "test")
    try Trainer(Recipe(yaml: Self.yaml, overrides: changes))
      .run(in: run, observer: Watcher(stopAfter: limit))
    return run
  }

  private func steps(_ run: RunDirectory) throws -> [Int] {
    try run.metrics().evaluations.map(\.step)
  }

  @Test("one stands where the run begins with weights, and is that of these weights")
  func begins() throws {
    let base = try train("base")
    #expect(try steps(base) == [4, 8, 12])
    let next = try train("next", ["from=\(base.path)"])
    #expect(try steps(next) == [0, 4, 8, 12])
    let (before, after) = (try base.metrics().evaluations, try next.metrics().evaluations)
    #expect(after[0].loss == before[2].loss && after[0].accuracy == before[2].accuracy)
    // No merit of the run.
    var target = TargetSettings()
    target.atMost = 100
    #expect(try next.outcome(of: target).step == 4)
    let lines = try next.lines()
    #expect(lines[0].contains(#""step": 0, "val_loss""#), "\(lines[0])")
  }

  @Test("it can be asked for, and left out, and no step follows from it") func asked() throws {
    let base = try train("base")
    let with = try train("with", ["from=\(base.path)"])
    let without = try train("without", ["from=\(base.path)", "evaluate.start=false"])
    let drawn = try train("drawn", ["evaluate.start=true"])
    #expect(try steps(without) == [4, 8, 12] && steps(drawn) == [0, 4, 8, 12])
    func course(_ run: RunDirectory) throws -> [String] {
      try run.lines().map { try $0.withoutTimes() }
    }
    #expect(try Array(course(with).dropFirst()) == course(without))
    #expect(try Array(course(drawn).dropFirst()) == course(base))
    func checkpoints(_ run: RunDirectory) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: run.path + "/checkpoints").sorted()
    }
    #expect(try checkpoints(with) == checkpoints(without))
  }

  @Test("a run that is stopped and goes on has it once", arguments: [1, 4, 6])
  func resumed(_ stop: Int) throws {
    let whole = try train("whole", ["evaluate.start=true"])
    let parts = try train("parts", ["evaluate.start=true"], stopAfter: stop)
    try Trainer(resuming: parts).run(in: parts, observer: Watcher())
    #expect(
      try parts.lines().map { try $0.withoutTimes() }
        == whole.lines().map { try $0.withoutTimes() })
  }
}
