import ArgumentParser
import DescentLab
import DescentTraining
import Foundation

/// Does one run of several in a process of its own, which ends with the one that started it.
func doTrial(_ run: (_ stops: @escaping () -> Bool) throws -> any Trial) throws {
  Interrupt.watch(beforeExit: Screen.restore)
  try reportingErrors {
    let done = try run { Interrupt.requested || isAbandoned }
    if done.outcome == nil { throw ExitCode(ExitStatus.interrupted) }
  }
}

/// Whether the process that started this one has ended: then nothing holds the other end of
/// standard input.
private var isAbandoned: Bool {
  var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
  return unsafe poll(&input, 1, 0) > 0
}
