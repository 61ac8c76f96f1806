import Foundation

/// The recipes that come with the package, one YAML file each; the first line of a file is a
/// comment that says what it trains.
public enum BuiltInRecipes {
  /// Each recipe's name and its one line, sorted by name.
  public static var list: [(name: String, summary: String)] {
    files.map { file in
      let text = (try? Recipe.text(of: file.path)) ?? ""
      let first = text.prefix { $0 != "\n" }.drop { $0 == "#" || $0 == " " }
      return (file.deletingPathExtension().lastPathComponent, String(first))
    }
  }

  /// The YAML of the recipe called `name`, or nil.
  public static func yaml(_ name: String) -> String? {
    files.first { $0.deletingPathExtension().lastPathComponent == name }
      .flatMap { try? Recipe.text(of: $0.path) }
  }

  private static var files: [URL] {
    let all = (try? PackageResource.path("recipes")).flatMap {
      try? FileManager.default.contentsOfDirectory(
        at: URL(filePath: $0), includingPropertiesForKeys: nil)
    }
    return (all ?? []).filter { $0.pathExtension == "yaml" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }
}
