import Descent
import Foundation
import Synchronization

/// Writes checkpoints while training goes on: it waits for the copy alone.
///
/// A checkpoint gets its name only when it is known to be good: all its numbers are finite, and so
/// was a loss that was computed with its weights. Until then it lies under a temporary name.
final class CheckpointWriter {
  private let directory: RunDirectory
  private var job: Job?

  init(_ directory: RunDirectory) { self.directory = directory }

  deinit { abandon() }

  /// The steps before the checkpoint that is being written, or waits to be proved.
  var pending: Int? { job?.step }

  /// Begins to write a checkpoint after `step` steps, when the one before is on the disk.
  ///
  /// - Parameters:
  ///   - snapshot: what it holds.
  ///   - beforehand: what must be on the disk before it.
  ///   - afterward: what to do when it has its name.
  /// - Throws: what writing the one before threw.
  func begin(
    _ snapshot: CheckpointSnapshot, step: Int, beforehand: @escaping @Sendable () throws -> Void,
    afterward: @escaping @Sendable (RunDirectory) throws -> Void
  ) throws {
    try finish()
    job = Job(snapshot, step: step, directory, beforehand, afterward)
  }

  /// A finite loss was computed with the weights of the checkpoint that is pending.
  func prove() { job?.decide(.proved) }

  /// Throws what writing has thrown so far.
  func poll() throws { try job?.poll() }

  /// Waits until the checkpoint that was begun has its name. One that nobody proved is discarded.
  ///
  /// - Throws: ``NonFiniteTensor``, and errors of writing.
  func finish() throws {
    guard let job = job.take() else { return }
    job.decide(.discarded)
    try job.wait()
  }

  /// Discards what is pending, and waits until nothing is being written.
  func abandon() { try? finish() }

  private enum Verdict { case proved, discarded }

  /// A checkpoint on its way to the disk, on a thread of its own.
  private final class Job: Sendable {
    let step: Int
    private let verdict = Mutex<Verdict?>(nil)
    private let decided = DispatchSemaphore(value: 0)
    private let failure = Mutex<(any Error)?>(nil)
    private let ended = DispatchGroup()

    init(
      _ snapshot: CheckpointSnapshot, step: Int, _ directory: RunDirectory,
      _ beforehand: @escaping @Sendable () throws -> Void,
      _ afterward: @escaping @Sendable (RunDirectory) throws -> Void
    ) {
      self.step = step
      ended.enter()
      let thread = Thread { [self] in
        #if os(Linux)
        // Of this thread alone: the steps that go on meanwhile come first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        #endif
        do {
          let file = try CheckpointFile(snapshot, step: step, to: directory.checkpoint(after: step))
          decided.wait()
          if verdict.withLock({ $0 == .proved }) {
            try beforehand()
            try file.commit()
            try afterward(directory)
          }
        } catch {
          failure.withLock { $0 = error }
        }
        ended.leave()
      }
      thread.name = "checkpoint"
      thread.start()
    }

    /// The first verdict counts.
    func decide(_ decision: Verdict) {
      let isFirst = verdict.withLock { verdict in
        defer { verdict = verdict ?? decision }
        return verdict == nil
      }
      if isFirst { decided.signal() }
    }

    func poll() throws {
      if let error = failure.withLock({ $0 }) { throw error }
    }

    func wait() throws {
      ended.wait()
      try poll()
    }
  }
}
