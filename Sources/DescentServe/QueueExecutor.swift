import Dispatch

/// Runs tasks one after another on a thread of its own, so that nothing that waits on the threads of
/// other tasks can keep the server from answering.
final class QueueExecutor: TaskExecutor {
  /// For requests and their answers.
  static let answers = QueueExecutor("descent.serve.answers")
  /// For looking through folders meanwhile.
  static let search = QueueExecutor("descent.serve.search")

  private let queue: DispatchQueue

  private init(_ label: String) { queue = DispatchQueue(label: label) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
