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
  /// The learning rate of the next step, as it would have been and as it is, where the changes move it
  /// by more than a twentieth: schedules are laid over all steps of a run, however many there are now. nil
  /// elsewhere.
  public let rate: (was: Double, now: Double)?

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
    let open = opening(in: run) { try Checkpoint(resuming: $0) }
    let found = name.map { named($0, in: run, open) } ?? newest(of: run, open)
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
    let found = newest(of: run, opening(in: run) { try Checkpoint($0) })
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

  /// Opens what `open` can open and what a run of the recipe in the folder wrote.
  private static func opening(
    in run: RunDirectory, _ open: @escaping (URL) throws -> Checkpoint
  ) -> (URL) throws -> Checkpoint {
    let recipe = (try? Recipe.text(of: run.recipe.relativePath)).flatMap { try? Recipe(yaml: $0) }
    return { file in
      let checkpoint = try open(file)
      if let recipe { try checkpoint.requireOrigin(recipe) }
      return checkpoint
    }
  }

  /// That it was written by a run of this recipe, and not put there from another one.
  ///
  /// - Throws: ``RunError/unusableCheckpoint(_:_:)``.
  private func requireOrigin(_ recipe: Recipe) throws {
    // What only Swift can name cannot be compared.
    guard let own = self.recipe, let other = try? Recipe(yaml: own) else { return }
    let changes = try Recipe.changes(from: other.yaml, to: recipe.yaml).filter {
      // A format of state can be converted; whether it fits is seen when it is read.
      $0.isFixed && !$0.isAmong(["optimizer.state"])
    }
    guard let change = changes.first else { return }
    throw RunError.unusableCheckpoint(
      file.relativePath,
      "it is of a run with \(change.key)=\(change.was), and this run has "
        + "\(change.key)=\(change.now)")
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
  private static func named(
    _ name: String, in run: RunDirectory, _ open: (URL) throws -> Checkpoint
  ) -> Found {
    do {
      let checkpoint = try open(run.checkpoints.appendingPathComponent(name))
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

/// A key of a recipe that is not what it was.
struct RecipeChange: CustomStringConvertible {
  let key: String
  let was: String
  let now: String

  /// A key with its text before and after; nil where the recipe lacks the key.
  init(_ key: String, _ was: String?, _ now: String?) {
    func word(_ text: String?) -> String { text.map { $0 == "null" ? "none" : $0 } ?? "none" }
    (self.key, self.was, self.now) = (key, word(was), word(now))
  }

  var description: String { "\(key): \(was) → \(now)" }

  /// Whether the key begins in one of these ways.
  func isAmong(_ starts: [String]) -> Bool { starts.contains(where: key.hasPrefix) }

  /// Whether no run may change it on the way; what it began with is past. Data and downloaded models may lie
  /// elsewhere: their fingerprint is compared.
  var isFixed: Bool {
    !["model.recompute", "model.type", "model.from"].contains(key)
      && isAmong([
        "seed", "batch", "accumulate", "precision", "from", "model.", "adapter.", "average.",
        "optimizer.name",
        "optimizer.state", "weights.",
      ])
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
  ) throws(RecipeError) -> (recipe: Recipe, changes: [RecipeChange]) {
    let (old, new) = (try Recipe(yaml: yaml), try Recipe(yaml: yaml, overrides: overrides))
    return (new, try new.changes(from: old.yaml))
  }

  /// Each key that this recipe has otherwise than a run that it is to go on with.
  ///
  /// - Parameter yaml: the run's recipe, as it was written.
  /// - Throws: changes that what was saved cannot go with.
  func changes(from yaml: String) throws(RecipeError) -> [RecipeChange] {
    let changes = try Self.changes(from: yaml, to: self.yaml)
    let contradictions = changes.filter(\.isFixed)
    if !contradictions.isEmpty {
      throw RecipeError(problems: Self.sections(contradictions).map(Self.contradiction))
    }
    return changes
  }

  /// Each key that this recipe has otherwise than a checkpoint's: also what was changed in the file of the
  /// run's recipe, by somebody or by a damage.
  ///
  /// - Parameter asked: what differs from that file. The number of threads is in no checkpoint.
  /// - Throws: changes that what was saved cannot go with.
  func changes(
    since checkpoint: Checkpoint, _ asked: [RecipeChange]
  ) throws(RecipeError) -> [RecipeChange] {
    // A recipe that names what only a program knows cannot be read from its text.
    guard let text = checkpoint.recipe, let then = try? Recipe(yaml: text).yaml,
      let yaml = try? checkpoint.withFormatOfState(then)
    else { return asked }
    let changes = try changes(from: yaml).filter { $0.key != "threads" }
    return changes + asked.filter { $0.key == "threads" }
  }

  /// The learning rate after `applied` applied steps of a run of `steps` steps; nil where it follows a
  /// metric, or the schedule does not go with so many steps.
  private func rate(after applied: Int, of steps: Int) -> Double? {
    var recipe = self
    guard (try? recipe.fit(steps: steps)) != nil,
      let values = try? recipe.plan.scheduledValues(of: .rest),
      !values.schedules.contains(where: { $0.setting == "lr" && $0.schedule is any MetricSchedule })
    else { return nil }
    let settings = values(at: applied) + recipe.plan.rule.resolved
    guard case .number(let rate)? = settings.first(where: { $0.name == "lr" })?.value else {
      return nil
    }
    return rate
  }

  /// What the learning rate after a checkpoint is by the recipe that wrote it and by this one; nil where
  /// they hardly differ, and where nobody can say.
  func rate(
    since checkpoint: Checkpoint, applied: Int, of task: any TrainingTask
  ) -> (was: Double, now: Double)? {
    guard let then = checkpoint.recipe.flatMap({ try? Recipe(yaml: $0) }),
      let was = try? then.rate(after: applied, of: then.steps(of: task)),
      let now = try? rate(after: applied, of: steps(of: task)),
      abs(now - was) > 0.05 * max(now, was)
    else { return nil }
    return (was, now)
  }

  /// Each key that one recipe has otherwise than another.
  fileprivate static func changes(
    from old: String, to new: String
  ) throws(RecipeError) -> [RecipeChange] {
    let before = try RecipeDocument(yaml: old).keys
    let after = try RecipeDocument(yaml: new).keys
    return Set(before.keys).union(after.keys).sorted()
      .filter { before[$0] != after[$0] }
      .map { RecipeChange($0, before[$0], after[$0]) }
      // A section that is left out has no keys; none is what they were.
      .filter { $0.was != $0.now }
  }

  /// Why a checkpoint does not go with a recipe that was changed: the keys that can have a part in
  /// that. Without one the checkpoint itself is at fault, and this is nil.
  static func blaming(_ changes: [RecipeChange], for mismatch: RunError) -> RecipeError? {
    guard case .checkpointMismatch(let reason) = mismatch else { return nil }
    let suspects = changes.filter { $0.isAmong(["optimizer."]) }
    if suspects.isEmpty { return nil }
    // A group is one value, whichever of its keys changed.
    var keys: [String] = []
    for key in suspects.map({ String($0.key.prefix { $0 != "[" }) }) where !keys.contains(key) {
      keys.append(key)
    }
    let (verb, them) = keys.count == 1 ? ("contradicts", "it") : ("contradict", "them")
    return RecipeError(problems: [
      "\(listed(keys)) \(verb) the run, whose state is another (\(reason)): leave \(them) out, or "
        + "start a new run"
    ])
  }

  /// The changes of each section together, or of what it describes alone, where that changed.
  private static func sections(_ changes: [RecipeChange]) -> [[RecipeChange]] {
    var sections: [(name: String, changes: [RecipeChange])] = []
    for change in changes {
      let parts = change.key.split(separator: ".", maxSplits: 1)
      let name = parts.count == 1 ? change.key : String(parts[0])
      if let index = sections.firstIndex(where: { $0.name == name }) {
        sections[index].changes.append(change)
      } else {
        sections.append((name, [change]))
      }
    }
    return sections.map { name, changes in
      let selector = RecipeDocument.selector(of: name).map { "\(name).\($0)" }
      return changes.first { $0.key == selector }.map { [$0] } ?? changes
    }
  }

  private static func contradiction(_ changes: [RecipeChange]) -> String {
    let (now, was) = (
      listed(changes.map { "\($0.key)=\($0.now)" }), listed(changes.map { "\($0.key)=\($0.was)" })
    )
    let (verb, them) = changes.count == 1 ? ("contradicts", "it") : ("contradict", "them")
    return "\(now) \(verb) the run, which has \(was): leave \(them) out, or start a new run"
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
