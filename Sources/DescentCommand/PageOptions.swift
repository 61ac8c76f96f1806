import ArgumentParser
import DescentFiles
import DescentLab

/// `--html FILE` and `--json`: how a page is shown.
struct PageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Write the page as HTML, too.", valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var html: String?

  @Flag(help: "Print the page as JSON.")
  var json = false

  func validate() throws {
    if html?.isEmpty == true { throw ValidationError("--html names no file") }
  }

  /// What is written, to be looked at before the work begins.
  var use: OutputPaths.Use { ("--html", html) }

  /// Writes a page, or what has its place in HTML, where it is asked for, and prints it.
  func show(
    _ page: Document, inHTML: @autoclosure () throws -> Document? = nil, isPrinted: Bool = true
  ) throws {
    if let html { try OutputFile.write((inHTML() ?? page).html(), to: html) }
    if isPrinted { output(page, json: json) }
    if let html, !json { output("page: \(html)") }
  }
}
