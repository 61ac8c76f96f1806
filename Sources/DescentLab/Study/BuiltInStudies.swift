import DescentTraining
import Foundation

/// The studies that come with the package, one YAML file each.
public enum BuiltInStudies {
  /// Each study's name and question, sorted by name.
  public static var list: [(name: String, question: String)] {
    files.map { file in
      let text = (try? Recipe.text(of: file.path)) ?? ""
      let question: String
      if case .text(let asked)? = (try? YAMLValue(yaml: text))?["question"] {
        question = asked
      } else {
        question = ""
      }
      return (file.deletingPathExtension().lastPathComponent, question)
    }
  }

  /// The file of the study called `name`, or nil.
  public static func file(_ name: String) -> String? {
    files.first { $0.deletingPathExtension().lastPathComponent == name }?.path
  }

  private static var files: [URL] {
    let all = (try? PackageResource.path("studies")).flatMap {
      try? FileManager.default.contentsOfDirectory(
        at: URL(filePath: $0), includingPropertiesForKeys: nil)
    }
    return (all ?? []).filter { $0.pathExtension == "yaml" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }
}
