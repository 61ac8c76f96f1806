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

/// Keeps what is NaN or infinite out of a run: skips a step that was not finite, or stops the run
/// with the last good weights on disk.
///
/// Weights are good once a loss that was computed with them is finite: an update may leave weights
/// that are finite and yet useless, which only the next loss shows. They are copied every tenth step,
/// so that those that are kept are at most ten steps old.
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
  /// Good weights, the buffers that belong to them, and the steps after which they stood.
  private var kept: (step: Int, weights: [Tensor], buffers: [Tensor]) = (0, [], [])

  init(_ recipe: Recipe, _ model: any Module, _ optimizer: Optimizer<Float>) {
    (policy, limit) = (recipe.run.nonFinite, recipe.run.skipLimit)
    scaler = recipe.run.precision == .fp16 ? recipe.lossScale : nil
    (self.model, buffers) = (model, model.buffers)
    parameters = zip(model.parameters, optimizer.parameters).filter(\.1.trainable).map(\.0)
  }

  // MARK: A step

  /// Begins a run after `step` steps, with weights that are taken to be good.
  func begin(after step: Int) {
    kept = (step, parameters.map { $0.value.copied() }, buffers.values)
  }

  /// Before an attempt at the step that follows `step`.
  func prepare(after step: Int) { before = (step, buffers.values) }

  /// The loss of the attempt is finite, and no weight has moved yet.
  func accept() {
    if before.step % 10 == 0 { keepWeights() }
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
    let causes = (loss.isFinite ? [] : ["the loss is \(loss)"]) + (culprit.map { ["\($0)"] } ?? [])
    let cause = causes.joined(separator: " and ")
    let record = SkippedRecord(
      step: before.step + 1, loss: loss, cause: cause, lossScale: scaler.map { Double($0.scale) })
    if loss.isFinite {
      keepWeights()
    } else {
      // A forward pass that overflowed has spoilt the running statistics.
      buffers.restore(before.buffers)
    }
    scaler?.update(overflowed: true)
    skipped += 1
    skippedInARow += 1
    guard policy == .skip || scaler != nil && loss.isFinite else { return (record, cause) }
    guard skippedInARow > limit else { return (record, nil) }
    let scales = scaler.map { ", although the loss scale fell to \($0.scale)" } ?? ""
    return (record, "\(skippedInARow) steps in a row were not finite\(scales); \(cause)")
  }

  /// Writes the last good weights.
  ///
  /// - Returns: why the run ends.
  func stop(_ cause: String, in directory: RunDirectory) throws -> RunError {
    for (parameter, weights) in zip(parameters, kept.weights) { parameter.value = weights }
    buffers.restore(kept.buffers)
    let file = try savedWeights(in: directory).relativePath
    let step = before.step + 1
    return scaler == nil
      ? .nonFinite(step: step, cause: cause, checkpoint: file)
      : .float16Overflow(step: step, cause: cause, checkpoint: file)
  }

  /// Writes the weights alone, unless there is a whole checkpoint of their step, which is better.
  private func savedWeights(in directory: RunDirectory) throws -> URL {
    let file = Checkpoint.file(kept.step, of: directory)
    if (try? Checkpoint(resuming: file)) != nil { return file }
    return try Checkpoint.saveWeights(of: model, step: kept.step, to: directory)
  }

  private func keepWeights() {
    guard kept.step != before.step else { return }
    for (index, parameter) in parameters.enumerated() {
      kept.weights[index].withMutableSpan { copy in
        parameter.value.withSpan { weights in
          for i in weights.indices { copy[i] = weights[i] }
        }
      }
    }
    (kept.step, kept.buffers) = before
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
