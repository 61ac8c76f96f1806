import Foundation

/// The files that `data.path` or `data.test_path` names: one, or those of a folder.
struct TextFiles: Sendable {
  /// One of them.
  struct File: Sendable {
    let path: String
    /// Whether each line is a JSON object, by the file's name.
    let isJSONL: Bool
  }

  /// What was given.
  let path: String
  /// The files, in the order of their names.
  let files: [File]
  /// Those of a folder that are no texts, by their names in it.
  let leftOut: [String]
  /// Whether they are documents that stand for themselves, each with an end: lines of JSONL, or
  /// files of a folder; otherwise they are one text.
  let areDocuments: Bool

  /// The ends of names that a folder is searched for, each also with `.gz`.
  static let suffixes = [".txt", ".text", ".md", ".jsonl"]

  /// Finds them.
  ///
  /// Of a folder it takes the texts, those in folders within it too; what is hidden, a link to a
  /// folder, and whatever has another name is left out.
  ///
  /// Throws `.missingFile`, `.unreadable`, and `.malformed` for a folder without texts.
  init(_ path: String) throws(DataError) {
    self.path = path
    var isFolder: ObjCBool = false
    let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      let isJSONL = Self.isJSONL(path)
      (files, leftOut, areDocuments) = ([File(path: path, isJSONL: isJSONL)], [], isJSONL)
      return
    }
    var (texts, others): ([String], [String]) = ([], [])
    let root = path.hasSuffix("/") ? path : path + "/"
    func search(_ folder: String) throws(DataError) {
      let names: [String]
      do { names = try FileManager.default.contentsOfDirectory(atPath: root + folder) } catch {
        throw .unreadable(path: root + folder, reason: SystemReason.of(error))
      }
      for name in names where !name.hasPrefix(".") {
        let inner = folder + name
        if Self.isFolder(root + inner) {
          try search(inner + "/")
        } else if Self.isText(name), Self.isFile(root + inner) {
          texts.append(inner)
        } else {
          others.append(inner)
        }
      }
    }
    try search("")
    if texts.isEmpty {
      throw .malformed(
        path: path,
        expected: "a folder of texts (\(Self.suffixes.joined(separator: ", ")), also with .gz)",
        found: others.isEmpty
          ? "an empty folder" : "only other files, such as \(others.sorted()[0])")
    }
    func sorted(_ names: [String]) -> [String] {
      names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    files = sorted(texts).map { File(path: root + $0, isJSONL: Self.isJSONL($0)) }
    (leftOut, areDocuments) = (sorted(others), true)
  }

  private static func isJSONL(_ name: String) -> Bool {
    let name = name.lowercased()
    return name.hasSuffix(".jsonl") || name.hasSuffix(".jsonl.gz")
  }

  private static func isText(_ name: String) -> Bool {
    let name = name.lowercased()
    return suffixes.contains { name.hasSuffix($0) || name.hasSuffix($0 + ".gz") }
  }

  private static func mode(_ path: String, followsLinks: Bool) -> mode_t? {
    var status = stat()
    let failed = unsafe followsLinks ? stat(path, &status) : lstat(path, &status)
    return failed == 0 ? status.st_mode & S_IFMT : nil
  }

  // A link to a folder above would lead in a circle.
  private static func isFolder(_ path: String) -> Bool {
    mode(path, followsLinks: false) == S_IFDIR
  }

  private static func isFile(_ path: String) -> Bool {
    mode(path, followsLinks: true) == S_IFREG
  }

  /// What changes when one of the files does: their names, sizes and times of change.
  func addState(to hash: inout Fingerprint) throws(DataError) {
    hash.add("\(areDocuments) \(files.count)")
    for file in files {
      var status = stat()
      if unsafe stat(file.path, &status) != 0 { throw DataFile.failure(file.path) }
      #if canImport(Darwin)
      let time = status.st_mtimespec
      #else
      let time = status.st_mtim
      #endif
      hash.add("\(file.path.dropFirst(path.count)) \(status.st_size)")
      hash.add("\(time.tv_sec) \(time.tv_nsec)")
    }
  }
}
