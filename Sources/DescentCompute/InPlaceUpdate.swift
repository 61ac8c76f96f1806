internal import CDescentKernels

/// Passes over memory that read some arrays and multiply others in place, with all threads: what an optimizer's
/// step can reach that reads and writes as much. A copy is no yardstick: it also pays for reading what it
/// overwrites.
package final class InPlaceUpdate {
  /// The numbers of the arrays that one pass reads, and of those that it changes.
  package struct Pass {
    package var reads: [Int]
    package var changes: [Int]

    package init(reads: [Int], changes: [Int]) { (self.reads, self.changes) = (reads, changes) }
  }

  /// Arrays of a pass that have as many floats for a weight, and so go side by side.
  private struct Group {
    let floats: Double
    let arrays: Kernels.InPlace
  }

  private let passes: [[Group]]
  private let memory: [MutableView<Float>]
  private let count: Int
  /// The bytes of all passes for one weight, read and written.
  package let bytes: Double
  /// The speed of the fastest time, in 10⁹ bytes per second, read and written.
  package private(set) var bandwidth = 0.0

  /// - Parameters:
  ///   - floats: how many floats each array has for a weight, at most 1.
  ///   - count: how many weights there are.
  package init(_ passes: [Pass], floats: [Double], count: Int) {
    self.count = count
    bytes = passes.reduce(0) { sum, pass in
      sum + 4 * pass.reads.reduce(0) { $0 + floats[$1] }
        + 8 * pass.changes.reduce(0) { $0 + floats[$1] }
    }
    let memory = floats.map {
      let size = max(1, Int($0 * Double(count)))
      let base = unsafe LargePages.allocate(4 * size)
      let array = unsafe MutableView(
        base.bindMemory(to: Float.self, capacity: size), count: size)
      array.fill(1)
      return array
    }
    self.memory = memory
    self.passes = passes.map { pass in
      Set((pass.reads + pass.changes).map { floats[$0] }).sorted(by: >).map { size in
        Group(
          floats: size,
          arrays: Kernels.InPlace(
            reads: pass.reads.filter { floats[$0] == size }.map { memory[$0].reading },
            changes: pass.changes.filter { floats[$0] == size }.map { memory[$0] }))
      }
    }
  }

  deinit { for array in memory { unsafe LargePages.deallocate(array.base) } }

  /// Goes through the arrays, by turns in short pieces and in long ones: which are faster depends on the
  /// machine and on how many arrays there are.
  package func time() {
    // A few for each thread: what a call costs must not show.
    let chunk = max(8192, min(1 << 16, count / (8 * Machine.threads)) / 8192 * 8192)
    for piece in [128, 8192, chunk] {
      let begin = ContinuousClock.now
      for pass in passes {
        ThreadPool.shared.forEachChunk(of: count, size: chunk) { range in
          for start in stride(from: range.lowerBound, to: range.upperBound, by: piece) {
            let end = min(start + piece, range.upperBound)
            for group in pass {
              let part = Int(group.floats * Double(start))..<Int(group.floats * Double(end))
              group.arrays.multiply(by: 0.999_999, part)
            }
          }
        }
      }
      let seconds = begin.duration(to: .now) / .seconds(1)
      bandwidth = max(bandwidth, bytes * Double(count) / seconds / 1e9)
    }
  }
}

extension Kernels {
  /// Arrays to read, and others to multiply in place along with it.
  @safe
  package struct InPlace {
    /// At most as many at a time as the loop takes.
    private var parts: [(reads: [UnsafePointer<Float>], changes: [UnsafeMutablePointer<Float>])]
    private let count: Int

    package init(reads: [View<Float>], changes: [MutableView<Float>]) {
      count = min(reads.map(\.count).min() ?? .max, changes.map(\.count).min() ?? .max)
      unsafe parts = []
      var (reads, changes) = unsafe (reads.map(\.base)[...], changes.map(\.base)[...])
      while unsafe !reads.isEmpty || !changes.isEmpty {
        unsafe parts.append(
          (Array(reads.prefix(Int(DESCENT_READS))), Array(changes.prefix(Int(DESCENT_CHANGES)))))
        unsafe (reads, changes) = (
          reads.dropFirst(Int(DESCENT_READS)), changes.dropFirst(Int(DESCENT_CHANGES))
        )
      }
    }

    /// Reads and multiplies some elements of each.
    package func multiply(by factor: Float, _ range: Range<Int>) {
      precondition(range.lowerBound >= 0 && range.upperBound <= count)
      for index in unsafe parts.indices {
        let part = unsafe parts[index]
        _ = unsafe table.in_place(
          range.count, factor, range.lowerBound, part.reads.count, part.reads,
          part.changes.count, part.changes)
      }
    }
  }
}
