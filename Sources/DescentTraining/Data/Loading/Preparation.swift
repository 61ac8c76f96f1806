import DescentCompute
import Foundation

/// Makes batches before they are asked for, a few at most, on a thread of its own.
final class Preparation<Data: Dataset>: @unchecked Sendable {
  // Everything below is touched with the lock held.
  private let lock = NSCondition()
  private let data: Data
  private let order: BatchOrder
  private let ahead: Int
  /// Those that wait to be taken.
  private var made: [Int: Made] = [:]
  /// The next to make, and the first that is not to be made yet.
  private var (next, limit) = (0, 0)
  /// Which sequence is being made: what was begun for another is thrown away.
  private var sequence = 0
  private var hasThread = false
  private var isCancelled = false

  /// A batch, or why there is none, and the bytes that its tensors take.
  private struct Made {
    let result: Result<Data.Examples, any Error>
    let bytes: Int
  }

  init(_ data: Data, _ order: BatchOrder, ahead: Int) {
    (self.data, self.order, self.ahead) = (data, order, ahead)
  }

  /// Whether a batch is made, or will be soon.
  func isNear(_ number: Int) -> Bool {
    lock.withLock { made[number] != nil || (next..<next + ahead).contains(number) }
  }

  /// Waits for a batch, and lets those after it be made.
  ///
  /// - Throws: what the data set threw for it, or `CancellationError`.
  func take(_ number: Int) throws -> Data.Examples {
    lock.lock()
    defer { lock.unlock() }
    if made[number] == nil, !(next...next + ahead).contains(number) { begin(at: number) }
    // Those before it were left out.
    for other in made.keys where other < number { discard(other) }
    limit = max(limit, number + 1 + ahead)
    startThread()
    lock.broadcast()
    while made[number] == nil, !isCancelled { lock.wait() }
    guard let found = made.removeValue(forKey: number) else { throw CancellationError() }
    ThreadBytes.add(found.bytes)
    // The batch may be asked for again; those after it have waited for that.
    if case .failure = found.result { begin(at: number) }
    return try found.result.get()
  }

  func cancel() {
    lock.withLock {
      isCancelled = true
      for number in made.keys { discard(number) }
      lock.broadcast()
    }
  }

  private func begin(at number: Int) {
    for number in made.keys { discard(number) }
    (next, limit) = (number, number)
    sequence += 1
  }

  /// The thread that gives memory back is the one that is said to have taken it.
  private func discard(_ number: Int) {
    if let old = made.removeValue(forKey: number) { ThreadBytes.add(old.bytes) }
  }

  private func startThread() {
    if hasThread { return }
    hasThread = true
    let thread = Thread { [self] in work() }
    thread.name = "batches"
    thread.start()
  }

  private func work() {
    var epoch = BatchOrder.Epoch()
    lock.lock()
    defer { lock.unlock() }
    while true {
      while next >= limit, !isCancelled { lock.wait() }
      if isCancelled { return }
      let (number, begun) = (next, sequence)
      lock.unlock()
      let before = ThreadBytes.current
      let numbers = epoch.examples(ofBatch: number, in: order)
      let result = Result { try data.examples(at: numbers) }
      // Whoever takes the batch gives its memory back, and counts it.
      let bytes = ThreadBytes.current - before
      ThreadBytes.add(-bytes)
      lock.lock()
      guard begun == sequence, !isCancelled else {
        ThreadBytes.add(bytes)
        continue
      }
      made[number] = Made(result: result, bytes: bytes)
      next += 1
      if case .failure = result { limit = min(limit, next) }
      lock.broadcast()
    }
  }
}
