import DescentLab
import Foundation
import Testing

@Suite("Pages in a browser") struct BrowserTests {
  /// Where a program lies; nil where it is not installed.
  static func program(_ names: String...) -> URL? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return names.flatMap { name in
      folders.map { URL(filePath: String($0)).appending(path: name) }
    }.first { FileManager.default.isExecutableFile(atPath: $0.path()) }
  }

  static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Scripts/check-page.py").standardized

  static let canLook =
    program("chromium", "chromium-browser", "google-chrome", "chrome") != nil
    && program("python3") != nil

  /// What the check says of a page, and its exit status.
  static func check(_ html: String) throws -> (text: String, status: Int32) {
    let page = FileManager.default.temporaryDirectory
      .appending(path: "descent-page-\(UUID().uuidString).html")
    try html.write(to: page, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: page) }
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = try #require(program("python3"))
    process.arguments = [script.path(), page.path()]
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }

  @Test(
    "a page with every kind of block and bad data: nothing is blank, cut off or overlaid",
    .enabled(if: canLook, "there is no Chromium and Python"))
  func gallery() throws {
    let (text, status) = try Self.check(Gallery.document.html())
    #expect(status == 0, "\(text)")
  }

  @Test(
    "the check finds what is wrong", .enabled(if: canLook, "there is no Chromium and Python"))
  func faults() throws {
    let page = Gallery.shortDocument.html()
      .replacing("class=\"line\"", with: "display=\"none\" class=\"line\"")
      .replacing(
        "</main>",
        with: """
          <svg viewBox="0 0 100 50" width="100" height="50"><text x="80" y="20">cut off here</text>
          <text x="10" y="40">one</text><text x="12" y="41">two</text></svg>
          <p style="color: #bbb; background: #fff">pale</p><div style="width: 1500px">wide</div>
          <script>throw new Error("thrown")</script></main>
          """)
    let (text, status) = try Self.check(page)
    #expect(status == 1)
    for fault in [
      "a frame is blank", "text is cut off: cut off here", "texts overlap: one | two",
      "contrast is only", "px wide in a window of 360", "error: Error: thrown",
    ] { #expect(text.contains(fault), "\(fault)") }
  }

  @Test("pages stay small, and their figures are made fast") func size() throws {
    let start = ContinuousClock.now
    let figures = (0..<15).map { Figure([Gallery.runs(10, points: 3000, named: "figure \($0)")]) }
    let page = Document("large", [.figures(figures)])
    let html = page.html()
    #expect(html.utf8.count < 1_200_000)
    #expect(ContinuousClock.now - start < .seconds(20))
  }
}
