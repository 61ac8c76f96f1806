import Foundation

/// The recipes that come with the package, one YAML file each, in a folder for each group; the first line
/// of a file is a comment that says what it trains.
public enum BuiltInRecipes {
  /// A recipe.
  public struct Entry: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The folder that it lies in: `language`, `images`.
    public let group: String
    /// What it trains, in a line.
    public let summary: String
    /// Its text.
    public let yaml: String
  }

  /// Every recipe, by group and name.
  public static let list: [Entry] = entries()

  /// The YAML of the recipe called `name`, or nil.
  public static func yaml(_ name: String) -> String? { list.first { $0.name == name }?.yaml }

  private static func entries() -> [Entry] {
    guard let root = try? PackageResource.path("recipes") else { return [] }
    let files = FileManager.default
    return names(in: root, files).flatMap { group in
      names(in: "\(root)/\(group)", files).filter { $0.hasSuffix(".yaml") }.compactMap { file in
        guard let yaml = try? Recipe.text(of: "\(root)/\(group)/\(file)") else { return nil }
        let first = yaml.prefix { $0 != "\n" }.drop { $0 == "#" || $0 == " " }
        return Entry(
          name: String(file.dropLast(".yaml".count)), group: group, summary: String(first),
          yaml: yaml)
      }
    }
  }

  private static func names(in folder: String, _ files: FileManager) -> [String] {
    ((try? files.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }
}
