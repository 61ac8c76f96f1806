import Descent
import Foundation

/// The panels of a study.
struct StudyFigures {
  let result: StudyResult

  /// A panel as a figure; nil where its runs have nothing to show.
  func figure(_ panel: StudyPanel) -> Figure? {
    guard let experiment = result.plan.experiment(panel.experiment) else { return nil }
    let chart =
      panel.reduction.map { points(panel, experiment, $0) } ?? lines(panel, experiment)
    return chart.series.allSatisfy(\.points.isEmpty) ? nil : Figure([chart])
  }

  private var seeds: String { counted(result.plan.seeds, "seed") }

  /// Cells that are drawn together: those of one value of an axis, or each by itself.
  private func groups(
    _ panel: StudyPanel, _ experiment: StudyPlan.Experiment
  ) -> [(name: String, cells: [Int])] {
    guard let axis = panel.axis.flatMap(experiment.axis) else {
      return experiment.cells.indices.map { (experiment.cells[$0].label, [$0]) }
    }
    let one = experiment.axes[axis]
    return one.values.indices.map { value in
      let name = one.values[value].name
      return (
        one.key == "points" ? name : "\(one.label)=\(name)",
        experiment.cells.indices.filter { experiment.cells[$0].places[axis] == value }
      )
    }
  }

  // MARK: Over the steps

  /// Means over runs, with all of them in the shade.
  private func lines(_ panel: StudyPanel, _ experiment: StudyPlan.Experiment) -> LineChart {
    let groups = groups(panel, experiment)
    let isLogarithmic = panel.isLogarithmic
    let series = groups.enumerated().flatMap { index, group in
      panel.metrics.enumerated().map { number, metric -> Series in
        let tracks = group.cells.flatMap { result.runs(experiment.name, $0) }
          .filter { $0.failure == nil }
          .compactMap { run in metric.track.flatMap { run.tracks[$0] } }
        let (points, spread) = Self.band(tracks, isLogarithmic: isLogarithmic)
        let name =
          panel.metrics.count == 1
          ? group.name : groups.count == 1 ? metric.words : "\(group.name): \(metric.words)"
        return Series(
          name, points, number == 0 ? .plain : .dashed, color: index,
          spread: tracks.count > 1 ? spread : [])
      }
    }
    let names = listed(panel.metrics.map(\.words))
    return LineChart(
      title: panel.title,
      subtitle: result.plan.seeds > 1 ? "mean over \(seeds), all of them in the shade" : "one seed",
      x: Axis("step"), y: Axis(names, isLogarithmic ? .logarithmic : .linear), series: series)
  }

  /// How many steps of a line are drawn, at most.
  private static let most = 400

  /// The mean over runs at the steps that all of them have, and from the lowest to the highest.
  static func band(_ tracks: [Track], isLogarithmic: Bool) -> ([Point], [Spread]) {
    guard let first = tracks.first else { return ([], []) }
    let values = tracks.map { track in
      Dictionary(zip(track.steps, track.values)) { first, _ in first }
    }
    var steps = first.steps.filter { step in values.allSatisfy { $0[step]?.isFinite == true } }
    if steps.count > most {
      let stride = Double(steps.count - 1) / Double(most - 1)
      steps = (0..<most).map { steps[Int((Double($0) * stride).rounded())] }
    }
    var (points, spread): ([Point], [Spread]) = ([], [])
    for step in steps {
      let here = values.compactMap { $0[step] }
      guard let low = here.min(), let high = here.max() else { continue }
      let isRatio = isLogarithmic && low > 0
      guard let mean = Sample(isRatio ? here.map { log($0) } : here).mean else { continue }
      points.append(Point(Double(step), isRatio ? exp(mean) : mean))
      spread.append(Spread(Double(step), low: low, high: high))
    }
    return (points, spread)
  }

  // MARK: A number of each run

  /// A dot for each cell with the interval of its mean, over the values of an axis.
  private func points(
    _ panel: StudyPanel, _ experiment: StudyPlan.Experiment, _ reduction: StudyReduction
  ) -> LineChart {
    let place = panel.axis.flatMap(experiment.axis) ?? 0
    let axis = experiment.axes[place]
    let numbers = axis.numbers
    let isWide =
      numbers.map { ($0.min() ?? 0) > 0 && ($0.max() ?? 1) >= 8 * ($0.min() ?? 1) } ?? false
    // What else varies has a line each.
    let others = Dictionary(grouping: experiment.cells.indices) { index -> [Int] in
      var others = experiment.cells[index].places
      others.remove(at: place)
      return others
    }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var series: [Series] = []
    for (number, metric) in panel.metrics.enumerated() {
      for (index, group) in others.enumerated() {
        let color = number * others.count + index
        var (dots, bars): ([(name: String, point: Point)], [Series]) = ([], [])
        for cell in group.value {
          let values = result.values(experiment.name, cell, metric, reduction)
          let one = StudyVerdict.Cell(
            label: experiment.cells[cell].label, values: values,
            isRatio: metric.isRatio || reduction.isRatio, metric: metric.metric(reduction))
          guard let mean = one.mean else { continue }
          let value = experiment.cells[cell].places[place]
          let x = numbers?[value] ?? Double(value + 1)
          dots.append((one.label, Point(x, mean)))
          if let (low, high) = one.interval {
            bars.append(
              Series(
                "", [Point(x, low), Point(x, high)], color: numbers == nil ? value : color))
          }
        }
        if numbers == nil {
          series += bars
          // Names have no place on an axis: each dot has its own colour.
          series += dots.map { Series($0.name, [$0.point], .dots, color: Int($0.point.x) - 1) }
        } else {
          let name = name(of: metric, among: panel.metrics, group.key, experiment, without: place)
          series += [Series("", dots.map(\.point), .faint, color: color)] + bars
          series.append(Series(name, dots.map(\.point), .dots, color: color))
        }
      }
    }
    let label = listed(panel.metrics.map { reduction.words($0) })
    return LineChart(
      title: panel.title,
      subtitle: result.plan.seeds > 1
        ? "mean over \(seeds), with its 95 % interval" : "one seed",
      x: numbers == nil
        ? Axis("place in the legend", range: 0.5...(Double(axis.values.count) + 0.5))
        : Axis(axis.key, isWide ? .logarithmic : .linear),
      y: Axis(label, panel.isLogarithmic ? .logarithmic : .linear), series: series)
  }

  private func name(
    of metric: StudyMetric, among metrics: [StudyMetric], _ others: [Int],
    _ experiment: StudyPlan.Experiment, without place: Int
  ) -> String {
    var axes = experiment.axes
    axes.remove(at: place)
    let parts = zip(axes, others).map { axis, value in
      axis.key == "points" ? axis.values[value].name : "\(axis.label)=\(axis.values[value].name)"
    }
    let words = metrics.count > 1 || parts.isEmpty ? [metric.words] : []
    return (parts + words).joined(separator: ", ")
  }
}
