import Foundation

/// A folder with the four files of MNIST and its successors, plain or packed by gzip.
struct IDXFolder {
  let images: String
  let labels: String
  let testImages: String
  let testLabels: String

  /// The files in the folder `path`.
  ///
  /// Throws `.missingFile` for the first that is not there, and `.malformed` for what is no folder.
  init(_ path: String) throws(DataError) {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .missingFile(path: path, advice: Self.advice)
    }
    guard isFolder.boolValue else {
      throw .malformed(path: path, expected: Self.content, found: "a file")
    }
    images = try Self.find("train-images", "idx3-ubyte", in: path)
    labels = try Self.find("train-labels", "idx1-ubyte", in: path)
    testImages = try Self.find("t10k-images", "idx3-ubyte", in: path)
    testLabels = try Self.find("t10k-labels", "idx1-ubyte", in: path)
  }

  private static let content =
    "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    + "t10k-labels-idx1-ubyte"
  private static let advice = "data.path takes \(content), plain or .gz"

  /// A file as it is named where MNIST comes from, or as some programs unpack it, with a dot.
  private static func find(
    _ name: String, _ kind: String, in folder: String
  ) throws(DataError) -> String {
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    let names = ["\(name)-\(kind)", "\(name).\(kind)"].flatMap { [$0, $0 + ".gz"] }
    guard let found = names.first(where: { FileManager.default.fileExists(atPath: base + $0) })
    else { throw .missingFile(path: base + names[0], advice: advice) }
    return base + found
  }
}
