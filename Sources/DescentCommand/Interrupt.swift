import Foundation
import Synchronization

/// Ctrl-C: the first asks the run to end after the step, the second ends the process at once.
enum Interrupt {
  private static let count = Atomic<Int>(0)

  /// Whether someone pressed Ctrl-C since ``watch()``.
  static var requested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Takes over the signal, also when whoever started the process had it blocked.
  static func watch() {
    var interrupt = sigset_t()
    unsafe sigemptyset(&interrupt)
    unsafe sigaddset(&interrupt, SIGINT)
    unsafe pthread_sigmask(SIG_UNBLOCK, &interrupt, nil)
    signal(SIGINT) { _ in
      if Interrupt.count.add(1, ordering: .relaxed).newValue > 1 { _exit(130) }
    }
  }
}
