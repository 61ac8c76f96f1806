import Descent
import Foundation
import Testing

/// The package's own sources, as far as they lie beside the tests.
private enum Sources {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func swift(in folder: String) -> [(path: String, text: String)] {
    let folder = root.appendingPathComponent(folder).resolvingSymlinksInPath()
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
      .compactMap { url in
        (try? String(contentsOf: url, encoding: .utf8)).map { (url.path, $0) }
      }
  }

  static let descent = swift(in: "Sources/Descent")
}

@Suite("Sources", .enabled(if: !Sources.descent.isEmpty, "the sources do not lie beside the tests"))
struct SourceTests {
  /// What describes itself, by the name of its type.
  static let described: [(type: String, formula: String)] =
    Rules.all.map { ("\($0)", $0.about.formula) }
    + Schedules.all.map { ("\($0)", $0.about.formula) }
    + WeightAverages.all.map { ("\($0)", $0.about.formula) }

  /// The first fenced block of the documentation comment of a public structure.
  private func block(of type: String) -> String? {
    let lines = Sources.descent.lazy.compactMap { file -> [Substring]? in
      let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
      let name = "public struct \(type):"
      return lines.firstIndex { $0.hasPrefix(name) }.map { Array(lines[..<$0]) }
    }.first
    guard let lines else { return nil }
    let comment = lines.reversed().prefix { $0.hasPrefix("///") }.reversed()
      .map { $0.dropFirst(3).hasPrefix(" ") ? $0.dropFirst(4) : $0.dropFirst(3) }
    let fences = comment.indices.filter { comment[$0].hasPrefix("```") }
    guard fences.count >= 2 else { return nil }
    return comment[fences[0] + 1..<fences[1]].joined(separator: "\n")
  }

  @Test(
    "the documentation comment and the page have the same formula", arguments: described.indices)
  func formula(_ index: Int) {
    let (type, formula) = Self.described[index]
    #expect(block(of: type) == formula, "\(type)")
  }

  @Test("no letter needs a combining mark") func combiningMarks() {
    for folder in ["Sources", "Tests"] {
      for (path, text) in Sources.swift(in: folder) {
        let marks = text.unicodeScalars.filter {
          $0.properties.canonicalCombiningClass != .notReordered
        }
        #expect(marks.isEmpty, "\(path)")
      }
    }
  }
}
