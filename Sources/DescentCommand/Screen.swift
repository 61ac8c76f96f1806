import Foundation
import Synchronization

/// A terminal whose whole screen is drawn again and again, and given back as it was.
final class Screen {
  private static let isOpen = Atomic<Bool>(false)
  /// How the keyboard was set before.
  private nonisolated(unsafe) static var keyboard: termios?

  /// Columns and lines now.
  static var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), max(2, Int(size.ws_row)))
  }

  /// Takes the screen, and keys without waiting for a line.
  init() {
    var settings = termios()
    if isatty(STDIN_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &settings) == 0 {
      unsafe Self.keyboard = settings
      settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
      // A process that was suspended would leave the terminal as it is now.
      unsafe withUnsafeMutableBytes(of: &settings.c_cc) { unsafe $0[Int(VSUSP)] = 0 }
      unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }
    Self.isOpen.store(true, ordering: .relaxed)
    StandardOutput.write("\u{1B}[?1049h\u{1B}[?25l")
  }

  deinit { Self.restore() }

  /// Gives the terminal back, also from the handler of a signal.
  static func restore() {
    guard isOpen.exchange(false, ordering: .relaxed) else { return }
    let bytes: StaticString = "\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l"
    _ = unsafe write(STDOUT_FILENO, bytes.utf8Start, bytes.utf8CodeUnitCount)
    if var settings = unsafe keyboard {
      unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
      unsafe keyboard = nil
    }
  }

  /// Shows lines, each in the place of the one before.
  func draw(_ lines: [String]) {
    StandardOutput.write("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K\u{1B}[J")
  }

  /// Waits up to a tenth of a second; whether `q` was pressed.
  func wait() -> Bool {
    guard unsafe Self.keyboard != nil else {
      usleep(100_000)
      return false
    }
    var keys = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&keys, 1, 100) > 0 else { return false }
    var key: UInt8 = 0
    guard unsafe read(STDIN_FILENO, &key, 1) == 1 else {
      usleep(100_000)
      return false
    }
    return key == UInt8(ascii: "q") || key == UInt8(ascii: "Q")
  }
}
