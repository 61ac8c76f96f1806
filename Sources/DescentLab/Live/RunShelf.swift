/// What was read of runs, kept for the next time that somebody looks at them.
///
/// Of a run that goes on the reader is kept, too, which then reads only what was added. Both are given
/// up again where there are too many.
public struct RunShelf {
  private var books: [String: Book] = [:]
  private var time = 0

  private struct Book {
    var stamp: RunStamp
    var runs: [ReportRun]
    var reader: RunLogReader?
    /// How often it was found changed.
    var edition: Int
    var used: Int
  }

  /// Runs, and readers with all numbers of a run, that are kept.
  private static let (mostRuns, mostReaders) = (400, 6)

  /// An empty one.
  public init() {}

  /// What a report takes of the run at a path of the index, and a number that grows with each change.
  ///
  /// - Throws: `DataError` where it cannot be read.
  public mutating func runs(_ path: String, in index: RunIndex) throws -> (
    runs: [ReportRun], edition: Int
  ) {
    time += 1
    guard let stamp = index.stamp(of: path) else {
      books[path] = nil
      return ([], 0)
    }
    if let book = books[path], book.stamp == stamp {
      books[path]?.used = time
      return (book.runs, book.edition)
    }
    let place = index.place(of: path)
    let reader = try books[path]?.reader ?? RunLogReader(path: place)
    let hasChanged = try reader.refresh()
    var runs = books[path]?.runs ?? []
    if hasChanged || runs.isEmpty {
      runs = reader.logs.map(ReportRun.init)
      // The names of the list, so that everyone knows which is which.
      for i in runs.indices where path != "." {
        runs[i].name = runs.count == 1 ? path : "\(path): \(runs[i].name)"
      }
    }
    let state = index[path]?.state
    let goesOn = state == .running || state == .waiting || state == nil
    let book = Book(
      stamp: stamp, runs: runs, reader: goesOn ? reader : nil,
      edition: (books[path]?.edition ?? 0) + 1, used: time)
    books[path] = book
    tidy()
    return (runs, book.edition)
  }

  private mutating func tidy() {
    let readers = books.filter { $0.value.reader != nil }
    if readers.count > Self.mostReaders,
      let oldest = readers.min(by: { $0.value.used < $1.value.used })
    {
      books[oldest.key]?.reader = nil
    }
    if books.count > Self.mostRuns, let oldest = books.min(by: { $0.value.used < $1.value.used }) {
      books[oldest.key] = nil
    }
  }
}
