internal import CDescentKernels
internal import Foundation

/// The machine that the package computes on, and how fast it is.
public enum Machine {
  /// The processor's name.
  public static var processor: String {
    #if canImport(Darwin)
    var size = 0
    unsafe sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0)
    var name = [CChar](repeating: 0, count: max(size, 1))
    unsafe sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #else
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = lines.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    return name ?? "unknown"
    #endif
  }

  /// How many threads share the work.
  public static var threads: Int { ThreadPool.shared.threads }

  /// Sets how many threads share the work, 1 to 256. No result depends on it.
  public static func setThreads(_ count: Int) { ThreadPool.shared.setThreads(count) }

  /// The instruction set for which the hottest loops in use were compiled.
  public static var instructionSet: String { Kernels.instructionSet }

  /// The BLAS in use, or why there is none.
  public static var blas: String {
    guard descent_blas_found() else {
      return unsafe "none: \(String(cString: descent_blas_problem())); built-in products"
    }
    let name = unsafe String(cString: descent_blas_name())
    let path = unsafe String(cString: descent_blas_path())
    return MatrixProduct.backend == .blas
      ? "\(name) (\(path))"
      : "built-in products, faster here than \(name) (\(path)), which DESCENT_BLAS=auto uses"
  }

  /// What matrices are decomposed by.
  public static var lapack: String {
    SymmetricEigen.Method.best == .lapack ? "dsyevd of that library" : "built-in decompositions"
  }

  /// Why the library that DESCENT_BLAS names is not in use; nil when all is well.
  public static var blasProblem: String? {
    descent_blas_failed() ? unsafe String(cString: descent_blas_problem()) : nil
  }

  /// The speed of copying large arrays with all threads, in 10⁹ bytes per second, read and written.
  public static func measureCopyBandwidth(seconds: Double = 0.5) -> Double {
    let count = 1 << 24
    let source = [Float](repeating: 1, count: count)
    var target = [Float](repeating: 0, count: count)
    let passes = source.withView { from in
      target.withMutableView { to in
        measure(seconds) {
          ThreadPool.shared.forEachChunk(of: count, size: 1 << 16) { to[$0].copy(from[$0]) }
        }
      }
    }
    return passes * 2 * 4 * Double(count) / 1e9
  }

  /// The speed of the product of two square matrices with all threads, in 10⁹ operations per second.
  public static func measureMultiply(size n: Int = 768, seconds: Double = 0.5) -> Double {
    let a = [Float](repeating: 1, count: n * n)
    var c = a
    let passes = a.withView { a in
      c.withMutableView { c in
        let (a, c) = (a.matrix(n, n), c.matrix(n, n))
        return measure(seconds) { MatrixProduct.multiply(a, a, into: c) }
      }
    }
    return passes * 2 * Double(n * n * n) / 1e9
  }

  /// How often `body` runs in a second, by its fastest run.
  private static func measure(_ seconds: Double, _ body: () -> Void) -> Double {
    body()
    let start = ContinuousClock.now
    var best = Double.infinity
    repeat {
      let begin = ContinuousClock.now
      body()
      best = min(best, begin.duration(to: .now) / .seconds(1))
    } while start.duration(to: .now) < .seconds(seconds)
    return 1 / best
  }
}

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
