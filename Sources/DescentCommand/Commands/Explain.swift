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
      lead to the topic that explains them: adam, l2, int8. Without a topic, --html writes the whole \
      course.

        descent explain momentum
        descent explain adam --html adam.html
        descent explain --html course.html
      """)

  @Argument(help: "The topic: a name that `descent explain` lists.")
  var topic: String?

  @OptionGroup var page: PageOptions

  func run() throws {
    try reportingErrors {
      let topic = try topic.map { try Topics.named($0) }
      try OutputPaths.check([page.use])
      try page.show(
        topic?.page() ?? Topics.list(), inHTML: topic == nil ? Topics.course() : nil)
    }
  }
}
