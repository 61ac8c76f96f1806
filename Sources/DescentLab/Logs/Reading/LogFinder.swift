import DescentCompute
import DescentFiles
import DescentTraining
import Foundation

/// Finds what logs a path leads to.
struct LogFinder {
  private(set) var found: [(path: String, source: any LogSource)] = []
  /// What may be missing, and why: sentences.
  private(set) var missing: [String] = []
  /// The first thing that cannot be read.
  private var failure: DataError?
  private var looked = 0
  /// The folders that were looked into, links followed.
  private var seen: Set<String> = []

  /// Folders within one another beyond this are not looked into, nor more entries than this.
  private static let (deepest, most) = (8, 20_000)
  /// The most tables of one folder.
  private static let mostTables = 1_000

  private struct Folder {
    let path: String
    /// Its path from the one that was asked for; empty for that one.
    let name: String
    let files: [String]
    let folders: [String]
  }

  /// - Throws: `DataError` where nothing is, or nothing that fits.
  init(_ path: String) throws(DataError) {
    if path.isEmpty { throw .unreadable(path: "''", reason: "its name is empty") }
    var isFolder = ObjCBool(false)
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .missingFile(path: path, advice: "give a run, its folder, or a log")
    }
    let name = Self.lastName(path)
    guard isFolder.boolValue else {
      try addFile(path)
      return
    }
    let folder = try Self.list(path, name: "")
    try look(into: folder, root: name, depth: 0)
    if found.isEmpty {
      if let failure { throw failure }
      throw .unsuitable(
        "\(path) holds no run: there is no recipe.yaml with metrics.jsonl, no trainer_state.json, no "
          + "event files of TensorBoard and no table or JSON lines with numbers in it")
    }
  }

  /// The last part of a path that is a name.
  static func lastName(_ path: String) -> String {
    let name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
    return name.isEmpty ? path : name
  }

  // MARK: Files

  private mutating func addFile(_ path: String) throws(DataError) {
    let file = Self.lastName(path)
    let kind = try LogKind.of(path)
    if case .none(let reason) = kind {
      throw .malformed(
        path: path,
        expected: "a log: a table with named columns, JSON lines, trainer_state.json or an event "
          + "file of TensorBoard", found: "none of these (\(reason))")
    }
    guard let source = Self.source(kind, path, name: Self.title(file, of: path), file: file) else {
      throw .unsuitable("\(path) is empty")
    }
    found.append((path, source))
  }

  /// Names of event files and of files that every run has say less than that of their folder.
  private static func title(_ file: String, of path: String) -> String {
    let generic: Set = [
      "metrics.jsonl", "trainer_state.json", "metrics.csv", "results.csv", "log.csv", "history.csv",
      "progress.csv", "log.jsonl", "train.jsonl", "log.txt", "history.json", "training_log.csv",
    ]
    guard isEventFile(file) || generic.contains(file.lowercased()) else {
      return file.lastIndex(of: ".").map { String(file[..<$0]) }.flatMap { $0.isEmpty ? nil : $0 }
        ?? file
    }
    let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent()
    return folder.lastPathComponent == "/" ? file : folder.lastPathComponent
  }

  private static func source(
    _ kind: LogKind, _ path: String, name: String, file: String
  ) -> (any LogSource)? {
    switch kind {
    case .events: EventLog(name: name, path: path) { [path] }
    case .lines: FileSource(name: name, path: path) { JSONLines() }
    case .document: JSONDocument(name: name, path: path)
    case .table(let dialect):
      FileSource(name: name, path: path) { CSVLog(dialect, fileName: file) }
    case .empty:
      // A writer opens its file before it has anything to say.
      isEventFile(file)
        ? EventLog(name: name, path: path) { [path] }
        : file == "metrics.jsonl" ? FileSource(name: name, path: path) { JSONLines() } : nil
    case .none: nil
    }
  }

  /// Whether a name is that of an event file of TensorBoard.
  static func isEventFile(_ name: String) -> Bool { name.contains(".tfevents.") }

  // MARK: Folders

  private static func list(_ path: String, name: String) throws(DataError) -> Folder {
    let entries: [String]
    do { entries = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
      throw .unsuitable("the folder \(path) cannot be read: \(SystemReason.of(error))")
    }
    var (files, folders): ([String], [String]) = ([], [])
    for entry in entries.sorted(by: { $0.isBefore($1) })
    where !entry.hasPrefix(".") {
      var isFolder = ObjCBool(false)
      let there = unsafe FileManager.default.fileExists(
        atPath: "\(path)/\(entry)", isDirectory: &isFolder)
      if there { if isFolder.boolValue { folders.append(entry) } else { files.append(entry) } }
    }
    return Folder(path: path, name: name, files: files, folders: folders)
  }

  private mutating func look(
    into folder: Folder, root: String, depth: Int
  ) throws(DataError) {
    // A link may lead back.
    let place = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
    guard seen.insert(place).inserted else { return }
    looked += 1 + folder.files.count + folder.folders.count
    let name = folder.name.isEmpty ? root : folder.name
    let before = found.count
    if folder.files.contains("recipe.yaml") || folder.files.contains("metrics.jsonl") {
      if let run = ownRun(folder, name) { return found.append((folder.path, run)) }
    }
    if let state = Self.trainerState(folder) {
      return found.append((state, JSONDocument(name: name, path: state)))
    }
    if folder.files.contains(where: Self.isEventFile) {
      let path = folder.path
      found.append(
        (
          path,
          EventLog(name: name, path: path) {
            let files = try? Self.list(path, name: "").files
            return (files ?? []).filter(Self.isEventFile).sorted().map { "\(path)/\($0)" }
          }
        ))
    } else {
      addTables(of: folder, name)
    }
    for child in folder.folders where child != "checkpoints" {
      if depth >= Self.deepest {
        say("folders more than \(Self.deepest) deep were not looked into.")
        break
      } else if looked > Self.most {
        say("only the first \(Amount.count(Self.most)) files and folders were looked at.")
        break
      }
      let name = folder.name.isEmpty ? child : "\(folder.name)/\(child)"
      // A folder that cannot be listed hides nothing of the others.
      if let inner = read({ () throws(DataError) in
        try Self.list("\(folder.path)/\(child)", name: name)
      }) {
        try look(into: inner, root: root, depth: depth + 1)
      }
    }
    // A single run is named by what was asked for.
    if depth == 0, found.count == before + 1 { found[before].source.name = root }
  }

  /// What `body` reads; nil where it cannot be read, which is said.
  private mutating func read<Value>(_ body: () throws(DataError) -> Value) -> Value? {
    do throws(DataError) { return try body() } catch {
      failure = failure ?? error
      say("\(error)")
      return nil
    }
  }

  /// Says once what may be missing.
  private mutating func say(_ what: String) {
    let sentence = "Beside it, \(what)"
    if !missing.contains(sentence) { missing.append(sentence) }
  }

  private mutating func ownRun(_ folder: Folder, _ name: String) -> (any LogSource)? {
    if folder.files.contains("recipe.yaml") {
      return read { () throws(DataError) in try DescentRun(name: name, path: folder.path) }
    }
    let path = "\(folder.path)/metrics.jsonl"
    return read { () throws(DataError) in try LogKind.of(path) }.flatMap {
      Self.source($0, path, name: name, file: "metrics.jsonl")
    }
  }

  /// Tables and JSON lines that lie in a folder: only those that are logs by what they hold.
  private mutating func addTables(of folder: Folder, _ name: String) {
    let files = folder.files.filter { file in
      ["csv", "tsv", "jsonl", "ndjson"].contains { file.lowercased().hasSuffix(".\($0)") }
    }
    var logs: [(file: String, kind: LogKind)] = []
    if files.count > Self.mostTables {
      say("only the first \(Amount.count(Self.mostTables)) tables of \(folder.path) were read.")
    }
    for file in files.prefix(Self.mostTables) {
      switch read({ () throws(DataError) in try LogKind.of("\(folder.path)/\(file)") }) {
      case .table(let dialect): logs.append((file, .table(dialect)))
      case .lines: logs.append((file, .lines))
      default: break
      }
    }
    for (file, kind) in logs {
      let path = "\(folder.path)/\(file)"
      let stem = Self.title(file, of: "x/\(file)")
      let own = stem == "x" ? name : folder.name.isEmpty ? stem : "\(folder.name)/\(stem)"
      if let source = Self.source(kind, path, name: own, file: file) {
        found.append((path, source))
      }
    }
  }

  /// Hugging Face's state in a folder or in its checkpoints: that of the most steps.
  private static func trainerState(_ folder: Folder) -> String? {
    let file = "trainer_state.json"
    let checkpoints = folder.folders.compactMap { name -> (Int, String)? in
      guard name.hasPrefix("checkpoint-"), let step = Int(name.dropFirst(11)) else { return nil }
      let path = "\(folder.path)/\(name)/\(file)"
      return FileManager.default.fileExists(atPath: path) ? (step, path) : nil
    }
    let newest = checkpoints.max { $0.0 < $1.0 }
    guard folder.files.contains(file) else { return newest?.1 }
    let own = "\(folder.path)/\(file)"
    guard let newest else { return own }
    let document = JSONDocument(name: "", path: own)
    _ = try? document.refresh()
    return (document.logs.first?.lastStep ?? 0) >= newest.0 ? own : newest.1
  }
}
