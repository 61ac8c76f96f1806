import Descent
import DescentTraining
import Foundation

/// Finds the runs in a folder and in the folders within it.
///
/// A folder with a recipe or with metrics is a run, and nothing is looked for in it; a file is one when
/// its name says that it may be a log. Links are not followed, so what is found lies in the folder.
struct RunScan {
  /// A run, and what tells whether it has changed.
  struct Found: Equatable, Sendable {
    /// From the folder that is listed.
    let path: String
    /// What its name says that it is.
    let format: RunLog.Format
    /// Its numbers.
    var log: FileStamp?
    /// Its recipe.
    var recipe: FileStamp?
    /// Whether a process trains it.
    var isLocked = false
  }

  let root: String
  /// Why something may be missing: a sentence; nil otherwise.
  private(set) var limitation: String?
  private var folders: [String: Folder] = [:]
  /// Folders that the system does not let one look into.
  private var unreadable: [(path: String, reason: String)] = []

  /// What was in a folder the last time.
  private struct Folder {
    let stamp: FileStamp
    /// Whether the time of change was old enough that a later change would have another.
    let isSettled: Bool
    let names: [String]
  }

  /// Folders within one another, and runs, beyond which nothing is looked for.
  static let deepest = 8
  static let most = 10_000

  init(root: String) { self.root = root }

  /// All runs, in the order of their paths.
  mutating func run() -> [Found] {
    limitation = nil
    unreadable = []
    var (found, visited): ([Found], [String: Folder]) = ([], [:])
    var waiting: [(path: String, depth: Int)] = [(".", 0)]
    while let (path, depth) = waiting.popLast() {
      guard found.count < Self.most else {
        limitation = "Only the first \(grouped(Self.most)) runs are listed."
        break
      }
      guard let folder = look(into: path) else { continue }
      visited[path] = folder
      let names = Set(folder.names)
      if names.contains("metrics.jsonl") || names.contains("recipe.yaml") {
        found.append(run(path, names))
        continue
      }
      let events = folder.names.filter(LogFinder.isEventFile)
      if !events.isEmpty {
        let newest = events.compactMap { FileStamp(full(path, $0)) }.max { $0.time < $1.time }
        found.append(Found(path: path, format: .tensorBoard, log: newest))
      }
      for name in folder.names where !name.hasPrefix(".") && !LogFinder.isEventFile(name) {
        let inner = path == "." ? name : "\(path)/\(name)"
        if let format = Self.format(ofFile: name) {
          guard let stamp = FileStamp(full(path, name)), !stamp.isFolder else { continue }
          found.append(Found(path: inner, format: format, log: stamp))
        } else if !Self.isKnownFile(name), FileStamp(full(path, name))?.isFolder == true {
          guard depth < Self.deepest else {
            limitation = "Folders more than \(Self.deepest) deep are not looked into."
            continue
          }
          waiting.append((inner, depth + 1))
        }
      }
    }
    folders = visited
    if limitation == nil, let first = unreadable.first {
      let others = unreadable.count == 1 ? "" : ", nor \(counted(unreadable.count - 1, "other"))"
      limitation = "\(first.path) cannot be looked into\(others): \(first.reason)."
    }
    return found.sorted { $0.path < $1.path }
  }

  /// Where something lies, by its path from the folder that is listed.
  static func place(of path: String, in root: String) -> String {
    path == "." ? root : "\(root)/\(path)"
  }

  private func full(_ folder: String, _ name: String) -> String {
    "\(Self.place(of: folder, in: root))/\(name)"
  }

  private mutating func look(into path: String) -> Folder? {
    let place = path == "." ? root + "/." : "\(root)/\(path)"
    guard let stamp = FileStamp(place) ?? FileStamp(path == "." ? root : place), stamp.isFolder
    else { return nil }
    if let known = folders[path], known.stamp == stamp, known.isSettled { return known }
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: place) } catch {
      // It may have been deleted just now.
      if FileStamp(place) != nil { unreadable.append((path, SystemReason.of(error))) }
      return nil
    }
    let age = Date().timeIntervalSince(stamp.date)
    return Folder(stamp: stamp, isSettled: age > 2, names: names.sorted())
  }

  private func run(_ path: String, _ names: Set<String>) -> Found {
    var run = Found(path: path, format: .descent)
    if names.contains("metrics.jsonl") { run.log = FileStamp(full(path, "metrics.jsonl")) }
    if names.contains("recipe.yaml") { run.recipe = FileStamp(full(path, "recipe.yaml")) }
    if names.contains(".lock") {
      let directory = try? RunDirectory(existing: Self.place(of: path, in: root))
      run.isLocked = directory?.isTrained ?? false
    }
    return run
  }

  /// What a file of this name may be; nil for one that is no log.
  private static func format(ofFile name: String) -> RunLog.Format? {
    if name == "trainer_state.json" { return .trainerState }
    if name.hasSuffix(".csv") || name.hasSuffix(".tsv") { return .csv }
    return name.hasSuffix(".jsonl") ? .jsonLines : nil
  }

  /// Whether a name is that of a file that there are many of, so that nobody needs to ask the system.
  private static func isKnownFile(_ name: String) -> Bool {
    [".safetensors", ".json", ".html", ".svg", ".yaml", ".txt", ".png", ".log"].contains {
      name.hasSuffix($0)
    }
  }
}
