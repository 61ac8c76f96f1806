import Descent

extension ScheduleCurve {
  /// The values at some steps, a sentence for each hyperparameter, and the curves.
  ///
  /// - Parameter steps: the steps; by default the beginning, the end, the end of the warmup and the
  ///   quarters of the run.
  public func page(at steps: [Int]? = nil) -> Document {
    let warmupEnd = schedule(of: "lr").warmupEnd
    let landmarks = Set([0, 1, warmupEnd, total / 4, total / 2, total * 3 / 4, total - 1])
    let names = numbers(at: 0).flatMap { name, numbers in
      numbers.indices.map { numbers.count == 1 ? name : "\(name)[\($0)]" }
    }
    var table = Table(
      [.number("step")] + names.map { .number($0, $0, .significant(6)) }, key: "values")
    for step in steps ?? landmarks.filter({ $0 < total }).sorted() {
      let values = numbers(at: step).flatMap { $0.numbers.map(Table.Cell.number) }
      table.append([.ordinal(step)] + values)
    }
    return Document(
      settings.hasPrefix(title) ? settings : "\(title): \(settings)",
      [.table(table), .facts(summaries), .figures([figure])])
  }

  /// The values that step `step` + 1 uses, as one JSON object.
  public func json(at step: Int) -> JSONValue {
    .object(
      [("step", .integer(step))]
        + numbers(at: step).map { name, numbers in
          (
            name,
            numbers.count == 1 ? .number(numbers[0]) : .array(numbers.map(JSONValue.number))
          )
        })
  }

  /// Warmup, peak and end of each hyperparameter that has one number.
  private var summaries: [Fact] {
    let steps = samples(200_000)
    let values = steps.map { numbers(at: $0) }
    return numbers(at: 0).enumerated().compactMap { row, entry in
      let curve = zip(steps, values.map { $0[row].numbers[0] })
      guard entry.numbers.count == 1, let peak = curve.max(by: { $0.1 < $1.1 }) else { return nil }
      let (warmupEnd, isOwn) = (schedule(of: entry.name).warmupEnd, hasSchedule(entry.name))
      let warmup =
        !isOwn || warmupEnd < 1
        ? "" : "warmup: \(warmupEnd == 1 ? "step 0" : "steps 0 to \(warmupEnd - 1)"); "
      let end =
        isOwn && schedule(of: entry.name).end == total ? "; the schedule ends with the run" : ""
      let last = values[values.count - 1][row].numbers[0]
      return Fact(
        entry.name,
        .text(
          "\(warmup)peak: \(short(peak.1)) at step \(peak.0); "
            + "last: \(short(last)) at step \(total - 1)\(end)"))
    }
  }

  /// A chart for each hyperparameter, for a document that has the title already.
  public var figure: Figure {
    let steps = samples(1500)
    let points = steps.map { numbers(at: $0) }
    let charts = numbers(at: 0).enumerated().map { row, entry in
      var chart = LineChart(
        x: Axis("completed optimizer steps", range: 0...Double(total)), y: Axis(entry.name))
      // Of several numbers, those that move.
      let lines = entry.numbers.indices.map { index in points.map { $0[row].numbers[index] } }
      let moving = lines.indices.filter { lines[$0].min() != lines[$0].max() }
      chart.series = (moving.isEmpty ? Array(lines.indices) : moving).map { index in
        Series(
          lines.count == 1 ? entry.name : "\(entry.name)[\(index)]",
          zip(steps, lines[index]).map { Point(Double($0), $1) })
      }
      if chart.series.count == 1 { chart.y.label = chart.series[0].name }
      let (warmupEnd, end) = (schedule(of: entry.name).warmupEnd, schedule(of: entry.name).end)
      if warmupEnd > 0 { chart.bands = [Band("warmup", 0...Double(min(warmupEnd, total)))] }
      if let end, end < total { chart.marks = [Mark("the schedule ends", .x(Double(end)))] }
      return chart
    }
    return Figure(charts)
  }

  /// The figure with title and settings, to stand alone.
  public var titledFigure: Figure {
    var figure = figure
    if !figure.charts.isEmpty {
      (figure.charts[0].title, figure.charts[0].subtitle) = (title, settings)
    }
    return figure
  }
}
