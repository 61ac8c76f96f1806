import Descent

/// What a run measured for each of its tensors, over time.
struct LayerFigures {
  let run: ReportRun

  /// The metrics that there is one of for each tensor or layer, with what they are.
  static let kinds: [(name: String, title: String, label: String, scale: HeatMap.Scale)] = [
    ("update_ratio", "Update ratio", "‖Δw‖/‖w‖", .logarithmic),
    ("grad_norm", "Gradient norm", "‖g‖", .logarithmic),
    ("weight_norm", "Weight norm", "‖w‖", .logarithmic),
    ("step_size", "Step size", "root mean square of Δw", .logarithmic),
    ("distance", "Distance from the initial weights", "‖w − w₀‖/‖w₀‖", .logarithmic),
    ("snr", "Gradient signal-to-noise", "ratio", .logarithmic),
    ("norm_test", "Norm test", "θ²", .logarithmic),
    ("dead_units", "Dead units", "share", .linear),
    ("trust_ratio", "Trust ratio", "ratio", .logarithmic),
  ]
  /// Their names.
  static let families = Set(kinds.map(\.name))

  /// A heat map of each metric, and lines for the first ones.
  var figures: [Figure] {
    Self.kinds.flatMap { kind -> [Figure] in
      let members = run.family(kind.name)
      guard !members.isEmpty else { return [] }
      var figures = [Figure([.heat(heatMap(members, kind))])]
      if ["update_ratio", "grad_norm", "weight_norm"].contains(kind.name) {
        figures.append(lines(members, kind))
      }
      return figures
    }
  }

  private typealias Kind = (name: String, title: String, label: String, scale: HeatMap.Scale)

  private func heatMap(_ members: [(member: String, curve: Curve)], _ kind: Kind) -> HeatMap {
    let columns = Set(members.flatMap { $0.curve.points.map(\.x) }).filter(\.isFinite).sorted()
    let places = Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($1, $0) })
    let values = members.map { member in
      var row = [Double](repeating: .nan, count: columns.count)
      for point in member.curve.points { if let place = places[point.x] { row[place] = point.y } }
      return row
    }
    return HeatMap(
      title: kind.title, x: Axis("step"), rows: members.map(\.member), columns: columns,
      values: values, label: kind.label, scale: kind.scale)
  }

  /// Lines of all tensors, or of those that end lowest and highest.
  private func lines(_ members: [(member: String, curve: Curve)], _ kind: Kind) -> Figure {
    let most = 10
    var shown = members
    if members.count > most {
      let order = members.sorted { ($0.curve.last?.y ?? 0) < ($1.curve.last?.y ?? 0) }
      let chosen = Set((order.prefix(most / 2) + order.suffix(most / 2)).map(\.member))
      shown = members.filter { chosen.contains($0.member) }
    }
    var chart = LineChart(
      title: kind.title, subtitle: members.count > most ? "those that end lowest and highest" : "",
      x: Axis("step"), y: Axis(kind.label, .logarithmic))
    chart.series = shown.enumerated().map { Series($1.member, $1.curve.points, color: $0) }
    chart.settle()
    return Figure([chart])
  }

  /// The distributions at the first and at the last step that has them.
  var histograms: [Figure] {
    run.histograms.sorted { $0.key.isBefore($1.key) }.prefix(24).compactMap { name, all in
      guard let last = all.last else { return nil }
      let shown = all.count > 1 ? [all[0], last] : [last]
      return Figure([
        .bars(
          BarChart(
            title: name, x: Axis("value"), y: Axis("elements"),
            series: shown.map {
              BarChart.Bins("step \(grouped($0.step))", edges: $0.edges, counts: $0.counts)
            }))
      ])
    }
  }
}
