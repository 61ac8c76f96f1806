import Foundation
import Synchronization

/// Signals that ask a run to end: Ctrl-C, `kill`, and the end of the terminal. It ends after the
/// step, with a checkpoint; a second Ctrl-C ends the process at once.
enum Interrupt {
  private static let isRequested = Atomic<Bool>(false)
  private static let presses = Atomic<Int>(0)

  /// Whether one has come since ``watch()``.
  static var requested: Bool { isRequested.load(ordering: .relaxed) }

  /// Takes over the signals, also when whoever started the process had them blocked. One that was to
  /// be ignored, as `nohup` has it, still is.
  static func watch() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let before = signal(number) { number in
        Interrupt.isRequested.store(true, ordering: .relaxed)
        if number == SIGINT, Interrupt.presses.add(1, ordering: .relaxed).newValue > 1 {
          Screen.restore()
          _exit(130)
        }
      }
      let ignored = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
      if number != SIGINT, unsafe unsafeBitCast(before, to: Int.self) == ignored {
        signal(number, SIG_IGN)
      } else {
        unsafe sigaddset(&signals, number)
      }
    }
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}
