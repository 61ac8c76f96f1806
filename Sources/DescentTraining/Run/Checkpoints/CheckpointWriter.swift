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
  /// The memory of snapshots that nobody uses now.
  private var spare: SnapshotMemory?

  init(_ directory: RunDirectory) { self.directory = directory }

  deinit { abandon() }

  /// The steps before the checkpoint that is being written, or waits to be proved.
  var pending: Int? { job?.step }

  /// Has memory made ready for snapshots of a size, while training goes on.
  func prepare(bytes: Int) {
    job = Job(step: nil) { _ in SnapshotMemory(bytes: bytes) }
  }

  /// Begins to write a checkpoint after `step` steps, when the one before is on the disk.
  ///
  /// - Parameters:
  ///   - fill: copies what it holds into an empty snapshot.
  ///   - beforehand: what must be on the disk before it.
  ///   - afterward: what to do when it has its name.
  /// - Throws: what writing the one before threw.
  func begin(
    step: Int, _ fill: (inout CheckpointSnapshot) throws -> Void,
    beforehand: @escaping @Sendable () throws -> Void,
    afterward: @escaping @Sendable (RunDirectory) throws -> Void
  ) throws {
    try finish()
    var filled = CheckpointSnapshot(in: spare.take() ?? SnapshotMemory())
    try fill(&filled)
    let (snapshot, directory) = (filled, directory)
    job = Job(step: step) { isProved in
      let file = try CheckpointFile(snapshot, step: step, to: directory.checkpoint(after: step))
      if isProved() {
        try beforehand()
        try file.commit()
        try afterward(directory)
      }
      return snapshot.memory
    }
  }

  /// A finite loss was computed with the weights of the checkpoint that is pending.
  func prove() { job?.decide(true) }

  /// Throws what writing has thrown so far.
  func poll() throws { try job?.poll() }

  /// Waits until the checkpoint that was begun has its name. One that nobody proved is discarded.
  ///
  /// - Throws: ``NonFiniteTensor``, and errors of writing.
  func finish() throws {
    guard let job = job.take() else { return }
    job.decide(false)
    spare = try job.memory()
  }

  /// Discards what is pending, and waits until nothing is being written.
  func abandon() { try? finish() }

  /// Work beside the training, on a thread of its own.
  private final class Job: Sendable {
    let step: Int?
    private let verdict = Mutex<Bool?>(nil)
    private let decided = DispatchSemaphore(value: 0)
    private let result = Mutex<Result<SnapshotMemory, any Error>?>(nil)
    private let ended = DispatchGroup()

    /// - Parameter work: is given a function that waits for the verdict; returns the memory that it
    ///   used.
    init(
      step: Int?, _ work: @escaping @Sendable (_ isProved: () -> Bool) throws -> SnapshotMemory
    ) {
      self.step = step
      ended.enter()
      let thread = Thread { [self] in
        #if os(Linux)
        // Of this thread alone: the steps that go on meanwhile come first. It has a quarter of a processor
        // where they leave it nothing; with a tenth, the next checkpoint waited for it.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        #endif
        let found = Result {
          try work {
            decided.wait()
            return verdict.withLock { $0 == true }
          }
        }
        result.withLock { $0 = found }
        ended.leave()
      }
      thread.name = "checkpoint"
      thread.start()
    }

    /// The first verdict counts.
    func decide(_ isProved: Bool) {
      let isFirst = verdict.withLock { verdict in
        defer { verdict = verdict ?? isProved }
        return verdict == nil
      }
      if isFirst { decided.signal() }
    }

    func poll() throws { _ = try result.withLock { $0 }?.get() }

    /// Waits for the end.
    func memory() throws -> SnapshotMemory {
      ended.wait()
      return try result.withLock { $0 }!.get()
    }
  }
}
