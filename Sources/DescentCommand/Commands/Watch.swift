import ArgumentParser
import Descent
import DescentLab
import DescentTraining
import Foundation

/// `descent watch`
struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Follow a run in the terminal.",
    discussion: """
      Shows how far the run is, its loss and its learning rate, and draws them again as it goes on, \
      until it ends; q or Ctrl-C ends it before. Where the output is no terminal, it is a line now \
      and then. Any log that `descent report` reads can be followed.

        descent watch runs/gpt-1
        descent watch runs/gpt-1 --once
      """)

  @Argument(help: ArgumentHelp("The log of a run.", valueName: "run"), completion: .file())
  var path: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Seconds between two looks (default: 1; 10 where the output is no terminal).",
      valueName: "seconds"))
  var every: Double?

  @Flag(help: "Show it once.")
  var once = false

  func validate() throws {
    if let every, !(0.1...86_400).contains(every) {
      throw ValidationError("--every must be from 0.1 to 86400 seconds")
    }
  }

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    try reportingErrors {
      var watched = try WatchedRun(path)
      try watched.refresh()
      if once { return show(watched.page) }
      if Terminal.redraws { try redraw(&watched) } else { try lines(&watched) }
      if watched.isGone { throw DataError.missingFile(path: path, advice: "the run was deleted") }
    }
  }

  /// A picture that stays.
  private func show(_ page: WatchPage) {
    let lines = page.text(
      columns: Terminal.width ?? 80, rows: Terminal.isPresent ? 60 : 80,
      isColored: Terminal.isColored)
    output(lines.joined(separator: "\n"))
  }

  private func redraw(_ watched: inout WatchedRun) throws {
    do {
      let screen = Screen()
      var (size, next) = ((columns: 0, rows: 0), ContinuousClock.now)
      while !Interrupt.requested, StandardOutput.failure == nil {
        var isDue = false
        if next <= .now {
          isDue = try watched.refresh()
          next = .now + .seconds(every ?? 1)
          if watched.hasEnded || watched.isGone { break }
        }
        let now = Screen.size
        if isDue || now != size {
          size = now
          screen.draw(
            watched.page.text(
              columns: size.columns, rows: size.rows, isColored: Terminal.isColored))
        }
        if screen.wait() { break }
      }
    }
    show(watched.page)
  }

  private func lines(_ watched: inout WatchedRun) throws {
    var last = ""
    while !Interrupt.requested, StandardOutput.failure == nil {
      if watched.page.line != last {
        last = watched.page.line
        output(last)
      }
      if watched.hasEnded || watched.isGone { return }
      let next = ContinuousClock.now + .seconds(every ?? 10)
      // The end of a run is told at once.
      var look = ContinuousClock.now + .seconds(1)
      while next > .now, !Interrupt.requested, !watched.hasEnded, !watched.isGone {
        usleep(100_000)
        guard look <= .now else { continue }
        try watched.refresh()
        look = .now + .seconds(1)
      }
      try watched.refresh()
    }
  }
}

/// A run that somebody follows.
private struct WatchedRun {
  let path: String
  private(set) var page: WatchPage
  /// Whether it is not there any more.
  private(set) var isGone = false
  private var index: RunIndex?
  private var reader: RunLogReader?
  /// Since when it does not go on.
  private var ended: ContinuousClock.Instant?

  /// A run that was resumed within this time has not ended.
  private static let grace = Duration.seconds(2)

  init(_ path: String) throws {
    self.path = path
    page = WatchPage(name: path, summary: nil, run: nil)
    if (try? RunDirectory(existing: path)) != nil
      || FileManager.default.fileExists(atPath: path + "/metrics.jsonl")
    {
      index = try RunIndex(root: path)
    } else {
      let reader = try RunLogReader(path: path)
      try reader.refresh()
      guard reader.logs.count <= 1 else { throw Self.choice(of: reader.logs, in: path) }
      self.reader = reader
    }
  }

  /// A picture has room for one run.
  private static func choice(of logs: [RunLog], in path: String) -> ValidationError {
    let shown = logs.prefix(3).map { $0.name }.joined(separator: ", ")
    let rest = logs.count > 3 ? ", …" : ""
    return ValidationError(
      "\(path) has \(counted(logs.count, "run")) (\(shown)\(rest)); give the path of one of them, "
        + "or see them all with descent serve \(path)")
  }

  /// Whether it has ended.
  var hasEnded: Bool {
    guard let ended else { return false }
    return page.summary?.state == .finished || ended.duration(to: .now) > Self.grace
  }

  /// Reads what was added; whether anything was.
  @discardableResult
  mutating func refresh() throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else {
      isGone = true
      return false
    }
    let before = page.summary
    index?.refresh()
    while let task = index?.task() { index?.take(task.run()) }
    let summary = index?["."]
    if reader == nil, summary.map({ $0.step > 0 || $0.loss != nil }) ?? true {
      reader = try RunLogReader(path: path)
    }
    var hasChanged = summary != before
    do {
      if try reader?.refresh() ?? false { hasChanged = true }
    } catch {
      // Deleted in between.
      guard FileManager.default.fileExists(atPath: path) else {
        isGone = true
        return false
      }
      throw error
    }
    switch summary?.state {
    case .finished, .interrupted, .stopped: ended = ended ?? .now
    case .running, .waiting, .unknown, nil: ended = nil
    }
    if hasChanged {
      page = WatchPage(
        name: path, summary: summary, run: reader?.logs.first.map(ReportRun.init))
    }
    return hasChanged
  }
}
