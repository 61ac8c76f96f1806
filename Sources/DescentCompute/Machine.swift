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
