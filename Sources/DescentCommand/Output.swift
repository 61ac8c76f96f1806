import DescentLab
import Foundation

/// Writes to standard output at once: `print` keeps lines back when the output is a pipe, and a run
/// should be watchable through one.
func output(_ text: String = "", terminator: String = "\n") {
  StandardOutput.write(text + terminator)
}

/// Prints a document as text that suits the terminal, or as JSON.
func output(_ document: Document, json: Bool = false, isSpaced: Bool = true) {
  let text =
    json
    ? document.json.text + "\n"
    : document.text(
      width: Terminal.width ?? .max, isColored: Terminal.isColored, isSpaced: isSpaced)
  output(text, terminator: "")
}

/// What standard output is connected to.
enum Terminal {
  /// Whether someone reads it as it comes.
  static let isPresent = isatty(STDOUT_FILENO) == 1

  /// The columns to fill, at most 120; nil where it is no terminal, so that whoever reads the output
  /// gets whole lines.
  static var width: Int? {
    var size = winsize()
    guard isPresent, unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
    else { return nil }
    return min(120, Int(size.ws_col))
  }

  /// Whether it shows colours and nobody asked for none (no-color.org).
  static var isColored: Bool { redraws }

  /// Whether a line may be drawn again in its place: it understands control characters, and nobody
  /// asked for plain text.
  static let redraws: Bool = {
    let environment = ProcessInfo.processInfo.environment
    return isPresent && !["dumb", ""].contains(environment["TERM", default: ""])
      && environment["NO_COLOR", default: ""].isEmpty
  }()
}
