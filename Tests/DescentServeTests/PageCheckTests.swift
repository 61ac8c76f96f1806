import DescentServe
import Foundation
import Testing

@Suite("Live pages in a browser") struct PageCheckTests {
  private static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Scripts/check-page.py").standardized

  /// Some runs, one of which diverges.
  private static func write(_ count: Int, in folder: URL) throws {
    for number in 1...count {
      let run = folder.appending(path: "run-\(number)")
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      try "steps: 40\nmodel:\n  kind: gpt\noptimizer:\n  name: adamw\n".write(
        to: run.appending(path: "recipe.yaml"), atomically: false, encoding: .utf8)
      let lines = (1...40).map { step in
        let loss =
          number == 3 && step > 20 ? "null" : "\(2 + Double(number) / Double(10 * step))"
        let line = "{\"step\": \(step), \"loss\": \(loss), \"lr\": 0.001, \"seconds\": 0.5}\n"
        return step % 10 == 0 ? line + "{\"step\": \(step), \"val_loss\": \(loss)}\n" : line
      }
      try lines.joined().write(
        to: run.appending(path: "metrics.jsonl"), atomically: false, encoding: .utf8)
    }
  }

  @Test("nothing is blank, cut off or overlaid") func pages() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Self.write(50, in: folder)
    let site = try Site(folder: folder.path())
    func body(_ path: String, _ query: [(name: String, value: String)] = []) async -> String {
      await site.answer(PageRequest(path, query)).body
    }
    let (style, script) = (await body("/style.css"), await body("/figures.js"))
    let few = (1...4).map { (name: "run", value: "run-\($0)") }
    let all = (1...50).map { (name: "run", value: "run-\($0)") }
    var files: [String] = []
    for (name, path, query) in [
      ("list", "/", []), ("run", "/run", [(name: "path", value: "run-3")]),
      ("few", "/compare", few), ("all", "/compare", all),
    ] {
      // A file has its parts in it, and asks nobody for news.
      let page = await body(path, query)
        .replacing("<link rel=\"stylesheet\" href=\"/style.css\">", with: "<style>\(style)</style>")
        .replacing("<script src=\"/live.js\" defer></script>", with: "")
        .replacing("<script src=\"/figures.js\" defer></script>", with: "")
        .replacing("</body>", with: "<script>\(script)</script></body>")
      #expect(!page.contains("src=\"/"))
      let file = folder.appending(path: "\(name).html")
      try page.write(to: file, atomically: false, encoding: .utf8)
      files.append(file.path())
    }
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", Self.script.path()] + files
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // 77 and 127: there is no Chromium, or no Python.
    #expect(
      [0, 77, 127].contains(process.terminationStatus), "\(String(decoding: data, as: UTF8.self))")
  }
}
