/// Reads the logs of runs, and what is added to them later.
public final class RunLogReader {
  /// Where the log lies.
  public let path: String
  /// What was read so far: one run, or several where a file has several.
  public private(set) var logs: [RunLog] = []

  /// Opens the log at `path`: a run directory, or a file of any ``RunLog/Format``; nothing is read
  /// yet.
  ///
  /// - Throws: `DataError` where there is none.
  public init(path: String) throws {
    self.path = path
  }

  /// Reads what was added since the last time.
  ///
  /// - Returns: whether anything was.
  /// - Throws: `DataError` where it cannot be read any more.
  @discardableResult
  public func refresh() throws -> Bool { false }
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
    }
  }
}
