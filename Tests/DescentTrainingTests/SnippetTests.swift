import Foundation
import Testing

@Suite("Examples in the documentation") struct SnippetTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test(
    "they are the snippets, which are compiled",
    arguments: [
      ("Library", "OwnModel"), ("Library", "OwnOperation"), ("Library", "OwnLayer"),
      ("Library", "OwnDataset"), ("Library", "OwnTask"), ("Library", "OwnObserver"),
      ("Library", "OwnEnvironment"),
    ])
  func areSnippets(_ page: String, _ name: String) throws {
    let page = try Self.text("Documentation/\(page).md")
    // The first line is a comment that says what it is.
    let code = try Self.text("Snippets/\(name).swift").drop { $0 != "\n" }
      .trimmingCharacters(in: .newlines)
    #expect(page.contains("```swift\n\(code)\n```"))
    // What the package outside compiles is the same file.
    #expect(
      try Self.text("Outside/Sources/\(name)/main.swift") == Self.text("Snippets/\(name).swift"))
  }
}
