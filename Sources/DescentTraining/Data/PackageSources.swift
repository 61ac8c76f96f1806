import Foundation

/// The package's own Swift sources as one text: something to train a language model on when no
/// other text is at hand.
public enum PackageSources {
  /// All Swift files below `Sources/`, in the order of their paths, joined by line breaks.
  ///
  /// They are found where they were when the package was compiled. Throws `.missingFile` if they
  /// are not there any more.
  public static func text() throws(DataError) -> String {
    try text(under: folder(of: #filePath))
  }

  /// `Sources/`, three levels above this file.
  private static func folder(of file: String) -> String {
    URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
  }

  package static func text(under folder: String) throws(DataError) -> String {
    let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let paths = all.filter { $0.hasSuffix(".swift") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    if paths.isEmpty {
      throw DataError.missingFile(
        path: folder + "/*.swift",
        advice: "the package's sources are not on this machine, so set data.path to a text file")
    }
    var texts: [String] = []
    for path in paths {
      let bytes = try DataFile.read(folder + "/" + path)
      texts.append(String(decoding: bytes, as: UTF8.self))
    }
    return texts.joined(separator: "\n")
  }
}
