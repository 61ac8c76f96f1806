import ArgumentParser
import DescentFiles
import DescentLab

/// `--json FILE`
struct JSONFile: ParsableArguments {
  @Option(
    name: .customLong("json"),
    help: ArgumentHelp("Write the page as JSON; - is standard output, alone.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var path: String?

  func validate() throws {
    if path?.isEmpty == true { throw ValidationError("--json names no file") }
  }

  /// Whether standard output belongs to the JSON.
  var isStandardOutput: Bool { path == "-" }

  /// Writes what a document has for programs, where it is asked for.
  func write(_ document: Document) throws {
    guard let path else { return }
    let text = document.json.text + "\n"
    if isStandardOutput {
      output(text, terminator: "")
    } else {
      try OutputFile.write(text, to: path)
    }
  }
}
