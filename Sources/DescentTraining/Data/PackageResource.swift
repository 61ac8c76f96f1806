import Foundation

/// The files that come with the package.
package enum PackageResource {
  /// The path of the resource called `name`, such as `digits/digits.csv`.
  ///
  /// Throws `.missingFile` if the package's resource folder is not where the program is.
  package static func path(
    _ name: String, in folders: [String] = folders
  ) throws(DataError) -> String {
    let paths = folders.map { "\($0)/\(name)" }
    guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw DataError.missingFile(
        path: paths[0], advice: "copy the package's resource folder to where the program is")
    }
    return path
  }

  /// Where the package manager puts resources, and last the sources that they come from.
  ///
  /// `Bundle.module` looks in the same places, but ends the program where it finds nothing, such
  /// as after a program was moved without its resources.
  package static var folders: [String] {
    let bundles = [Bundle.main.bundleURL, Bundle.main.resourceURL].compactMap(\.self).flatMap {
      url in
      ["resources", "bundle"].map { url.appending(path: "Descent_DescentTraining.\($0)").path }
    }
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return bundles + [sources.appending(path: "Resources").path]
  }
}
