import Descent
import DescentLab
import Foundation

/// The list of runs.
struct ListPage {
  let runs: [RunSummary]
  let query: RunQuery
  /// The name of the folder.
  let folder: String
  /// Why runs may be missing.
  let limitation: String?
  var now = Date()

  var title: String { "Runs in \(folder)/" }

  /// What stands above the list and does not change with it.
  var head: String {
    """
    <h1>\(title.escaped)</h1>
    <form id="search" role="search" action="/" method="get">
    <label for="q">Search</label>
    <input id="q" name="q" type="search" value="\(query.text.escaped)" autocomplete="off" \
    placeholder="gpt optimizer.name:lion lr:&gt;1e-4" aria-describedby="hint">
    \(order)
    <button>Search</button>
    </form>
    <p id="hint" class="hint">Words, or keys of the recipe: optimizer.name:lion, lr:3e-4, \
    val_loss:&lt;1.5, state:running; -word leaves out.</p>
    <form id="compare" action="/compare" method="get"><button>Compare the chosen runs</button></form>

    """
  }

  /// The order of the list, which a search keeps.
  private var order: String {
    func field(_ name: String, _ value: String) -> String {
      "<input type=\"hidden\" name=\"\(name)\" value=\"\(value)\">"
    }
    return (query.order == .state ? "" : field("sort", query.order.rawValue))
      + (query.isReversed ? field("reverse", "1") : "")
  }

  /// The list.
  var fragment: String {
    let shown = query.apply(to: runs)
    var html = "<p id=\"count\" data-title=\"\(title.escaped)\">\(count(of: shown).escaped)</p>\n"
    if let limitation { html += "<p class=\"hint\">\(limitation.escaped)</p>\n" }
    guard !shown.isEmpty else { return html }
    html += "<div class=\"wide\"><table class=\"runs\"><thead><tr><th scope=\"col\"></th>"
    for column in Self.columns { html += heading(column) }
    html += "</tr></thead><tbody>\n"
    for run in shown { html += row(run) }
    return html + "</tbody></table></div>\n"
  }

  private func count(of shown: [RunSummary]) -> String {
    if runs.isEmpty { return "There are no runs here yet. They are listed as soon as there are." }
    let running = runs.count { $0.state == .running }
    let all =
      "\(counted(runs.count, "run")), " + (running == 0 ? "none" : grouped(running))
      + " running now"
    if query.text.isEmpty { return all + "." }
    if shown.isEmpty { return "No run has “\(query.text)”; there are \(all)." }
    return "\(grouped(shown.count)) of \(all)."
  }

  // MARK: Columns

  private struct Column {
    let order: RunQuery.Order
    let title: String
    var css = ""
    /// Whether it begins with the largest.
    var isDescending = false
  }

  private static let columns = [
    Column(order: .name, title: "run"), Column(order: .state, title: "state"),
    Column(order: .step, title: "steps", css: "right", isDescending: true),
    Column(order: .loss, title: "loss", css: "right"),
    Column(order: .validationLoss, title: "validation", css: "right"),
    Column(order: .best, title: "best", css: "right more"),
    Column(order: .recipe, title: "recipe", css: "more"),
    Column(order: .optimizer, title: "optimizer"),
    Column(order: .left, title: "time left", css: "right more"),
    Column(order: .changed, title: "changed", css: "right", isDescending: true),
  ]

  private func heading(_ column: Column) -> String {
    let isCurrent = column.order == query.order
    var fields = [("sort", column.order.rawValue)]
    if !query.text.isEmpty { fields.append(("q", query.text)) }
    if isCurrent, !query.isReversed { fields.append(("reverse", "1")) }
    let isDown = column.isDescending != query.isReversed
    let sort = isCurrent ? " aria-sort=\"\(isDown ? "descending" : "ascending")\"" : ""
    let arrow = isCurrent ? (isDown ? " ↓" : " ↑") : ""
    return "<th scope=\"col\" class=\"\(column.css)\"\(sort)>"
      + "<a href=\"\(Address.of("/", fields).escaped)\">\(column.title)\(arrow)</a></th>"
  }

  private func row(_ run: RunSummary) -> String {
    let path = run.path.escaped
    let style = NumberStyle.significant(4)
    func number(_ x: Double?) -> String { x.map { style.text($0) } ?? "" }
    var best = number(run.best?.loss)
    if let step = run.best?.step { best += "<small> at \(grouped(step))</small>" }
    if !run.isComplete { best += " …" }
    let cells: [(css: String, html: String)] = [
      ("", "<a href=\"\(Address.run(run.path).escaped)\">\(run.name.escaped)</a>"),
      ("", StateLine.badge(run.state)),
      ("right", StateLine.steps(run) + StateLine.bar(run)),
      ("right", number(run.loss)), ("right", number(run.validationLoss)), ("right more", best),
      ("more", run.recipe.escaped), ("", run.optimizer.escaped),
      ("right more", run.secondsLeft.map { clock($0) } ?? ""),
      ("right", StateLine.age(run.changed, now)),
    ]
    return "<tr data-key=\"\(path)\"><td><input type=\"checkbox\" name=\"run\" form=\"compare\" "
      + "value=\"\(path)\" aria-label=\"choose \(path)\"></td>"
      + cells.map {
        $0.css.isEmpty ? "<td>\($0.html)</td>" : "<td class=\"\($0.css)\">\($0.html)</td>"
      }
      .joined() + "</tr>\n"
  }
}

/// How it stands with a run, in HTML.
enum StateLine {
  static func badge(_ state: RunState) -> String {
    let css = state.rawValue.split(separator: " ").joined(separator: "-")
    return "<span class=\"state \(css)\">\(state.rawValue)</span>"
  }

  static func steps(_ run: RunSummary) -> String {
    run.steps.map { "\(grouped(run.step)) of \(grouped($0))" } ?? grouped(run.step)
  }

  static func bar(_ run: RunSummary) -> String {
    guard run.state == .running, let progress = run.progress else { return "" }
    return "<progress max=\"1\" value=\"\(fixed(progress, 3))\">\(percent(progress, 0))</progress>"
  }

  /// How long ago; the page's script keeps it true.
  static func age(_ date: Date, _ now: Date) -> String {
    let seconds = max(0, now.timeIntervalSince(date))
    return "<time datetime=\"\(date.ISO8601Format())\">\(age(seconds: seconds))</time>"
  }

  static func age(seconds: Double) -> String {
    switch seconds {
    case ..<60: "just now"
    case ..<3_600: "\(Int(seconds / 60)) min ago"
    case ..<86_400: "\(Int(seconds / 3_600)) h ago"
    default: counted(Int(seconds / 86_400), "day") + " ago"
    }
  }
}

/// Addresses of pages.
enum Address {
  static func run(_ path: String) -> String { of("/run", [("path", path)]) }

  static func of(_ path: String, _ fields: [(String, String)]) -> String {
    let query = fields.map { "\(encoded($0))=\(encoded($1))" }.joined(separator: "&")
    return query.isEmpty ? path : "\(path)?\(query)"
  }

  private static func encoded(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
  }

  private static let allowed = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:<>")
}
