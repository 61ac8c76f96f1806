import Foundation

/// Writes to standard output at once: `print` keeps lines back when the output is a pipe, and a run
/// should be watchable through one.
func output(_ text: String = "", terminator: String = "\n") {
  FileHandle.standardOutput.write(Data((text + terminator).utf8))
}

/// Writes a line to standard error.
func writeError(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}
