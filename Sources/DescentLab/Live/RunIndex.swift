import DescentFiles
public import DescentTraining
import Foundation
import Synchronization

/// The runs in a folder and in those within it, with what a list says of them, kept up to date.
///
/// Of a run's folder only the recipe and the end of the metrics are read, and again when they have
/// changed; what takes longer is a ``Task`` that someone does when there is time.
public struct RunIndex: Sendable {
  /// The folder.
  public let root: String
  /// All runs, in the order of their paths.
  public private(set) var runs: [RunSummary] = []
  /// Grows whenever ``runs`` change.
  public private(set) var version = 0
  /// Why runs may be missing: a sentence; nil otherwise.
  public var limitation: String? { scan.limitation }

  private var scan: RunScan
  private var entries: [String: Entry] = [:]
  private var lookedAt: ContinuousClock.Instant?

  fileprivate struct Entry: Sendable {
    let found: RunScan.Found
    /// nil for a file that is no log after all, or that was not read yet.
    var summary: RunSummary?
    var metrics = MetricsScan()
    var settings: [RunSummary.Setting] = []
    /// Of a log of another tool: its state when it was read, and from when on it may be read again.
    var read: (stamp: FileStamp, next: ContinuousClock.Instant)?
  }

  /// An index of `root`; nothing is looked for yet.
  ///
  /// - Throws: `DataError` where there is no folder.
  public init(root: String) throws(DataError) {
    let url = URL(fileURLWithPath: root)
    guard !root.isEmpty, FileManager.default.fileExists(atPath: url.path) else {
      throw .missingFile(
        path: root.isEmpty ? "''" : root, advice: "give the folder in which the runs are")
    }
    var isFolder = ObjCBool(false)
    guard unsafe FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder),
      isFolder.boolValue
    else {
      throw .unreadable(path: root, reason: "it is a file; give the folder in which the runs are")
    }
    do { _ = try FileManager.default.contentsOfDirectory(atPath: url.path) } catch {
      throw .unreadable(path: root, reason: SystemReason.of(error))
    }
    self.root = url.path
    scan = RunScan(root: url.path)
  }

  /// The run at a path from the folder; nil where the index has none.
  public subscript(_ path: String) -> RunSummary? { entries[path]?.summary }

  /// Whether there is a run at a path from the folder, although it may not be listed yet.
  public func contains(_ path: String) -> Bool { entries[path] != nil }

  /// What is another whenever a run has changed; nil where there is none.
  package func stamp(of path: String) -> RunStamp? {
    entries[path].map { RunStamp(found: $0.found) }
  }

  /// Where a run of the index lies.
  public func place(of path: String) -> String { RunScan.place(of: path, in: root) }

  /// Looks for what has changed, unless it did so less than `interval` ago.
  public mutating func refresh(after interval: Duration = .zero) {
    if let lookedAt, lookedAt.duration(to: .now) < interval { return }
    lookedAt = .now
    let all = scan.run()
    var next: [String: Entry] = [:]
    next.reserveCapacity(all.count)
    var changed: [(found: RunScan.Found, entry: Entry?)] = []
    for found in all {
      if let entry = entries[found.path], entry.found == found {
        next[found.path] = entry
      } else {
        changed.append((found, entries[found.path]))
      }
    }
    let (root, work) = (root, changed)
    let made = Mutex([Entry?](repeating: nil, count: work.count))
    DispatchQueue.concurrentPerform(iterations: work.count) { index in
      let entry = Self.read(work[index].found, before: work[index].entry, in: root)
      made.withLock { $0[index] = entry }
    }
    for entry in made.withLock({ $0 }) { if let entry { next[entry.found.path] = entry } }
    entries = next
    update(all.compactMap { next[$0.path]?.summary })
  }

  private mutating func update(_ new: [RunSummary]) {
    guard new != runs else { return }
    runs = new
    version += 1
  }

  private static func read(_ found: RunScan.Found, before: Entry?, in root: String) -> Entry {
    var entry = Entry(found: found, summary: before?.summary, read: before?.read)
    guard found.format == .descent else {
      entry.summary?.changed = found.log?.date ?? .distantPast
      return entry
    }
    let place = RunScan.place(of: found.path, in: root)
    if let before { (entry.metrics, entry.settings) = (before.metrics, before.settings) }
    if found.recipe != before?.found.recipe || before == nil {
      let settings = try? RecipeHead.settings(ofFile: place + "/recipe.yaml")
      entry.settings = settings ?? entry.settings
    }
    if let log = found.log {
      if log != before?.found.log { try? entry.metrics.advance(place + "/metrics.jsonl", log) }
    } else {
      entry.metrics = MetricsScan()
    }
    entry.summarize()
    return entry
  }
}

/// The state of a run's files.
package struct RunStamp: Equatable, Sendable {
  let found: RunScan.Found
}

extension RunIndex.Entry {
  fileprivate mutating func summarize() {
    var run = RunSummary(path: found.path, format: .descent)
    run.settings = settings
    (run.step, run.loss) = (metrics.step, metrics.loss)
    (run.validationLoss, run.best) = (metrics.last?.loss, metrics.best)
    (run.isComplete, run.secondsPerStep) = (metrics.isComplete, metrics.secondsPerStep)
    run.steps = run["steps"].flatMap { Int($0) }
    run.changed = (found.log ?? found.recipe)?.date ?? .distantPast
    run.state = RunState(
      isTrained: found.isLocked, step: run.step, steps: run.steps,
      endsWithSkip: metrics.endsWithSkip, endsWithEvaluation: metrics.endsWithEvaluation)
    if found.recipe == nil, [.finished, .interrupted].contains(run.state) { run.state = .unknown }
    summary = run
  }
}

// MARK: Work for when there is time

extension RunIndex {
  /// Something about a run that takes longer than a list may.
  public struct Task: Sendable {
    fileprivate let found: RunScan.Found
    fileprivate let place: String
    fileprivate var metrics: MetricsScan?

    /// What came of it.
    public struct Result: Sendable {
      fileprivate let found: RunScan.Found
      fileprivate var metrics: MetricsScan?
      fileprivate var summary: RunSummary?
      fileprivate var duration = Duration.zero
    }

    /// Does it.
    public func run() -> Result {
      var result = Result(found: found)
      let start = ContinuousClock.now
      if var metrics {
        try? metrics.lookBack(in: place + "/metrics.jsonl")
        result.metrics = metrics
      } else {
        result.summary = try? RunSummary(log: place, found)
      }
      result.duration = start.duration(to: .now)
      return result
    }
  }

  /// What is to be done, what changed last first; nil for nothing now.
  public func task() -> Task? {
    let waiting = entries.values.filter { entry in
      if entry.found.format == .descent { return !entry.metrics.isComplete }
      guard let stamp = entry.found.log else { return false }
      guard let read = entry.read else { return true }
      return read.stamp != stamp && read.next < .now
    }
    guard let entry = waiting.max(by: { ($0.found.log?.time ?? 0) < ($1.found.log?.time ?? 0) })
    else { return nil }
    return Task(
      found: entry.found, place: place(of: entry.found.path),
      metrics: entry.found.format == .descent ? entry.metrics : nil)
  }

  /// Takes in what came of a task.
  public mutating func take(_ result: Task.Result) {
    let path = result.found.path
    guard var entry = entries[path] else { return }
    if let metrics = result.metrics {
      entry.metrics.complete(with: metrics)
      entry.summarize()
    } else if let stamp = result.found.log {
      entry.read = (stamp, .now + max(.seconds(5), result.duration * 50))
      entry.summary = result.summary
    }
    entries[path] = entry
    update(entries.values.compactMap(\.summary).sorted { $0.path < $1.path })
  }
}

extension RunSummary {
  /// What a log of another tool says.
  fileprivate init?(log place: String, _ found: RunScan.Found) throws {
    let reader = try RunLogReader(path: place)
    try reader.refresh()
    guard let log = reader.logs.first, !log.tracks.isEmpty else { return nil }
    self.init(path: found.path, format: log.format)
    settings = log.settings.map { Setting(key: $0.key, value: $0.value) }
    (step, loss, validationLoss) = (
      log.lastStep, log["loss"]?.values.last, log["val_loss"]?.values.last
    )
    if let track = log["val_loss"] {
      let best = zip(track.steps, track.values).filter { $0.1.isFinite }.min { $0.1 < $1.1 }
      self.best = best.map { Evaluation(loss: $0.1, step: $0.0) }
    }
    state = .unknown
    changed = found.log?.date ?? .distantPast
  }
}
