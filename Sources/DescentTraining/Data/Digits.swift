import Foundation

/// Handwritten digits: 1,797 grey images of 8 x 8 pixels in 10 classes, shipped with the package.
///
/// Every pixel counts the ink of a block of 4 x 4 points of the scan, 0 ... 16. See the resource
/// `digits/ATTRIBUTION.md` for the authors and the licence (CC BY 4.0).
public enum Digits {
  /// Loads the digits as images of shape [1, 8, 8] with pixels scaled to 0 ... 1.
  ///
  /// Throws `.missingFile` if the package's resource folder is not where the program is.
  public static func load() throws(DataError) -> ClassificationDataset {
    let table = try CSV.load(path: try path(in: folders), label: .named("digit"))
    return try ClassificationDataset(
      features: table.features, shape: [1, 8, 8], labels: table.labels, classes: table.classes,
      classNames: table.classNames
    ).scaled(by: 1 / 16)
  }

  /// Where the package manager puts resources, and last the sources that they come from.
  ///
  /// `Bundle.module` looks in the same places, but ends the program where it finds nothing, such
  /// as after a program was moved without its resources.
  private static var folders: [String] {
    let bundles = [Bundle.main.bundleURL, Bundle.main.resourceURL].compactMap(\.self).flatMap {
      url in
      ["resources", "bundle"].map { url.appending(path: "Descent_DescentTraining.\($0)").path }
    }
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return bundles + [sources.appending(path: "Resources").path]
  }

  package static func path(in folders: [String]) throws(DataError) -> String {
    let paths = folders.map { $0 + "/digits/digits.csv" }
    guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw DataError.missingFile(
        path: paths[0], advice: "copy the package's resource folder to where the program is")
    }
    return path
  }
}
