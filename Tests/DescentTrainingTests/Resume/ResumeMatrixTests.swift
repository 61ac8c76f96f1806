import Descent
import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

/// Stops after a number of attempts at a step, skipped ones too.
private final class Stopper: TrainingObserver {
  private(set) var (attempts, skips) = (0, 0)
  private let limit: Int
  init(after limit: Int = .max) { self.limit = limit }
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) { attempts += 1 }
  func skipped(_ step: SkippedStep) { (attempts, skips) = (attempts + 1, skips + 1) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { attempts >= limit }
}

// Among the other runs, since the number of threads is shared by all.
extension TrainerTests {
  @Test(
    "a run that is stopped and resumed is the run that never stopped, to the bit",
    arguments: ResumeMatrix.shared.cases)
  func resumed(_ example: ResumeCase) throws {
    try resumes(
      ResumeCase.base, example.changes(in:), stop: example.stop, threads: example.threads)
  }

  @Test("the same for every other kind of task, with every rule", arguments: ResumeTasks.cases)
  func resumedTask(_ example: ResumeTasks.Case) throws {
    try resumes(
      ResumeTasks.base, { example.changes(in: $0) }, stop: example.stop, threads: example.threads)
  }

  @Test("every kind of task and every rule is among them") func tasks() {
    let cases = ResumeTasks.cases
    #expect(Set(cases.map(\.rule)) == Set(Rules.names))
    for task in ResumeTasks.tasks {
      #expect(cases.count { $0.task == task.name } > 1, "\(task.name)")
    }
    #expect(Set(cases.map(\.state)).count == 4 && Set(cases.map(\.average)).count == 5)
  }

  private func resumes(
    _ base: String, _ changes: (_ folder: String) -> [String], stop: Int, threads: [Int]
  ) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    try withFolder { folder in
      try ResumeData.write(to: folder)
      let (whole, parts) = (folder + "/whole", folder + "/parts")
      func start(_ run: String, threads: Int, _ observer: Stopper) throws -> TrainingResult {
        try Trainer(Recipe(yaml: base, overrides: changes(folder) + ["threads=\(threads)"]))
          .run(in: try RunDirectory(new: run, name: "test"), observer: observer)
      }
      let straight = try start(whole, threads: threads[0], Stopper())
      let stopped = try start(parts, threads: threads[1], Stopper(after: stop))
      #expect(stopped.interrupted && stopped.steps + stopped.skipped == stop)
      let atStop = try bytes(of: stopped.checkpoint)
      let run = try RunDirectory(existing: parts)
      let trainer = try Trainer(resuming: run, overrides: ["threads=\(threads[2])"])
      let resumed = try trainer.run(in: run, observer: Stopper())
      #expect(trainer.resumption?.step == stopped.steps && resumed.steps == straight.steps)
      #expect(resumed.skipped == straight.skipped)
      #expect(try bytes(of: straight.checkpoint) == bytes(of: resumed.checkpoint))
      #expect(try metrics(whole) == metrics(parts))
      // Whoever compares must be able to see a difference.
      #expect(try atStop != bytes(of: resumed.checkpoint))
    }
  }

  @Test(
    "a batch that was skipped before the stop stays skipped after it",
    arguments: [
      ["optimizer.momentum=0.9"], ["optimizer.name=adamw", "average.name=ema"],
      ["optimizer.name=kfac", "optimizer.inv_update_steps=3", "optimizer.damping=0.1"],
      ["optimizer.name=lbfgs", "optimizer.max_iter=2"],
      ["optimizer.name=adam", "optimizer.state=int8", "optimizer.state_minimum=1", "accumulate=2"],
    ])
  func badBatch(_ changes: [String]) throws {
    try withFolder { folder in
      func start(_ name: String, _ observer: Stopper) throws -> TrainingResult {
        var recipe = try Recipe(
          yaml: ResumeCase.base, overrides: ["nonfinite=skip", "threads=2"] + changes)
        recipe.model = BadBatchMLP()
        return try Trainer(recipe)
          .run(in: RunDirectory(new: "\(folder)/\(name)", name: "test"), observer: observer)
      }
      let straight = try start("whole", Stopper())
      let stopped = try start("parts", Stopper(after: 5))
      #expect(straight.skipped == 1 && stopped.skipped == 1 && stopped.steps == 4)
      // Read from its file, the recipe means the package's own model: no batch is bad any more.
      let run = try RunDirectory(existing: folder + "/parts")
      let resumed = try Trainer(resuming: run, overrides: ["threads=1"])
        .run(in: run, observer: Stopper())
      #expect(try bytes(of: straight.checkpoint) == bytes(of: resumed.checkpoint))
      #expect(try metrics(folder + "/whole") == metrics(folder + "/parts"))
    }
  }

  private func bytes(of file: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: file))
  }

  @Test("the matrix holds every pair that the package lets go together") func pairs() {
    let (matrix, axes) = (ResumeMatrix.shared, ResumeAxis.all)
    #expect(matrix.objections.isEmpty, "\(matrix.objections)")
    #expect(matrix.impossible.isEmpty, "\(matrix.impossible)")
    #expect(matrix.excluded.contains(["rule: lbfgs max_iter=2", "clip: norm"]))
    #expect(matrix.excluded.contains(["weights: bf16 kahan", "precision: float32"]))
    let values = axes.indices.flatMap { axis in axes[axis].values.indices.map { (axis, $0) } }
    var missing: [[String]] = []
    for (a, b) in values.indices.flatMap({ b in (0..<b).map { (values[$0], values[b]) } })
    where a.0 != b.0 {
      let names = [a, b].map { "\(axes[$0.0].name): \(axes[$0.0].values[$0.1].name)" }
      let isThere = matrix.cases.contains { $0.row[a.0] == a.1 && $0.row[b.0] == b.1 }
      // Neither too few nor any that the table forbids.
      if isThere == matrix.excluded.contains(names) { missing.append(names) }
    }
    #expect(missing.isEmpty, "\(missing)")
  }
}

/// The package's perceptron, but for the loss of one batch, which is not a number.
private struct BadBatchMLP: ModelKind {
  var (hidden, activation, dropout) = ([6, 5], Activation.relu, 0.0)

  static let name = MLPModel.name
  static let settings: [Setting<BadBatchMLP>] = [
    .integers("hidden", \.hidden, .atLeast(1), "widths of the hidden layers"),
    .choice("activation", \.activation, "what lies between the layers"),
    .number("dropout", \.dropout, .halfOpen(0, 1), "probability of dropout"),
  ]
  static let learns = MLPModel.learns
  static let reportsAccuracy = true

  func makeTask(_ data: LabelledData, seed: UInt64) throws -> any TrainingTask {
    var model = MLPModel()
    (model.hidden, model.activation, model.dropout) = (hidden, activation, dropout)
    return Task(try model.makeTask(data, seed: seed))
  }

  private final class Task: TrainingTask {
    private let task: any TrainingTask
    init(_ task: any TrainingTask) { self.task = task }
    var model: any Module { task.model }
    var unit: String { task.unit }
    var fingerprint: String { task.fingerprint }
    var metrics: [String: Double] { task.metrics }
    func batchesPerEpoch(_ batch: Int) -> Int? { task.batchesPerEpoch(batch) }
    func evaluate(batchSize: Int, batches: Int?) throws -> Evaluation {
      try task.evaluate(batchSize: batchSize, batches: batches)
    }
    func batch(_ number: Int, size: Int) throws -> Batch {
      let batch = try task.batch(number, size: size)
      guard number == 2 else { return batch }
      return Batch(
        weight: batch.weight, loss: { batch.loss($0) * .nan }, sampledLoss: batch.sampledLoss)
    }
  }
}
