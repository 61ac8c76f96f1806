import Descent
import DescentLab
import Foundation

/// The page of a run, and that of several laid over each other.
struct RunPages {
  /// The runs that are asked for and are there, by their paths.
  let summaries: [RunSummary]
  /// Those that are asked for and are gone, or cannot be read: a sentence each.
  let troubles: [String]
  let report: Report
  var now = Date()

  /// The most runs of one page.
  static let most = 100

  var title: String {
    if summaries.count == 1, let run = summaries.first {
      let share = run.state == .running ? run.progress.map { percent($0, 0) + " · " } ?? "" : ""
      return share + run.name
    }
    return report.title
  }

  static let head = "<p><a href=\"/\">All runs</a></p>\n"

  var fragment: String {
    var html = "<section id=\"status\" data-title=\"\(title.escaped)\">\n"
    for trouble in troubles { html += "<p class=\"trouble\">\(trouble.escaped)</p>\n" }
    if summaries.count == 1, let run = summaries.first { html += status(run) }
    html += "</section>\n"
    if summaries.count == 1, report.isEmpty {
      html += "<h1>\(title.escaped)</h1>\n"
      let sentence =
        summaries[0].state == .waiting || summaries[0].state == .running
        ? "The run has not done a step yet. This page goes on by itself when it has."
        : "The log has no numbers yet."
      html += "<p>\(sentence)</p>\n"
    }
    return html + (report.runs.isEmpty ? "" : report.page.htmlFragment())
  }

  private func status(_ run: RunSummary) -> String {
    var parts = [StateLine.badge(run.state), "<span>step \(StateLine.steps(run))</span>"]
    parts.append(StateLine.bar(run))
    if let left = run.secondsLeft { parts.append("<span>\(clock(left)) left</span>") }
    parts.append("<span>last change \(StateLine.age(run.changed, now))</span>")
    let json = Address.of("/run.json", [("path", run.path)])
    parts.append("<a href=\"\(json.escaped)\">JSON</a>")
    return "<div class=\"status\">\(parts.filter { !$0.isEmpty }.joined())</div>\n"
  }

  /// The numbers, for programs.
  var json: JSONValue {
    guard case .object(let fields) = report.page.json else { return .null }
    return .object(
      [
        ("list", .array(summaries.map(\.json))), ("troubles", .array(troubles.map(JSONValue.text))),
      ] + fields)
  }
}
