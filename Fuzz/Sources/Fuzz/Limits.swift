import Foundation

/// What an input may cost: a second, and ten times its size and 64 MiB of memory.
enum Limits {
  static let seconds = 1.0
  static let bytes = 64 << 20
  /// Memory that is asked for and not touched is bounded for the whole process.
  static let reserved = 1 << 30

  static func prepare() {
    var limit = rlimit(rlim_cur: rlim_t(reserved), rlim_max: rlim_t(reserved))
    #if os(Linux)
    setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    #else
    setrlimit(RLIMIT_DATA, &limit)
    #endif
  }

  static func check(_ input: [UInt8], _ body: () -> Void) {
    let (time, memory) = (processorTime, peakMemory)
    body()
    let (taken, grown) = (processorTime - time, peakMemory - memory)
    if taken > seconds { fail("took \(taken) s") }
    if grown > bytes + 10 * input.count { fail("took \(grown) bytes of memory") }
  }

  private static func fail(_ what: String) -> Never {
    fatalError("an input \(what)")
  }

  /// Of the whole process, so that waiting for others costs nothing.
  private static var processorTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The most memory that the process has had. An input raises it only above all before it, and the
  /// first that does by a lot is seen.
  private static var peakMemory: Int {
    var usage = rusage()
    #if os(Linux)
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
    #else
    getrusage(RUSAGE_SELF, &usage)
    return usage.ru_maxrss
    #endif
  }
}
