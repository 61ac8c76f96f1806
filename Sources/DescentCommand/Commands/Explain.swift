import ArgumentParser
import DescentFiles
import DescentLab
import Foundation

/// `descent explain`
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain what optimizers do, on pages computed as you read.",
    discussion: """
      Without a topic it lists them, in the order of a course. Names of optimizers and of their parts \
      lead to the topic that explains them: adam, l2, int8.

        descent explain momentum
        descent explain adam --html adam.html
        descent explain --html course.html
      """)

  @Argument(help: "The topic: a name that `descent explain` lists.")
  var topic: String?

  @Option(
    help: ArgumentHelp(
      "Write the page as HTML; without a topic, the whole course.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  @Flag(help: "Print the page as JSON.")
  var json = false

  func validate() throws {
    if html?.isEmpty == true { throw ValidationError("--html names no file") }
  }

  func run() throws {
    try reportingErrors {
      let topic = try topic.map { try Topics.named($0) }
      try OutputPaths.check([("--html", html)])
      let page = try topic?.page() ?? Topics.list()
      if let html {
        try OutputFile.write((topic == nil ? Topics.course() : page).html(), to: html)
      }
      output(page, json: json)
      if let html, !json { output("page: \(html)") }
    }
  }
}
