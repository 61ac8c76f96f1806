import Descent
import DescentNN
public import Foundation
import Safetensors

/// What resuming keeps, found out by trying: a recipe is trained straight through (A), stopped and
/// resumed (B), and stopped and continued with a new optimizer (C).
///
/// A and B must have the same bits. C has the weights of the stop, the running statistics, the
/// average, the loss scale, the position in the data and in the schedules, but none of the
/// optimizer's state: what is left of a run that saves its weights alone. Where C differs from A,
/// that state matters, and the comparison of A with B says something.
public struct ResumeVerification: Sendable {
  /// The steps of each run.
  public let steps: Int
  /// The steps before the stop.
  public let stop: Int
  /// Tensors in the last checkpoint: weights, state, averages.
  public let tensors: Int
  /// Their bytes.
  public let bytes: Int
  /// The loss of A's last step, in nats.
  public let loss: Double
  /// B beside A.
  public let resumed: Comparison
  /// C beside A.
  public let weightsOnly: Comparison

  /// A run beside the one that never stopped.
  public struct Comparison: Sendable {
    /// What has other bits in the last checkpoint: tensors, and notes of its metadata in quotes.
    public let differences: [String]
    /// Lines of the metrics that differ, times and memory not counted.
    public let metricLines: Int
    /// The largest difference of a weight.
    public let largest: Double
    /// The tensor that has it; nil where no weight differs.
    public let tensor: String?
    /// ‖w − w′‖ / ‖w‖ over all weights w of A and w′ of the other run.
    public let relative: Double
    /// The loss of the run's last step, in nats.
    public let loss: Double

    /// Whether everything has the same bits.
    public var isEqual: Bool { differences.isEmpty && metricLines == 0 }
    /// Whether all weights and metrics have the same bits; what the optimizer remembers may differ.
    public var hasEqualWeights: Bool { tensor == nil && metricLines == 0 }

    package init(
      differences: [String], metricLines: Int, largest: Double, tensor: String?, relative: Double,
      loss: Double
    ) {
      (self.differences, self.metricLines, self.loss) = (differences, metricLines, loss)
      (self.largest, self.tensor, self.relative) = (largest, tensor, relative)
    }
  }

  package init(
    steps: Int, stop: Int, tensors: Int, bytes: Int, loss: Double, resumed: Comparison,
    weightsOnly: Comparison
  ) {
    (self.steps, self.stop, self.tensors, self.bytes) = (steps, stop, tensors, bytes)
    (self.loss, self.resumed, self.weightsOnly) = (loss, resumed, weightsOnly)
  }

  /// Someone stopped one of the runs: nothing was verified.
  public struct Interrupted: Error, Sendable {}

  /// How many steps are taken when nobody says.
  public static let usualSteps = 20

  /// Trains a recipe in the folders `straight`, `resumed` and `weights-only`.
  ///
  /// - Parameters:
  ///   - recipe: the recipe; its schedules keep their length, though only some steps are taken.
  ///   - steps: the steps of each run, at most the recipe's; nil is ``usualSteps`` or all.
  ///   - stop: the steps before the stop, at least 1 and fewer than `steps`; nil is half of them.
  ///   - folder: where the runs go; empty, or made where it is not there.
  ///   - task: makes the model and data anew for each run, where a program has them; nil makes those that
  ///     the recipe names.
  ///   - watch: who watches each run, by what it does.
  /// - Throws: ``RecipeError`` for numbers of steps that cannot be, ``Interrupted``, and the errors
  ///   of training, reading and writing.
  public init(
    _ recipe: Recipe, steps: Int? = nil, stop: Int? = nil, in folder: URL,
    task: (() throws -> any TrainingTask)? = nil,
    watch: (_ run: String) -> any TrainingObserver
  ) throws {
    func path(_ name: String) -> String { folder.appendingPathComponent(name).relativePath }
    func train(
      _ trainer: Trainer, in directory: RunDirectory, upTo last: Int, _ name: String
    ) throws -> URL {
      let observer = Limit(watch(name), steps: last - trainer.done.steps)
      let result = try trainer.run(in: directory, observer: observer)
      guard result.steps == last else { throw Interrupted() }
      return URL(fileURLWithPath: result.checkpoint)
    }

    let first = try Trainer(recipe, task: task?())
    (self.steps, self.stop) = try Self.check(steps, stop, of: first)
    _ = try RunDirectory.emptyFolder(folder.relativePath)
    let straight = try RunDirectory(new: path("straight"), name: "")
    let reference = try train(first, in: straight, upTo: self.steps, "straight through")

    let resumed = try RunDirectory(new: path("resumed"), name: "")
    _ = try train(Trainer(recipe, task: task?()), in: resumed, upTo: self.stop, "up to the stop")
    let copy = path("weights-only")
    do {
      try FileManager.default.copyItem(atPath: resumed.path, toPath: copy)
    } catch { throw RunError.cannotWrite(copy, "the run cannot be copied there") }
    let other = try train(
      Trainer(resuming: resumed, recipe, task), in: resumed, upTo: self.steps, "resumed")

    let weightsOnly = try RunDirectory(existing: copy)
    let trainer = try Trainer(resuming: weightsOnly, recipe, task)
    try trainer.renewOptimizer(Trainer(recipe, task: task?()))
    let cold = try train(trainer, in: weightsOnly, upTo: self.steps, "with its weights alone")

    let file = try SafetensorsFile(path: reference.path)
    tensors = file.entries.count
    bytes = file.entries.reduce(0) { $0 + $1.byteRange.count }
    loss = try straight.lastLoss
    let weights = first.parameters.map(\.name)
    func compare(_ run: RunDirectory, _ checkpoint: URL) throws -> Comparison {
      try Comparison(
        file, SafetensorsFile(path: checkpoint.path), weights: weights, straight, run)
    }
    self.resumed = try compare(resumed, other)
    self.weightsOnly = try compare(weightsOnly, cold)
  }

  /// The steps to take and those before the stop.
  private static func check(
    _ steps: Int?, _ stop: Int?, of trainer: Trainer
  ) throws(RecipeError) -> (steps: Int, stop: Int) {
    let all = trainer.steps
    let steps = steps ?? min(usualSteps, all)
    let stop = stop ?? steps / 2
    var problems: [String] = []
    if steps > all {
      problems.append(
        "--steps \(steps) is more than the \(all) steps of the recipe; add --set steps=\(steps)")
    }
    if steps < 2 {
      problems.append(
        "a run that is stopped and resumed has at least 2 steps, and this one has \(steps)")
    } else if !(1..<steps).contains(stop) {
      problems.append(
        "--at \(stop) must be at least 1 and less than \(steps), the number of steps")
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    return (steps, stop)
  }
}

extension Trainer {
  fileprivate convenience init(
    resuming directory: RunDirectory, _ recipe: Recipe, _ task: (() throws -> any TrainingTask)?
  ) throws {
    if let task {
      try self.init(resuming: directory, with: recipe, task: task())
    } else {
      try self.init(resuming: directory)
    }
  }

  /// Puts a new optimizer in the place of the one that has trained: without state, at the same
  /// place in its schedules.
  fileprivate func renewOptimizer(_ new: Trainer) throws {
    var state = SavedState(of: new.optimizer)
    state.notes = SavedState(of: optimizer).notes
    try state.restore(optimizer)
  }
}

extension ResumeVerification.Comparison {
  /// The last checkpoints and the metrics of two runs.
  fileprivate init(
    _ file: SafetensorsFile, _ other: SafetensorsFile, weights: [String],
    _ straight: RunDirectory, _ run: RunDirectory
  ) throws {
    let names = file.names + other.names.filter { !file.contains($0) }
    let tensors = try names.filter { name in
      guard file.contains(name), other.contains(name) else { return true }
      let (one, two) = (try file.entry(name), try other.entry(name))
      guard (one.dtype, one.shape) == (two.dtype, two.shape) else { return true }
      return try file.bytes(of: name) != other.bytes(of: name)
    }
    let notes = Set(file.metadata.keys).union(other.metadata.keys).sorted().filter {
      file.metadata[$0] != other.metadata[$0]
    }
    let (lines, others) = (try straight.comparableLines, try run.comparableLines)
    let changed = zip(lines, others).count { $0 != $1 } + abs(lines.count - others.count)

    var (largest, tensor): (Double, String?) = (0, nil)
    var (change, size) = (0.0, 0.0)
    // Of averaged runs both the average and what is trained.
    for name in weights + weights.map({ Checkpoint.training + $0 })
    where file.contains(name) && other.contains(name) {
      for (w, other) in zip(try file.floats(of: name), try other.floats(of: name)) {
        size += Double(w) * Double(w)
        guard w.bitPattern != other.bitPattern else { continue }
        let difference = abs(Double(w) - Double(other))
        // Zeros of both signs differ, too, and so does what is not a number.
        if tensor == nil || !(difference <= largest) { (largest, tensor) = (difference, name) }
        change += difference * difference
      }
    }
    self.init(
      differences: tensors + notes.map { "“\($0)”" }, metricLines: changed, largest: largest,
      tensor: tensor, relative: size > 0 ? (change / size).squareRoot() : 0,
      loss: try run.lastLoss)
  }
}

extension RunDirectory {
  /// The lines of the metrics without what differs from run to run.
  fileprivate var comparableLines: [String] {
    get throws {
      try entries().map { entry in
        switch entry {
        case .step(var record):
          (record.seconds, record.activationBytes) = (0, nil)
          (record.itemsPerSecond, record.memoryBytes) = (nil, nil)
          return JournalEntry.step(record).line
        case .instruments(var record):
          // The estimate of the curvature goes on from the last one, which no checkpoint has.
          (record.seconds, record.values["curvature"]) = (0, nil)
          return JournalEntry.instruments(record).line
        default: return entry.line
        }
      }
    }
  }

  /// The loss of the last step that was taken; NaN where there was none.
  fileprivate var lastLoss: Double {
    get throws {
      try entries().compactMap { if case .step(let record) = $0 { record.loss } else { nil } }.last
        ?? .nan
    }
  }
}

/// Ends a run that someone else watches after some steps.
private final class Limit: TrainingObserver {
  private let other: any TrainingObserver
  private var left: Int

  init(_ other: any TrainingObserver, steps: Int) { (self.other, left) = (other, steps) }

  var wantsToStop: Bool { left <= 0 || other.wantsToStop }
  func started(_ facts: RunFacts) { other.started(facts) }
  func stepped(_ step: TrainingStep) {
    left -= 1
    other.stepped(step)
  }
  func skipped(_ step: SkippedStep) { other.skipped(step) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {
    other.evaluated(evaluation, after: step)
  }
}
