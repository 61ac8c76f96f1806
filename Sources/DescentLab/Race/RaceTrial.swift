import Descent
import DescentFiles
import DescentTraining
public import Foundation

/// One run of a race: what it is, and how it ended once it has. Each is a file of its own beside its run
/// directory, so that a race that is killed has lost no more than what was running.
public struct RaceTrial: Sendable, Equatable, Codable {
  /// What a run is for.
  public enum Purpose: Sendable, Equatable, Codable {
    /// How long a step takes, for a race with a budget of seconds.
    case pace
    /// Trying the settings with this number, from 0.
    case tuning(Int)
    /// Being judged, with this number, from 0.
    case judged(Int)
  }

  /// The recipe's place in the plan.
  public var recipe: Int
  /// The optimizer's place in the plan.
  public var optimizer: Int
  /// What it is for.
  public var purpose: Purpose
  /// What tuning chose: `lr=0.003`.
  public var settings: [String]
  /// Everything that is changed in the recipe.
  public var overrides: [String]
  /// How it ended; nil while it has not.
  public var outcome: RaceOutcome?

  /// `tuning-03`, `seed-1`, `pace`.
  var name: String {
    func padded(_ n: Int) -> String { n < 9 ? "0\(n + 1)" : "\(n + 1)" }
    return switch purpose {
    case .pace: "pace"
    case .tuning(let n): "tuning-\(padded(n))"
    case .judged(let n): "seed-\(padded(n))"
    }
  }

  /// Whether it is one of the runs that are judged.
  var isJudged: Bool { if case .judged = purpose { true } else { false } }
}

/// How a run of a race ended.
public struct RaceOutcome: Sendable, Equatable, Codable {
  /// An evaluation on the way.
  public struct Evaluation: Sendable, Equatable, Codable {
    /// Steps done.
    public var step: Int
    /// Seconds of training until then.
    public var seconds: Double
    /// The validation loss.
    public var loss: Double
  }

  /// Why it ended before its end; nil where it did not.
  public var failure: String?
  /// Steps done.
  public var steps = 0
  /// What it is judged by: the validation loss at the end, or where nothing is held out, the mean
  /// training loss of the last tenth of the steps.
  public var final: Double?
  /// Seconds of training, evaluations excluded.
  public var seconds = 0.0
  /// The median step, in seconds.
  public var secondsPerStep: Double?
  /// Bytes of optimizer state at the peak.
  public var stateBytes = 0
  /// The evaluations.
  public var evaluations: [Evaluation] = []
  /// The settings that the rule had, all of them.
  public var settings: [Setting] = []

  /// A setting with its value as text.
  public struct Setting: Sendable, Equatable, Codable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String
  }

  /// Nothing yet.
  public init() {}

  /// The first evaluation at or below a loss.
  public func reached(_ target: Double) -> Evaluation? {
    evaluations.first { $0.loss <= target }
  }
}

extension RaceTrial {
  /// The trial in a file.
  ///
  /// - Throws: `DataError` where there is none, or none that can be read.
  public static func read(_ file: URL) throws -> RaceTrial {
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw DataError.missingFile(
        path: file.relativePath, advice: "the race has not come to this run yet")
    }
    do { return try JSONDecoder().decode(RaceTrial.self, from: data) } catch {
      throw DataError.malformed(
        path: file.relativePath, expected: "a run of a race",
        found: "something else")
    }
  }

  /// Writes it into its file, whole.
  func write(to file: URL) throws {
    try writeJSON(to: file)
  }

  /// Trains it, in the folder beside its `file`, and writes down how it ended.
  ///
  /// What another process left half done is resumed, or begun again where that cannot be. A run that the
  /// guard stops or that cannot be made is a result; files that cannot be written are an error.
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
  ) throws -> RaceTrial {
    var trial = self
    let folder = file.deletingPathExtension()
    let watch = TrialWatch(stops)
    var run: RunDirectory?
    var settings: [RaceOutcome.Setting] = []
    do {
      let recipe = try Recipe(
        yaml: yaml, overrides: overrides + (threads.map { ["threads=\($0)"] } ?? []))
      settings = recipe.plan.rule.resolved.map { .init(name: $0.name, value: "\($0.value)") }
      let (trainer, directory) = try begin(recipe, in: folder)
      run = directory
      if try trainer.run(in: directory, observer: watch).interrupted { return self }
      trial.outcome = try directory.outcome(watch.stateBytes)
    } catch {
      guard Self.isFailure(of: error) else { throw error }
      trial.outcome = try run.flatMap { try $0.outcome(watch.stateBytes) } ?? RaceOutcome()
      trial.outcome?.failure = "\((error as? RunError)?.withoutFiles as (any Error)? ?? error)"
      trial.outcome?.final = nil
    }
    trial.outcome?.settings = settings
    try trial.write(to: file)
    return trial
  }

  /// The trainer of what is there, or of a new run.
  private func begin(_ recipe: Recipe, in folder: URL) throws -> (Trainer, RunDirectory) {
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
    return (trainer, try RunDirectory(new: path, name: name))
  }

  /// Whether an error says something of the optimizer, rather than of the disk.
  private static func isFailure(of error: any Error) -> Bool {
    switch error {
    case let error as RunError: error.isBreakdown
    case is RecipeError, is OptimizerError, is SettingErrors, is SettingError: true
    default: false
    }
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
  fileprivate func outcome(_ stateBytes: Int) throws -> RaceOutcome? {
    guard FileManager.default.fileExists(atPath: metrics.path) else { return nil }
    var outcome = RaceOutcome()
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
