internal import CDescentKernels
internal import Foundation

extension Machine {
  /// The memory that this process may use, in bytes: what is installed, or less where a control
  /// group or a limit of the address space says so. Swap does not count.
  public static let memory: Int = {
    let installed = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    #if os(Linux)
    return min(installed, controlGroupLimit ?? installed, addressSpaceLimit ?? installed)
    #else
    return installed
    #endif
  }()

  /// From now on, large blocks that are freed go back to the system at once. Else malloc comes to keep them, and
  /// what the process takes depends on the order in which they came and went.
  package static func returnLargeBlocks() { descent_return_large_blocks() }

  /// The memory of this process that is in use, in bytes; nil where the system does not say.
  public static var residentBytes: Int? {
    #if os(Linux)
    // size resident shared ..., in pages
    text("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
      .map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
    #else
    nil
    #endif
  }

  #if os(Linux)
  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }

  /// The least limit of the groups that this process is in, of either version.
  private static var controlGroupLimit: Int? {
    var limits: [Int] = []
    for line in (text("/proc/self/cgroup") ?? "").split(separator: "\n") {
      // number:controllers:path; version 2 has one line, without controllers.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
      let (root, file) =
        isUnified
        ? ("/sys/fs/cgroup", "memory.max") : ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
      var names = parts[2].split(separator: "/")
      // In a container the path is the host's, and only the topmost group is there.
      while true {
        let folder = ([root] + names.map(String.init)).joined(separator: "/")
        if let limit = text("\(folder)/\(file)").flatMap(number) { limits.append(limit) }
        if names.popLast() == nil { break }
      }
    }
    return limits.min()
  }

  /// What `ulimit -v` says.
  private static var addressSpaceLimit: Int? {
    let lines = (text("/proc/self/limits") ?? "").split(separator: "\n")
    let line = lines.first { $0.hasPrefix("Max address space") }
    return line?.split(separator: " ").dropFirst(3).first.flatMap { number(String($0)) }
  }

  /// A number of bytes, or nil where there is no limit.
  private static func number(_ text: String) -> Int? {
    Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap { $0 > 0 ? $0 : nil }
  }
  #endif
}
