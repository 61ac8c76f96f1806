import Foundation
import Synchronization

/// Signals that ask a run to end: Ctrl-C, `kill`, and the end of the terminal. It ends after the
/// step, with a checkpoint, where its observer says so; a second Ctrl-C ends the process at once.
///
/// ```swift
/// Interrupt.watch()                                   // at the start of the program
/// var wantsToStop: Bool { Interrupt.requested }       // in a TrainingObserver
/// ```
public enum Interrupt {
  private static let isRequested = Atomic<Bool>(false)
  private static let presses = Atomic<Int>(0)
  // Set before any signal can come.
  nonisolated(unsafe) private static var restore: @Sendable () -> Void = {}

  /// Whether one has come since ``watch()``.
  public static var requested: Bool { isRequested.load(ordering: .relaxed) }

  /// Takes over the signals, also when whoever started the process had them blocked. One that was to
  /// be ignored, as `nohup` has it, still is.
  ///
  /// - Parameter restore: called before a second Ctrl-C ends the process, to tidy up a terminal.
  public static func watch(beforeExit restore: @escaping @Sendable () -> Void = {}) {
    unsafe Interrupt.restore = restore
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let before = signal(number) { number in
        Interrupt.isRequested.store(true, ordering: .relaxed)
        if number == SIGINT, Interrupt.presses.add(1, ordering: .relaxed).newValue > 1 {
          unsafe Interrupt.restore()
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
