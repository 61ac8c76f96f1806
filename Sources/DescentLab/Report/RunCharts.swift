/// Charts of metrics that somebody names, of one run or of several.
public struct RunCharts: Sendable {
  /// The runs.
  public let runs: [ReportRun]

  /// Charts of `runs`.
  public init(_ report: Report) { runs = report.runs }

  /// What can be shown: every metric of any run, `lr` for all of `lr/…` too, most asked for first.
  public var names: [String] {
    var names = Set<String>()
    for run in runs {
      for (name, curve) in run.curves where curve.last != nil {
        names.insert(name)
        if let slash = name.firstIndex(of: "/") { names.insert(String(name[..<slash])) }
      }
    }
    let first = ["loss", "val_loss", "val_accuracy", "val_rmse", "val_r2", "lr", "d", "grad_norm"]
    return first.filter(names.contains) + names.subtracting(first).sorted { $0.isBefore($1) }
  }

  /// A chart of a metric, or of all members of a family; nil where no run has it. Names that other
  /// tools give to a metric are understood.
  public func chart(_ name: String) -> LineChart? {
    exact(name) ?? MetricName(name).key.flatMap(exact)
  }

  private func exact(_ name: String) -> LineChart? {
    var chart = LineChart(title: name, x: Axis("step"))
    for (index, run) in runs.enumerated() {
      var lines: [(name: String, curve: Curve)] = []
      if let curve = run[name] { lines.append((run.name, curve)) }
      if lines.isEmpty {
        lines = run.family(name).filter { $0.curve.last != nil }.map { member in
          (runs.count == 1 ? member.member : "\(run.name): \(member.member)", member.curve)
        }
      }
      for line in lines {
        let isNoisy = line.curve.window > 1 && ["loss", "grad_norm"].contains(name)
        let color = runs.count == 1 ? chart.series.count : index
        if isNoisy {
          chart.add(line.curve, named: line.name, color: color, hasRaw: runs.count == 1)
        } else {
          chart.series.append(Series(line.name, line.curve.points, color: color))
        }
      }
    }
    guard !chart.series.isEmpty else { return nil }
    if ["lr", "base_lr"].contains(name.prefix { $0 != "/" }) {
      chart.settleRates()
    } else {
      chart.settle()
    }
    return chart
  }
}
