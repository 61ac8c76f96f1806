import Descent

extension ScheduleCurve {
  /// The values at some steps, a sentence for each hyperparameter, and the curves.
  ///
  /// - Parameter steps: the steps; by default the beginning, the end, the end of the warmup and the
  ///   quarters of the run.
  /// - Parameter isRounded: whether three digits are enough for a reader, and what is nothing beside
  ///   the largest value is 0.
  public func page(at steps: [Int]? = nil, isRounded: Bool = false) -> Document {
    let landmarks = Set([0, 1, warmupEnd, total / 4, total / 2, total * 3 / 4, total - 1])
    let names = entries(at: 0).flatMap { entry in
      entry.numbers.indices.map { entry.numbers.count == 1 ? entry.name : "\(entry.name)[\($0)]" }
    }
    var table = Table(
      [.number("step")] + names.map { .number($0, $0, .significant(isRounded ? 3 : 6)) },
      key: "values")
    for step in steps ?? landmarks.filter({ $0 < total }).sorted() {
      table.append(
        [.ordinal(step)] + entries(at: step).flatMap { $0.numbers.map(Table.Cell.number) })
    }
    if isRounded { table.roundToZero(below: 1e-6) }
    let title = settings.hasPrefix(title) ? settings : "\(title): \(settings)"
    if names.isEmpty {
      return Document(title, [.paragraph("no hyperparameter follows a schedule")])
    }
    return Document(title, [.table(table), .facts(summaries(isRounded)), .figures([figure])])
  }

  /// The values that step `step` + 1 uses, as one JSON object.
  public func json(at step: Int) -> JSONValue {
    .object(
      [("step", .integer(step))]
        + entries(at: step).map { entry in
          let numbers = entry.numbers.map(JSONValue.number)
          return (entry.name, numbers.count == 1 ? numbers[0] : .array(numbers))
        })
  }

  /// Warmup, peak and end of each hyperparameter that has one number.
  private func summaries(_ isRounded: Bool) -> [Fact] {
    let steps = samples(200_000)
    let values = steps.map { entries(at: $0).map { $0.numbers[0] } }
    return entries(at: 0).enumerated().compactMap { row, entry in
      let curve = zip(steps, values.map { $0[row] })
      guard entry.numbers.count == 1, let peak = curve.max(by: { $0.1 < $1.1 }) else { return nil }
      let warmupEnd = entry.hasSchedule ? entry.schedule.warmupEnd : 0
      let warmup =
        warmupEnd < 1
        ? "" : "warmup: \(warmupEnd == 1 ? "step 0" : "steps 0 to \(warmupEnd - 1)"); "
      let end =
        entry.hasSchedule && entry.schedule.lastingEnd == total
        ? "; the schedule ends with the run" : ""
      let final = values[values.count - 1][row]
      let last = isRounded && abs(final) < 1e-6 * abs(peak.1) ? 0 : final
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
    let points = steps.map { self.entries(at: $0) }
    let entries = entries(at: 0)
    var settings: [String] = []
    for entry in entries where !settings.contains(entry.setting) { settings.append(entry.setting) }
    let charts = settings.map { setting in
      var chart = LineChart(
        x: Axis("completed optimizer steps", range: 0...Double(total)), y: Axis(setting))
      let rows = entries.indices.filter { entries[$0].setting == setting }
      for row in rows {
        let entry = entries[row]
        let group = rows.count == 1 ? "" : " of \(entry.group ?? "default")"
        // Of several numbers, those that move.
        let lines = entry.numbers.indices.map { index in points.map { $0[row].numbers[index] } }
        let moving = lines.indices.filter { lines[$0].min() != lines[$0].max() }
        chart.series += (moving.isEmpty ? Array(lines.indices) : moving).map { index in
          Series(
            (lines.count == 1 ? setting : "\(setting)[\(index)]") + group,
            zip(steps, lines[index]).map { Point(Double($0), $1) })
        }
      }
      if chart.series.count == 1 { chart.y.label = chart.series[0].name }
      let (warmupEnd, end) = (
        entries[rows[0]].schedule.warmupEnd, entries[rows[0]].schedule.lastingEnd
      )
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
