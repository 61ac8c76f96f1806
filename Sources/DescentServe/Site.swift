import DescentLab
public import DescentTraining
import Foundation

/// The pages about the runs in a folder.
///
/// Nothing of a request becomes a path: runs are looked up in the index by the names that they have
/// there.
public actor Site {
  private var index: RunIndex
  private var shelf = RunShelf()
  /// Pages that were made, by what is asked for.
  private var pages: [String: (version: String, title: String, fragment: String)] = [:]
  private let folder: String
  private var worker: Task<Void, Never>?
  /// Tells the versions of this server's pages from those of one before it.
  private let start = String(UInt64.random(in: 0 ... .max), radix: 36)

  /// The pages about the runs in `folder`.
  ///
  /// - Throws: `DataError` where there is no folder.
  public init(folder: String) throws(DataError) {
    index = try RunIndex(root: folder)
    let name = URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent
    self.folder = name.isEmpty ? folder : name
  }

  /// Answers a request.
  public func answer(_ request: PageRequest) async -> PageResponse {
    switch request.path {
    case "/", "/index.html": return list(request)
    case "/runs.json": return await listJSON(request)
    case "/run": return runs(request.all("path"), request)
    case "/compare": return runs(request.all("run"), request)
    case "/run.json": return runs(request.all("path") + request.all("run"), request)
    case "/figures.js": return asset(Document.script, "text/javascript; charset=utf-8")
    case "/live.js": return asset(LiveScript.text, "text/javascript; charset=utf-8")
    case "/style.css":
      return asset(Document.style + LiveStyle.css, "text/css; charset=utf-8")
    default: return missing(request, "There is no page here.")
    }
  }

  private func asset(_ text: String, _ type: String) -> PageResponse {
    PageResponse(type: type, body: text)
  }

  // MARK: The list

  private func refresh() {
    index.refresh(after: .milliseconds(500))
    work()
  }

  private func list(_ request: PageRequest) -> PageResponse {
    refresh()
    let version = "\"\(start)-\(index.version)\""
    if request.isPart, request.knownVersion == version { return .unchanged(version) }
    let page = ListPage(
      runs: index.runs, query: request.search, folder: folder, limitation: index.limitation)
    return answer(request, page.title, head: page.head, page.fragment, version)
  }

  private func listJSON(_ request: PageRequest) async -> PageResponse {
    refresh()
    // A program asks once, and a page again and again.
    let end = ContinuousClock.now + .seconds(20)
    while worker != nil, .now < end { try? await Task.sleep(for: .milliseconds(5)) }
    let runs = request.search.apply(to: index.runs)
    return json([
      "folder": .text(folder), "complete": .flag(worker == nil),
      "limitation": index.limitation.map(JSONValue.text) ?? .null,
      "runs": .array(runs.map(\.json)),
    ])
  }

  private func json(_ value: JSONValue, status: Int = 200) -> PageResponse {
    PageResponse(
      status: status, type: "application/json; charset=utf-8", body: value.text + "\n")
  }

  // MARK: Runs

  private func runs(_ asked: [String], _ request: PageRequest) -> PageResponse {
    refresh()
    var paths: [String] = []
    for path in asked where !paths.contains(path) && paths.count < RunPages.most {
      paths.append(path)
    }
    guard !paths.isEmpty else {
      return missing(request, "No run is chosen. Tick runs in the list to compare them.")
    }
    var (found, troubles, reports): ([RunSummary], [String], [ReportRun]) = ([], [], [])
    if asked.count > RunPages.most {
      troubles.append("Only the first \(RunPages.most) runs are shown.")
    }
    var editions = Hasher()
    for path in paths {
      guard index.contains(path) else {
        troubles.append(gone(path))
        continue
      }
      do {
        let (runs, edition) = try shelf.runs(path, in: index)
        editions.combine(path)
        editions.combine(edition)
        reports += runs
        if let summary = index[path] { found.append(summary) }
      } catch {
        // It may have been deleted since the list was made.
        let isThere = FileManager.default.fileExists(atPath: index.place(of: path))
        troubles.append(isThere ? "\(path) cannot be read: \(error)" : gone(path))
      }
    }
    if troubles.count == paths.count {
      return missing(request, troubles.joined(separator: " "))
    }
    editions.combine(troubles)
    editions.combine(found.map { "\($0.state) \($0.step)" })
    let key = paths.joined(separator: "\n")
    let version = "\"\(start)-\(String(UInt(bitPattern: editions.finalize()), radix: 36))\""
    if request.isPart, request.knownVersion == version { return .unchanged(version) }
    let made = RunPages(summaries: found, troubles: troubles, report: Report(reports))
    if request.path.hasSuffix(".json") { return json(made.json) }
    if let page = pages[key], page.version == version {
      return answer(request, page.title, head: RunPages.head, page.fragment, version)
    }
    let page = (version: version, title: made.title, fragment: made.fragment)
    if pages.count >= 16, let other = pages.keys.first { pages[other] = nil }
    pages[key] = page
    return answer(request, page.title, head: RunPages.head, page.fragment, version)
  }

  private func gone(_ path: String) -> String {
    "\(path) is not there: it was deleted or moved, or is no run."
  }

  // MARK: Pages

  /// A whole page, or what a page that is shown replaces its contents with.
  private func answer(
    _ request: PageRequest, _ title: String, head: String = "", _ fragment: String,
    _ version: String?, status: Int = 200
  ) -> PageResponse {
    let body =
      request.isPart
      ? fragment : Shell(title: title, head: head, fragment: fragment, version: version).html
    return PageResponse(status: status, body: body, version: version)
  }

  private func missing(_ request: PageRequest, _ sentence: String) -> PageResponse {
    if request.path.hasSuffix(".json") { return json(["error": .text(sentence)], status: 404) }
    // The page shows it above what it has; an error would be one in the browser's console, too.
    if request.isPart { return .plain(200, sentence) }
    let html = "<h1>\(sentence.escaped)</h1>\n<p><a href=\"/\">All runs</a></p>\n"
    return answer(request, sentence, html, nil, status: 404)
  }

  // MARK: Work for when there is time

  /// Does what takes longer than a list may, one thing after another beside the requests.
  private func work() {
    guard worker == nil, let first = index.task() else { return }
    worker = Task.detached(executorPreference: QueueExecutor.search, priority: .utility) {
      [weak self] in
      var next: RunIndex.Task? = first
      while let task = next { next = await self?.take(task.run()) }
      await self?.rest()
    }
  }

  private func take(_ result: RunIndex.Task.Result) -> RunIndex.Task? {
    index.take(result)
    return index.task()
  }

  private func rest() { worker = nil }
}

extension PageRequest {
  /// Whether only what a page shows is asked for.
  var isPart: Bool { self["part"] != nil }

  /// What is searched for.
  var search: RunQuery {
    RunQuery(
      self["q"] ?? "", order: self["sort"].flatMap(RunQuery.Order.init) ?? .state,
      isReversed: self["reverse"] == "1")
  }
}

extension PageResponse {
  /// The browser has this version.
  static func unchanged(_ version: String) -> PageResponse {
    PageResponse(status: 304, version: version)
  }
}

/// What all pages share.
struct Shell {
  let title: String
  let head: String
  let fragment: String
  let version: String?

  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/style.css">
    <title>\(title.escaped)</title>
    <script src="/live.js" defer></script>
    <script src="/figures.js" defer></script>
    </head>
    <body>
    <header>\(head)<p id="banner" role="status" hidden></p></header>
    <main id="live" data-version="\((version ?? "").escaped)">
    \(fragment)</main>
    </body>
    </html>

    """
  }
}
