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
    let found =
      name.map { named($0, in: run) } ?? newest(of: run) { try Checkpoint(resuming: $0) }
    guard let checkpoint = found.checkpoint else {
      throw .cannotResume(run.path, found.failures.map { "\($0)" })
    }
    return (checkpoint, found.passedOver)
  }

  /// The newest checkpoint of a run that can be read, be it of weights alone.
  ///
  /// - Throws: what is wrong with the newest when none can be read; ``DataError`` when there is none.
  static func newestWeights(
    of run: RunDirectory
  ) throws -> (checkpoint: Checkpoint, passedOver: [Resumption.PassedOver]) {
    let found = newest(of: run) { try Checkpoint($0) }
    if let checkpoint = found.checkpoint { return (checkpoint, found.passedOver) }
    throw found.failures.first
      ?? DataError.missingFile(
        path: "\(run.checkpoints.relativePath)/*.safetensors",
        advice: "the run has no checkpoint yet")
  }

  /// The newest whole checkpoint of a run after at most `limit` steps, and a multiple of `interval`;
  /// nil where there is none.
  static func newest(
    of run: RunDirectory, upTo limit: Int, every interval: Int = 1
  ) -> Checkpoint? {
    for file in run.checkpointFiles.reversed() {
      guard let step = RunDirectory.step(of: file), step <= limit, step % interval == 0,
        let checkpoint = try? Checkpoint(resuming: file), (try? checkpoint.verify()) != nil
      else { continue }
      return checkpoint
    }
    return nil
  }

  /// A checkpoint, the newer ones that were passed over, and what was wrong, the newest first.
  private typealias Found = (
    checkpoint: Checkpoint?, passedOver: [Resumption.PassedOver], failures: [any Error]
  )

  /// The newest checkpoint of a run that `open` can open and that is what was written.
  private static func newest(
    of run: RunDirectory, _ open: (URL) throws -> Checkpoint
  ) -> Found {
    var found: Found = (nil, [], [])
    var newest = -1
    for file in run.checkpointFiles.reversed() {
      do {
        let checkpoint = try open(file)
        try checkpoint.verify()
        newest = RunDirectory.step(of: file) ?? newest
        found.checkpoint = checkpoint
        break
      } catch {
        found.failures.append(error)
        found.passedOver.append(.init(file: file, reason: "\(error)"))
      }
    }
    let untrusted = run.untrustedFiles.filter { RunDirectory.step(of: $0)! > newest }
    // Where nothing else is left, the oldest of them is the likeliest to be good.
    let oldest = found.checkpoint == nil ? untrusted.first : nil
    if let oldest, let checkpoint = try? open(oldest), (try? checkpoint.verify()) != nil {
      found.checkpoint = checkpoint
    }
    let passedOver = untrusted.filter { $0 != found.checkpoint?.file }.reversed().map { file in
      Resumption.PassedOver(
        file: file,
        reason: "\(file.relativePath) is not trusted: training broke down at most "
          + "\(NonFiniteGuard.distance) steps later")
    }
    found.passedOver = passedOver + found.passedOver
    found.failures = passedOver.map { RunError.checkpointMismatch($0.reason) } + found.failures
    return found
  }

  /// A file among the checkpoints, whatever its name; newer checkpoints are passed over.
  private static func named(_ name: String, in run: RunDirectory) -> Found {
    do {
      let checkpoint = try Checkpoint(resuming: run.checkpoints.appendingPathComponent(name))
      try checkpoint.verify()
      let newer = (run.checkpointFiles + run.untrustedFiles).filter {
        $0.lastPathComponent != name && RunDirectory.step(of: $0) ?? 0 > checkpoint.step
      }
      let passedOver = newer.reversed().map { file in
        Resumption.PassedOver(
          file: file,
          reason: "\(file.relativePath) is newer than the checkpoint to resume from")
      }
      return (checkpoint, passedOver, [])
    } catch {
      return (nil, [], [error])
    }
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
