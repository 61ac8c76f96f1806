internal import CDescentKernels

/// Implemented in C (descent_pool.h), which takes the closure as it is: boxing it for a C function
/// pointer would allocate in each call.
@_silgen_name("descent_pool_run")
private func poolRun(_ count: Int, _ task: (Int) -> Void)

/// The threads that all modules share.
///
/// Results never depend on the number of threads: callers cut their work into pieces that follow
/// from its shape alone, or whose cut changes no bit, and combine partial results in the order of the pieces.
package final class ThreadPool: Sendable {
  package static let shared = ThreadPool()

  private init() {}

  /// The number of threads that share a run, the caller included; at first one for each processor
  /// that the process may run on.
  package var threads: Int { descent_pool_threads() }

  /// Sets the number of threads (1...256; a value outside is brought inside) from the next run on.
  package func setThreads(_ n: Int) { descent_pool_set_threads(n) }

  /// Calls `body` once for each task in 0..<count and returns when all have ended.
  ///
  /// Inside a task, and while another thread is using the pool, the tasks run one after another on
  /// the calling thread.
  package func run(_ count: Int, _ body: (Int) -> Void) {
    poolRun(count, body)
  }

  /// Cuts 0..<count into chunks of `size` (the last may be shorter) and runs `body` on each.
  package func forEachChunk(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    precondition(size > 0)
    run((count + size - 1) / size) { i in
      body(i * size..<min(count, (i + 1) * size))
    }
  }

  /// The sum of `body` over chunks of 0..<count, added in the order of the chunks.
  package func parallelSum(
    count: Int, chunk: Int, _ body: (Range<Int>) -> Double
  ) -> Double {
    precondition(chunk > 0)
    // Room for a block of 256 chunks at a time.
    let block = 256
    let chunks = (count + chunk - 1) / chunk
    var total = 0.0
    withScratch(of: Double.self, block) { partials in
      var first = 0
      while first < chunks {
        let n = min(block, chunks - first)
        run(n) { i in
          let start = (first + i) * chunk
          partials[i] = body(start..<min(count, start + chunk))
        }
        for i in 0..<n { total += partials[i] }
        first += n
      }
    }
    return total
  }
}
