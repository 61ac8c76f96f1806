import DescentLab
import Foundation
import Testing

@Suite("Pages in a browser") struct BrowserTests {
  @Test("a gallery of everything") func gallery() throws {
    let start = Date()
    let html = Gallery.document.html()
    print("html", html.utf8.count, Date().timeIntervalSince(start))
    if let path = ProcessInfo.processInfo.environment["GALLERY"] {
      try html.write(toFile: path + ".html", atomically: true, encoding: .utf8)
      try Gallery.document.text(width: 80).write(
        toFile: path + ".txt", atomically: true, encoding: .utf8)
      for (i, f) in Gallery.figures.enumerated() {
        try f.svg().write(toFile: path + "-\(i).svg", atomically: true, encoding: .utf8)
      }
    }
    _ = Gallery.document.json.line
  }
}
