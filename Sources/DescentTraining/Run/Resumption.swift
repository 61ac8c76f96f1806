import Descent
import Foundation

/// How a run was resumed.
public struct Resumption: Sendable {
  /// The checkpoint that it was resumed from.
  public let checkpoint: String
  /// The steps done by then.
  public let step: Int
  /// Newer checkpoints that cannot be used; they go when the next one is written.
  public let passedOver: [PassedOver]
  /// The keys of the recipe that are not what they were: `optimizer.lr: 0.001 → 0.0005`.
  public let changes: [String]

  /// A checkpoint that cannot be used.
  public struct PassedOver: Sendable, Equatable {
    /// The file.
    public let file: URL
    /// Why: one sentence.
    public let reason: String
  }
}

extension Checkpoint {
  /// The newest checkpoint of a run that can be resumed from, or the one called `name`.
  ///
  /// - Throws: ``RunError/cannotResume(_:_:)`` when there is none.
  static func newest(
    of run: RunDirectory, upTo name: String?
  ) throws(RunError) -> (checkpoint: Checkpoint, passedOver: [Resumption.PassedOver]) {
    let found = newest(of: run, upTo: name) { try Checkpoint(resuming: $0) }
    guard let checkpoint = found.checkpoint else {
      throw .cannotResume(run.path, found.failures.map { "\($0)" })
    }
    return (checkpoint, found.passedOver)
  }

  /// The newest checkpoint of a run that can be read, be it of weights alone.
  ///
  /// - Throws: what is wrong with the newest when none can be read; ``DataError`` when there is none.
  static func newestWeights(of run: RunDirectory) throws -> Checkpoint {
    let found = newest(of: run, upTo: nil) { try Checkpoint($0) }
    if let checkpoint = found.checkpoint { return checkpoint }
    throw found.failures.first
      ?? DataError.missingFile(
        path: "\(run.checkpoints.relativePath)/*.safetensors",
        advice: "the run has no checkpoint yet")
  }

  /// The newest checkpoint of a run that `open` can open, or the one called `name`; the newer ones
  /// that were passed over, and what `open` threw, the newest first.
  private static func newest(
    of run: RunDirectory, upTo name: String?, _ open: (URL) throws -> Checkpoint
  ) -> (checkpoint: Checkpoint?, passedOver: [Resumption.PassedOver], failures: [any Error]) {
    var (passedOver, failures): ([Resumption.PassedOver], [any Error]) = ([], [])
    for file in run.checkpointFiles.reversed() {
      let isNewer = name.map { file.lastPathComponent > $0 } ?? false
      var reason = "\(file.relativePath) is newer than the checkpoint to resume from"
      if !isNewer {
        guard name == nil || file.lastPathComponent == name else { break }
        do {
          return (try open(file), passedOver, failures)
        } catch {
          failures.append(error)
          reason = "\(error)"
        }
      }
      passedOver.append(.init(file: file, reason: reason))
    }
    return (nil, passedOver, failures)
  }
}

extension Recipe {
  /// The recipe of a run that is resumed.
  ///
  /// - Parameters:
  ///   - yaml: the recipe as it was.
  ///   - overrides: changes of the form `steps=2000`.
  /// - Returns: the recipe and each key that is not what it was.
  /// - Throws: all that is wrong, at once; also changes that what was saved cannot go with: of the
  ///   order of the data, the model, the rule, its state's format and the average.
  static func resuming(
    _ yaml: String, overrides: [String]
  ) throws(RecipeError) -> (recipe: Recipe, changes: [String]) {
    let (old, new) = (try Recipe(yaml: yaml), try Recipe(yaml: yaml, overrides: overrides))
    let before = RecipeDocument(yaml: old.yaml).keys
    let after = RecipeDocument(yaml: new.yaml).keys
    // The beginnings of keys. The data may lie elsewhere: their fingerprint is compared.
    let fixed = [
      "seed", "batch", "accumulate", "precision", "model.", "average.", "optimizer.name",
      "optimizer.state", "weights.",
    ]
    var (changes, problems): ([String], [String]) = ([], [])
    for key in Set(before.keys).union(after.keys).sorted() where before[key] != after[key] {
      let (was, now) = (before[key] ?? "none", after[key] ?? "none")
      if fixed.contains(where: key.hasPrefix), key != "model.recompute" {
        problems.append(
          "\(key)=\(now) contradicts the run, which has \(key)=\(was): leave it out, or start a "
            + "new run")
      } else {
        changes.append("\(key): \(was) → \(now)")
      }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    return (new, changes)
  }
}

extension RecipeDocument {
  /// Every key with its text.
  fileprivate var keys: [String: String] {
    var keys: [String: String] = [:]
    for (name, text) in top { keys[name] = text }
    for (section, entries) in sections {
      for (name, text) in entries { keys["\(section).\(name)"] = text }
    }
    for (number, group) in (groups ?? []).enumerated() {
      for (name, text) in group { keys["optimizer.groups[\(number + 1)].\(name)"] = text }
    }
    return keys
  }
}
