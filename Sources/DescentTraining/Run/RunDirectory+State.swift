import Foundation

extension RunDirectory {
  /// Whether a process trains the run now, as far as can be told without disturbing it: the file
  /// `.lock` is there, and the process that it names lives or is on another machine.
  public var isTrained: Bool {
    let file = url.appendingPathComponent(".lock")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return false }
    let words = text.split(separator: " ")
    guard words.count == 4, words[0] == "process", let process = pid_t(words[1]),
      process > 0
    else {
      return false
    }
    if words[3] != ProcessInfo.processInfo.hostName { return true }
    return kill(process, 0) == 0 || errno == EPERM
  }
}
