import Descent
import DescentTraining
public import Foundation

extension Trial {
  /// Trains it, in the folder beside its `file`, and writes down how it ended.
  ///
  /// What another process left half done is resumed, or begun again where that cannot be. A run
  /// that the guard stops or that cannot be made is a result; files that cannot be written are an
  /// error.
  ///
  /// - Parameters:
  ///   - yaml: its recipe.
  ///   - threads: those it may use, which changes no bits; nil leaves it to the recipe.
  ///   - file: where it is kept.
  ///   - stops: asked before each step; true ends it.
  /// - Returns: it with its outcome; without one where it was stopped.
  /// - Throws: errors of files, and ``RunError/locked(_:by:)``.
  public func run(
    _ yaml: String, threads: Int? = nil, file: URL, stops: @escaping () -> Bool
  ) throws -> Self {
    var trial = self
    let folder = file.deletingPathExtension()
    let watch = TrialWatch(stops)
    var run: RunDirectory?
    var settings: [TrialOutcome.Setting] = []
    do {
      let recipe = try Recipe(
        yaml: yaml, overrides: overrides + (threads.map { ["threads=\($0)"] } ?? []))
      settings = recipe.plan.rule.resolved.map { .init(name: $0.name, value: "\($0.value)") }
      let (trainer, directory) = try begin(recipe, in: folder, with: beginning(in: file))
      run = directory
      if try trainer.run(in: directory, observer: watch).interrupted { return self }
      trial.outcome = try directory.outcome(watch.stateBytes)
    } catch {
      guard isTrialFailure(error) else { throw error }
      trial.outcome = try run.flatMap { try $0.outcome(watch.stateBytes) } ?? TrialOutcome()
      trial.outcome?.failure = "\((error as? RunError)?.withoutFiles as (any Error)? ?? error)"
      trial.outcome?.final = nil
    }
    trial.outcome?.settings = settings
    try trial.write(to: file)
    return trial
  }

  /// The trainer of what is there, or of a new run.
  private func begin(
    _ recipe: Recipe, in folder: URL, with weights: String?
  ) throws -> (Trainer, RunDirectory) {
    let path = folder.relativePath
    if FileManager.default.fileExists(atPath: path) {
      do {
        let there = try RunDirectory(existing: path)
        return (try Trainer(resuming: there), there)
      } catch let error as RunError {
        if case .locked = error { throw error }
      } catch {}
      do { try FileManager.default.removeItem(at: folder) } catch {
        throw RunError.cannotWrite(path, SystemReason.of(error))
      }
    }
    let trainer = try Trainer(recipe)
    if let weights { try trainer.begin(withWeightsOf: weights) }
    return (trainer, try RunDirectory(new: path, name: folder.lastPathComponent))
  }
}

/// Whether an error says something of what is tried, rather than of the disk.
private func isTrialFailure(_ error: any Error) -> Bool {
  switch error {
  case RunError.checkpointMismatch: true
  case let error as RunError: error.isBreakdown
  default: error.isOfRecipe
  }
}

/// Notes what a run takes.
private final class TrialWatch: TrainingObserver {
  private(set) var stateBytes = 0
  private let stops: () -> Bool

  init(_ stops: @escaping () -> Bool) { self.stops = stops }

  var wantsToStop: Bool { stops() }
  func started(_ facts: RunFacts) { stateBytes = facts.stateBytes }
  func stepped(_ step: TrainingStep) {}
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
}

extension RunDirectory {
  /// What the metrics say of a run that has ended.
  fileprivate func outcome(_ stateBytes: Int) throws -> TrialOutcome? {
    guard FileManager.default.fileExists(atPath: metrics.path) else { return nil }
    var outcome = TrialOutcome()
    outcome.stateBytes = stateBytes
    var (losses, seconds): ([Double], [Double]) = ([], [])
    for entry in try entries() {
      switch entry {
      case .step(let record):
        outcome.steps = record.step
        outcome.seconds += record.seconds
        losses.append(record.loss)
        seconds.append(record.seconds)
      case .evaluation(let record) where record.loss.isFinite:
        outcome.evaluations.append(
          .init(step: record.step, seconds: outcome.seconds, loss: record.loss))
      default: break
      }
    }
    // The first step takes memory and starts threads.
    outcome.secondsPerStep =
      Sample(Array(seconds.count > 1 ? seconds.dropFirst() : seconds[...]))
      .median
    outcome.final =
      outcome.evaluations.last.flatMap { $0.step == outcome.steps ? $0.loss : nil }
      ?? Sample(Array(losses.suffix(max(1, losses.count / 10)))).mean
    return outcome
  }
}
