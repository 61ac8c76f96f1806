import DescentLab
import DescentTraining
import Foundation
import Testing

/// Runs that write event files, read back.
@Suite struct TensorBoardRunTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  private final class Silent: TrainingObserver {
    var stopAfter = Int.max
    private var steps = 0
    func started(_ facts: RunFacts) {}
    func stepped(_ step: TrainingStep) { steps += 1 }
    func evaluated(_ evaluation: Evaluation, after step: Int) {}
    var wantsToStop: Bool { steps >= stopAfter }
  }

  private static let yaml = """
    steps: 6
    batch: 8
    model: {kind: mlp, hidden: 8}
    data: {kind: digits}
    optimizer: {name: prodigy}
    evaluate: {every: 3, batches: 2}
    checkpoint: {every: 2}
    """

  private func train(_ name: String, _ overrides: [String], stopAfter: Int = .max) throws -> String
  {
    let recipe = try Recipe(yaml: Self.yaml, overrides: overrides)
    let run = try RunDirectory(new: files.path(name), name: name)
    let observer = Silent()
    observer.stopAfter = stopAfter
    _ = try Trainer(recipe).run(in: run, observer: observer)
    return run.path
  }

  private func eventFiles(_ run: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: run).filter { $0.contains("tfevents") }
      .sorted()
  }

  @Test func eventsSayWhatMetricsSay() throws {
    let run = try train("a", ["log.tensorboard=true"], stopAfter: 4)
    _ = try Trainer(resuming: RunDirectory(existing: run)).run(
      in: RunDirectory(existing: run), observer: Silent())
    #expect(try eventFiles(run).count == 2)
    let metrics = try RunLog.read([run])[0]
    #expect((metrics.format, metrics.state, metrics.name) == (.descent, .finished, "a"))
    #expect(metrics.settings.contains { $0 == ("optimizer.name", "prodigy") })
    #expect(metrics.settings.contains { $0 == ("steps", "6") })
    #expect(metrics.recipe?.contains("prodigy") == true)
    // The event files alone.
    for file in try eventFiles(run) {
      try files.write([UInt8](Data(contentsOf: URL(filePath: "\(run)/\(file)"))), to: "b/\(file)")
    }
    let events = try RunLog.read([files.path("b")])[0]
    #expect(events.format == .tensorBoard)
    for (name, track) in metrics.tracks {
      // What only a rule knows keeps its tag.
      let other = try #require(events[name] ?? events["train/\(name)"])
      #expect(other.steps == track.steps, "\(name)")
      #expect(zip(other.values, track.values).allSatisfy { $0 == Double(Float($1)) }, "\(name)")
    }
    #expect(events.notes == [])
  }

  @Test func trainingStaysTheSame() throws {
    let (with, without) = (try train("with", ["log.tensorboard=true"]), try train("without", []))
    let logs = try RunLog.read([with, without])
    for name in ["loss", "val_loss", "d", "grad_norm", "lr"] {
      #expect(logs[0][name] == logs[1][name])
      #expect(logs[0][name]?.isEmpty == false)
    }
    #expect(try eventFiles(without) == [])
  }
}
