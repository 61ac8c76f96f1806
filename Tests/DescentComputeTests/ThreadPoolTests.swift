import DescentCompute
import Synchronization
import Testing

/// A number that tasks of several owners may add to.
private final class Counter: Sendable {
  let value = Atomic(0)
}

@Suite(.serialized) struct ThreadPoolTests {
  let pool = ThreadPool.shared

  /// How often each task ran.
  func counts(_ tasks: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: tasks)
    counts.withMutableView { counts in pool.run(tasks) { i in counts[i] += 1 } }
    return counts
  }

  @Test(arguments: [1, 2, 3, 8, 64], [0, 1, 2, 3, 7, 100, 4097])
  func `each task runs once`(threads: Int, tasks: Int) {
    pool.setThreads(threads)
    defer { pool.setThreads(2) }
    #expect(pool.threads == threads)
    for _ in 0..<20 { #expect(counts(tasks) == Array(repeating: 1, count: tasks)) }
  }

  @Test func `many short runs in a row`() {
    pool.setThreads(3)
    defer { pool.setThreads(2) }
    let total = Atomic(0)
    for _ in 0..<20_000 { pool.run(3) { i in total.add(i, ordering: .relaxed) } }
    #expect(total.load(ordering: .relaxed) == 60_000)
  }

  @Test(arguments: [(0, 1), (-5, 1), (256, 256), (1000, 256)])
  func `the number of threads is brought into range`(asked: Int, got: Int) {
    pool.setThreads(asked)
    defer { pool.setThreads(2) }
    #expect(pool.threads == got)
  }

  @Test func `work is shared by the threads`() {
    defer { pool.setThreads(2) }
    // Each task waits for the other. Other tests may hold the pool for a while: try again.
    var met = false
    for _ in 0..<100 where !met {
      pool.setThreads(2)
      let arrived = Atomic(0)
      let both = Atomic(true)
      pool.run(2) { _ in
        arrived.add(1, ordering: .sequentiallyConsistent)
        let start = ContinuousClock.now
        while arrived.load(ordering: .sequentiallyConsistent) < 2 {
          if start.duration(to: .now) > .milliseconds(20) {
            both.store(false, ordering: .relaxed)
            return
          }
        }
      }
      met = both.load(ordering: .relaxed)
    }
    #expect(met)
  }

  @Test func `a run inside a task is serial and in order`() {
    pool.setThreads(4)
    defer { pool.setThreads(2) }
    let wrong = Atomic(0)
    let total = Atomic(0)
    pool.run(16) { _ in
      var expected = 0
      withoutActuallyEscaping({ (i: Int) in
        if i != expected { wrong.add(1, ordering: .relaxed) }
        expected += 1
        total.add(1, ordering: .relaxed)
      }) { body in pool.run(10, body) }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(total.load(ordering: .relaxed) == 160)
  }

  @Test func `callers from several threads do not block each other`() async {
    pool.setThreads(3)
    defer { pool.setThreads(2) }
    let total = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<500 {
            ThreadPool.shared.run(7) { _ in total.value.add(1, ordering: .relaxed) }
          }
        }
      }
    }
    #expect(total.value.load(ordering: .relaxed) == 8 * 500 * 7)
  }

  @Test func `threads may be set while a run is under way`() {
    let total = Atomic(0)
    for round in 0..<50 {
      pool.run(8) { i in
        if i == 3 { pool.setThreads(1 + round % 5) }
        total.add(1, ordering: .relaxed)
      }
    }
    pool.setThreads(2)
    #expect(total.load(ordering: .relaxed) == 400)
  }

  @Test(arguments: [0, 1, 9, 10, 11, 100])
  func `chunks cover the range`(count: Int) {
    let total = Atomic(0)
    let pieces = Atomic(0)
    pool.forEachChunk(of: count, size: 10) { range in
      total.add(range.reduce(0, +), ordering: .relaxed)
      pieces.add(1, ordering: .relaxed)
    }
    #expect(total.load(ordering: .relaxed) == count * (count - 1) / 2)
    #expect(pieces.load(ordering: .relaxed) == (count + 9) / 10)
  }

  @Test func `a parallel sum has the same bits for any number of threads`() {
    defer { pool.setThreads(2) }
    let count = 100_003
    let sums = [1, 2, 3, 8].map { threads in
      pool.setThreads(threads)
      return pool.parallelSum(count: count, chunk: 17) { range in
        range.reduce(0.0) { $0 + 1 / Double($1 + 1) }
      }
    }
    #expect(Set(sums).count == 1)
    let exact = (1...count).reduce(0.0) { $0 + 1 / Double($1) }
    #expect(abs(sums[0] - exact) < 1e-11)
  }
}
