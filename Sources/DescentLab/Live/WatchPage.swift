import Descent

/// What stands on a terminal that follows a run.
public struct WatchPage: Sendable {
  /// The name of the run, as it was given.
  public let name: String
  /// What a list says of it; nil for a log of another tool.
  public let summary: RunSummary?
  /// Its numbers; nil before the first.
  public let run: ReportRun?

  /// A picture of a run.
  public init(name: String, summary: RunSummary?, run: ReportRun?) {
    (self.name, self.summary) = (name, summary)
    self.run = run.flatMap { $0.curves.isEmpty ? nil : $0 }
  }

  /// The picture in at most `rows` lines of at most `columns` columns.
  public func text(columns: Int, rows: Int, isColored: Bool) -> [String] {
    let columns = max(20, columns)
    var head = [Terminal.bold(Terminal.cut("\(name)  \(state)", columns), isColored)]
    if let progress = progress(columns) { head.append(progress) }
    head += numbers.joined(separator: "   ").wrapped(to: columns)
    guard let run else {
      return Array((head + ["", "It has not done a step yet."]).prefix(rows))
    }
    let findings = ReportFindings(run: run).sentences.flatMap { sentence in
      sentence.wrapped(to: columns - 2).enumerated().map { ($0 == 0 ? "· " : "  ") + $1 }
    }
    let figures = ReportFigures(runs: [run])
    let wanted = (figures.losses.prefix(1) + figures.rates.prefix(2)).map { $0 }
    // Each has about six lines beside its frame; findings get what is left, at least four.
    let room = rows - head.count - 1 - min(findings.count, 4)
    let count = min(wanted.count, max(room >= 10 ? 1 : 0, room / 15))
    var body: [String] = []
    if count > 0, columns >= 30 {
      let height = max(3, room / count - 7)
      for figure in wanted.prefix(count) {
        let drawn = figure.text(
          columns: min(columns, 160), rows: min(height, 20), colored: isColored)
        body += [""] + drawn.split(separator: "\n").map(String.init)
      }
    }
    return Array((head + body + [""] + findings).prefix(rows))
  }

  /// The same in one line.
  public var line: String {
    let steps = summary?.steps.map { "/\($0)" } ?? ""
    let step = summary?.step ?? run?.lastStep ?? 0
    let left = summary?.secondsLeft.map { ["\(clock($0)) left"] } ?? []
    return (["\(state): step \(step)\(steps)"] + numbers + left).joined(separator: "  ")
  }

  private var state: String { (summary?.state ?? run?.state ?? .unknown).rawValue }

  private func progress(_ columns: Int) -> String? {
    guard let summary else { return run.map { "step \(grouped($0.lastStep))" } }
    let steps = summary.steps.map { " of \(grouped($0))" } ?? ""
    var text = "step \(grouped(summary.step))\(steps)"
    if let left = summary.secondsLeft { text += "   \(clock(left)) left" }
    guard let share = summary.progress else { return text }
    text = "\(percent(share, 0))   \(text)"
    let width = min(40, columns - text.columns - 2)
    guard width >= 5 else { return Terminal.cut(text, columns) }
    return "\(Terminal.bar(share, width))  \(text)"
  }

  /// What the last lines say.
  private var numbers: [String] {
    guard let run else { return [] }
    var parts: [String] = []
    func add(_ label: String, _ name: String, _ style: NumberStyle = .significant(3)) {
      if let last = run[name]?.last { parts.append("\(label) \(style.text(last.y))") }
    }
    if let loss = run["loss"] { parts.append("loss \(fixed(loss.end, 4))") }
    if let validation = run["val_loss"], let last = validation.last {
      // The last one that is finite is not the last one of a run that has diverged.
      let now = summary?.validationLoss ?? last.y
      let best = validation.lowest.map { $0.y < now || now.isNaN ? $0.y : nil } ?? nil
      let bestText = best.map { " (best \(fixed($0, 4)))" } ?? ""
      parts.append("validation \(NumberStyle.fixed(4).text(now))\(bestText)")
    }
    add("accuracy", "val_accuracy", .percent(2))
    add("RMSE", "val_rmse", .significant(4))
    add("R²", "val_r2", .fixed(4))
    add("lr", "lr")
    add("d", "d")
    add("|g|", "grad_norm")
    if let clipped = run["clipped"], clipped.mean > 0 {
      parts.append("clipped \(percent(clipped.mean, 0))")
    }
    add("scale", "loss_scale")
    if let seconds = summary?.secondsPerStep {
      parts.append("\(short(1_000 * seconds)) ms a step")
    }
    return parts
  }
}
