import Descent
import DescentNN
import Foundation

/// `nonfinite`: what happens to a step whose loss or gradient is NaN or infinite.
public enum NonFinitePolicy: String, CaseIterable, Sendable {
  /// The run stops, and the last good weights are written.
  case stop
  /// The step is skipped; the run stops after too many in a row.
  case skip
}

/// A number that is not finite, without the sign that a NaN may have.
func inWords(_ x: Double) -> String { x.isNaN ? "nan" : "\(x)" }

/// Keeps what is NaN or infinite out of a run: skips a step that was not finite, or stops the run
/// with the last good weights on disk.
///
/// An update may leave weights that are finite and yet useless, and a run may take some steps to break
/// down. So weights are good when ``distance`` finite steps have followed them, or when the run was
/// begun with them. They are copied every tenth step that leaves no checkpoint, two times in turn:
/// those that are kept, here or there, are at most twenty steps old.
final class NonFiniteGuard {
  /// Steps that were skipped, whose batches are not tried again.
  private(set) var skipped = 0
  /// Those of them since the last step that was not skipped.
  private(set) var skippedInARow = 0
  /// The loss scale, for fp16.
  private(set) var scaler: LossScaler?

  private let policy: NonFinitePolicy
  private let limit: Int
  private let model: any Module
  /// What training moves.
  private let parameters: [Parameter]
  private let buffers: [Buffer]
  /// The steps done, and the buffers before the attempt that is being made.
  private var before: (step: Int, buffers: [Tensor]) = (0, [])
  /// The steps that were done when the run was begun.
  private var begun = 0
  /// Copies of weights, the older first.
  private var kept: [Copy] = []

  /// Weights, the buffers that belong to them, and the steps after which they stood.
  private struct Copy {
    var step: Int
    var weights: [Tensor]
    var buffers: [Tensor]
  }

  /// The steps before a breakdown whose weights are not trusted.
  static let distance = 10

  init(_ recipe: Recipe, _ model: any Module, _ optimizer: Optimizer<Float>) {
    (policy, limit) = (recipe.run.nonFinite, recipe.run.skipLimit)
    scaler = recipe.run.precision == .fp16 ? recipe.lossScale : nil
    (self.model, buffers) = (model, model.buffers)
    parameters = zip(model.parameters, optimizer.parameters).filter(\.1.trainable).map(\.0)
  }

  // MARK: A step

  /// Begins a run after `step` steps, with weights that are taken to be good.
  func begin(after step: Int) {
    begun = step
    // Both now: memory that is first asked for on the way would hold a step up.
    kept = (0..<2).map { _ in
      Copy(step: step, weights: parameters.map { $0.value.duplicate() }, buffers: buffers.values)
    }
  }

  /// Before an attempt at the step that follows `step`.
  func prepare(after step: Int) { before = (step, buffers.values) }

  /// The loss of the attempt is finite, and no weight has moved yet.
  ///
  /// - Parameter saved: the steps before the checkpoint that is being written: one of these weights
  ///   serves as well as a copy.
  func accept(saved: Int?) {
    if before.step % Self.distance == 0, saved != before.step { keepWeights() }
  }

  /// The newest step whose weights would be trusted if training broke down after `step` steps.
  func trusted(after step: Int) -> Int { max(begun, step - Self.distance) }

  /// The same, and the newest step that is far enough back whenever the run was begun.
  func allTrusted(after step: Int) -> [Int] { [step - Self.distance, trusted(after: step)] }

  /// Goes on from weights after `step` steps with the batches that follow `attempts`: those in
  /// between are left out.
  func goBack(to step: Int, after attempts: Int) {
    skipped = attempts - step
    begin(after: step)
  }

  /// The step has been taken.
  func passed() {
    scaler?.update(overflowed: false)
    skippedInARow = 0
  }

  /// Counts an attempt that changed no weight because something was not finite.
  ///
  /// An overflow of scaled gradients is what the loss scale is there for; all else is skipped only
  /// when the recipe says so.
  ///
  /// - Parameters:
  ///   - loss: its loss.
  ///   - culprit: the first element of a gradient that was not finite, where there is one.
  /// - Returns: what to write down, and why the run must end, where it must.
  func refuse(
    loss: Double, _ culprit: StepReport.NonFinite?
  ) -> (record: SkippedRecord, reasonToStop: String?) {
    let causes =
      (loss.isFinite ? [] : ["the loss is \(inWords(loss))"]) + (culprit.map { ["\($0)"] } ?? [])
    let cause = causes.joined(separator: " and ")
    let record = SkippedRecord(
      step: before.step + 1, loss: loss, cause: cause, lossScale: scaler.map { Double($0.scale) })
    // A forward pass that overflowed has spoilt the running statistics.
    if !loss.isFinite { buffers.restore(before.buffers) }
    scaler?.update(overflowed: true)
    skipped += 1
    skippedInARow += 1
    guard policy == .skip || scaler != nil && loss.isFinite else { return (record, cause) }
    guard skippedInARow > limit else { return (record, nil) }
    let scales = scaler.map { ", although the loss scale fell to \($0.scale)" } ?? ""
    return (record, "\(skippedInARow) steps in a row were not finite\(scales); \(cause)")
  }

  /// Writes the last good weights, and sets aside the checkpoints that are not trusted.
  ///
  /// - Parameter attempt: the step that broke down; nil for the one that was being tried.
  /// - Returns: why the run ends.
  func stop(
    _ cause: String, at attempt: Int? = nil, in directory: RunDirectory
  ) throws -> RunError {
    let step = attempt ?? before.step + 1
    let trusted = trusted(after: step - 1)
    try directory.distrustCheckpoints(after: trusted)
    let file = try goodWeights(upTo: trusted, in: directory).relativePath
    return scaler == nil
      ? .nonFinite(step: step, cause: cause, checkpoint: file)
      : .float16Overflow(step: step, cause: cause, checkpoint: file)
  }

  /// The newest whole checkpoint up to a step, or the weights that were kept, written alone where they
  /// are newer.
  private func goodWeights(upTo step: Int, in directory: RunDirectory) throws -> URL {
    let copy = kept.last { $0.step <= step } ?? kept[0]
    if let whole = Checkpoint.newest(of: directory, upTo: step), whole.step >= copy.step {
      return whole.file
    }
    for (parameter, weights) in zip(parameters, copy.weights) { parameter.value = weights }
    buffers.restore(copy.buffers)
    var snapshot = CheckpointSnapshot(in: SnapshotMemory())
    snapshot.add(.weights(of: model))
    let file = directory.checkpoint(after: copy.step)
    try CheckpointFile(snapshot, step: copy.step, to: file).commit()
    return file
  }

  /// Copies the weights into the place of the older copy.
  private func keepWeights() {
    guard kept.last?.step != before.step else { return }
    var copy = kept.removeFirst()
    for (index, parameter) in parameters.enumerated() { copy.weights[index].take(parameter.value) }
    (copy.step, copy.buffers) = before
    kept.append(copy)
  }
}

extension NonFiniteGuard: Savable {
  /// The counters of skipped steps, and the loss scale.
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.note("skipped", &skipped)
    try archive.note("skipped_in_a_row", &skippedInARow)
    guard var scaler else { return }
    try archive.scope("loss_scale/") { () throws(StateMismatch) in try scaler.archive(archive) }
    if archive.isRestoring { self.scaler = scaler }
  }
}
