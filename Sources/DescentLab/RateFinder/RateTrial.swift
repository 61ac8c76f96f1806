import Descent
import DescentTraining
import Foundation

/// Someone stopped the search: nothing has changed.
public struct RateSearchInterrupted: Error, Sendable {}

/// Short trainings in a temporary folder, one after another, each by a trainer of its own: whatever
/// else there is, of runs or in memory, they neither see nor touch.
package struct RateTrials {
  /// Asked before each step; true ends the search.
  let wantsToStop: () -> Bool
  /// The steps that were taken in all.
  private(set) var steps = 0

  init(wantsToStop: @escaping () -> Bool) { self.wantsToStop = wantsToStop }

  /// What the names of this process's folders begin with.
  package static let folderPrefix = "descent-lr-find-\(getpid())-"

  /// How a trial ended.
  struct Outcome {
    /// The loss of each step, in nats, before its update.
    var losses: [Double]
    /// The validation loss at the end; nil where it ended early.
    var validation: Double?
  }

  /// Trains a recipe until its end, until `enough` says so, or until it breaks down.
  ///
  /// - Throws: ``RateSearchInterrupted``; what keeps a run from beginning.
  mutating func run(_ recipe: Recipe, until enough: @escaping (Double) -> Bool = { _ in false })
    throws -> Outcome
  {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent(Self.folderPrefix + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let trainer = try Trainer(recipe)
    let directory = try RunDirectory(new: folder.path, name: "")
    let log = TrialLog(enough: enough, wantsToStop: wantsToStop)
    defer { steps += log.losses.count }
    do {
      let result = try trainer.run(in: directory, observer: log)
      if log.isStopped { throw RateSearchInterrupted() }
      return Outcome(
        losses: log.losses, validation: result.interrupted ? nil : result.evaluation?.loss)
    } catch let error as RunError where error.isBreakdown {
      if log.isStopped { throw RateSearchInterrupted() }
      return Outcome(losses: log.losses + (log.isEnough ? [] : [.nan]), validation: nil)
    }
  }
}

/// Keeps the losses of a trial, and ends it.
private final class TrialLog: TrainingObserver {
  private(set) var losses: [Double] = []
  private(set) var isEnough = false
  private(set) var isStopped = false
  private let enough: (Double) -> Bool
  private let stop: () -> Bool

  init(enough: @escaping (Double) -> Bool, wantsToStop: @escaping () -> Bool) {
    (self.enough, stop) = (enough, wantsToStop)
  }

  var wantsToStop: Bool {
    if !isStopped { isStopped = stop() }
    return isStopped || isEnough
  }
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) {
    losses.append(step.record.loss)
    isEnough = enough(step.record.loss)
  }
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
}

/// Tells when the loss of a sweep has clearly diverged: when it is as far above its beginning as half
/// of what it had fallen, in a mean over the last steps.
package struct Divergence {
  private var (count, first, lowest, mean) = (0, 0.0, Double.infinity, 0.0)

  package init() {}

  /// Takes the next loss.
  ///
  /// - Returns: whether the loss has diverged.
  package mutating func has(_ loss: Double) -> Bool {
    count += 1
    // The mean of all losses at first, then one that forgets.
    mean += (loss - mean) * max(0.2, 1 / Double(count))
    if count <= 5 { first = mean }
    lowest = min(lowest, mean)
    return count > 5 && mean > first + max(0.5 * (first - lowest), 0.1 * abs(first))
  }
}
