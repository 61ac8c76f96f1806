import DescentTraining
import Foundation

/// Reads the logs of runs, and what is added to them later.
public final class RunLogReader {
  /// Where the log lies.
  public let path: String
  /// What was read so far: one run, or several where a file or a folder has several.
  public private(set) var logs: [RunLog] = []
  private var sources: [(path: String, source: any LogSource)]
  /// The files and the folders of runs that are read.
  public var files: [String] { sources.map(\.path) }
  private var isNew = true
  /// What of a folder may be missing.
  private var missing: [String]
  /// Those of the sources that could not be read the last time.
  private var failed: [String] = []

  /// Opens the log at `path`: a run directory, a file of any ``RunLog/Format``, or a folder of them;
  /// nothing is read yet but how files begin.
  ///
  /// - Throws: `DataError` where there is none.
  public init(path: String) throws {
    self.path = path
    let finder = try LogFinder(path)
    (sources, missing) = (finder.found, finder.missing)
  }

  /// Reads what was added since the last time. A file that was written anew, or shortened, is read
  /// from its beginning; folders are looked through again for runs that are new or gone.
  ///
  /// - Returns: whether anything was.
  /// - Throws: `DataError` where it cannot be read any more.
  @discardableResult
  public func refresh() throws -> Bool {
    var hasChanged = isNew
    if !isNew { hasChanged = try lookAgain() }
    isNew = false
    var (made, failures): ([RunLog], [(path: String, error: DataError)]) = ([], [])
    for (path, source) in sources {
      do throws(DataError) {
        hasChanged = try source.refresh() || hasChanged
      } catch { failures.append((path, error)) }
    }
    // Of several runs one may be gone.
    if let first = failures.first, failures.count == sources.count { throw first.error }
    guard hasChanged || failures.map(\.path) != failed else { return false }
    failed = failures.map(\.path)
    for (path, source) in sources {
      let failure = failures.first { $0.path == path }?.error
      made += source.logs.map { log in
        var log = log
        if let failure { log.notes.append("It cannot be read any more: \(failure)") }
        return log
      }
    }
    // A folder has files without numbers beside its logs.
    if made.count > 1 {
      let full = made.filter { !$0.tracks.isEmpty || $0.format == .descent }
      if !full.isEmpty { made = full }
    }
    if !made.isEmpty { made[0].notes += missing }
    logs = made.toldApart
    return true
  }

  /// Takes in the runs that a folder has got, and leaves out those that are gone.
  private func lookAgain() throws -> Bool {
    var isFolder = ObjCBool(false)
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
      isFolder.boolValue
    else { return false }
    let finder = try LogFinder(path)
    let found = finder.found
    guard found.map(\.path) != sources.map(\.path) || finder.missing != missing else {
      return false
    }
    missing = finder.missing
    let known = Dictionary(sources.map { ($0.path, $0.source) }) { first, _ in first }
    for (path, source) in found { known[path]?.name = source.name }
    sources = found.map { ($0.path, known[$0.path] ?? $0.source) }
    return true
  }
}

extension RunLog {
  /// The logs at `paths`, those of one name told apart.
  ///
  /// - Throws: `DataError` for the first path that holds none.
  public static func read(_ paths: [String]) throws -> [RunLog] {
    try paths.flatMap { path in
      let reader = try RunLogReader(path: path)
      try reader.refresh()
      return reader.logs
    }.toldApart
  }
}

/// What has a name, and a path that tells it apart from others of that name.
protocol NamedRun {
  var name: String { get set }
  var path: String { get }
}

extension RunLog: NamedRun {}

extension Array where Element: NamedRun {
  /// The same, where several have one name with as much of their paths as tells them apart.
  var toldApart: Self {
    var runs = self
    let groups = Dictionary(grouping: indices) { self[$0].name }
    for (name, same) in groups where same.count > 1 {
      let parts = same.map { self[$0].path.split(separator: "/").map(String.init) }
      // The parts that all paths begin with say nothing.
      let shortest = parts.map(\.count).min() ?? 0
      let common = (0..<shortest).prefix { index in
        parts.allSatisfy { $0[index] == parts[0][index] }
      }
      .count
      let isOnePath = Set(same.map { self[$0].path }).count == 1
      var used: Set<String> = []
      for (index, parts) in zip(same, parts) {
        // The last part stays; the root has none.
        let rest = parts.dropFirst(Swift.min(common, Swift.max(parts.count, 1) - 1))
          .joined(separator: "/")
        var own =
          isOnePath ? name : rest == name || rest.hasSuffix("/" + name) ? rest : "\(name) (\(rest))"
        var n = 2
        while !used.insert(own).inserted { (own, n) = ("\(name) (\(n))", n + 1) }
        runs[index].name = own
      }
    }
    return runs
  }
}
