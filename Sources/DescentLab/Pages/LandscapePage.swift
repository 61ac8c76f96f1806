import Descent
public import DescentTraining

/// What descended a landscape, and how.
public enum LandscapePage {
  /// The paths on contours, how near each came, and what was run.
  ///
  /// - Parameters:
  ///   - isAnimated: whether paths from other starts are computed too, for a page that plays them.
  ///   - command: the command line that repeats it.
  /// - Throws: what is wrong with a plan that other starts show.
  public static func about(
    _ result: LandscapeResult, isAnimated: Bool, command: String
  ) throws(RecipeError) -> Document {
    let function = result.landscape.function
    let charts = charts(result)
    let motion =
      isAnimated
      ? try result.motion(charts, heads: result.runs.map(rate)) {
        note($0, result.landscape.steps)
      } : Motion(charts, steps: result.landscape.steps)
    let others = motion.starts.count - 1
    let hint =
      !isAnimated
      ? ""
      : others > 0
        ? " Where scripts run, the paths can be played, and the start can be dragged: paths from "
          + "\(others) other starts were computed ahead, and the nearest is shown."
        : " Where scripts run, the paths can be played."
    return Document(
      function.name,
      [
        .data(fields(result)), .paragraph(headline(result), key: "headline"),
        .paragraph("\(function.summary)\n\(function.formula)"), .motion(motion),
        .paragraph("○ start, ● end, × minimum; the stronger the tint, the higher f." + hint),
        .table(table(result)), .section(Section("Over the steps", [.figures(losses(result))])),
        .section(Section("What was run", [.list(notes(result), key: "notes")])),
        .section(Section("Command", [.preformatted(command, key: "command")])),
      ])
  }

  /// The same for a terminal, where contours and numbers are enough.
  public static func terminal(_ result: LandscapeResult) -> Document {
    let function = result.landscape.function
    return Document(
      "",
      [
        .paragraph(headline(result)), .paragraph(function.formula),
        .motion(Motion(charts(result), steps: result.landscape.steps)),
        .paragraph("o start   ● end   × minimum   the denser, the higher"),
        .table(table(result)), .list(notes(result), .notes),
      ])
  }

  /// The figures, with names for files.
  public static func figures(_ result: LandscapeResult) -> [(name: String, figure: Figure)] {
    var seen: [String: Int] = [:]
    var figures = charts(result).map { chart -> (name: String, figure: Figure) in
      let words = chart.title.lowercased().split {
        !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "."))
      }
      let name = String(
        "\(result.landscape.function.name)-\(words.joined(separator: "-"))".prefix(80))
      seen[name, default: 0] += 1
      let count = seen[name] ?? 1
      return (count == 1 ? name : "\(name)-\(count)", Figure([.contour(chart)]))
    }
    let losses = losses(result)
    for (index, figure) in losses.enumerated() {
      let number = losses.count == 1 ? "" : "-\(index + 1)"
      figures.append(("\(result.landscape.function.name)-values\(number)", figure))
    }
    return figures
  }

  /// All of them one above the other.
  public static func figure(_ result: LandscapeResult) -> Figure {
    Figure(charts(result).map(Chart.contour))
  }

  // MARK: Figures

  private static func charts(_ result: LandscapeResult) -> [ContourChart] {
    let f = result.landscape.function
    let surface = ContourChart.Surface(x: f.domain.x, y: f.domain.y, columns: 120, rows: 90) {
      f.value([$0, $1])
    }
    let colors = colors(result)
    return result.runs.enumerated().map { index, run in
      ContourChart(
        title: run.label,
        subtitle: rate(run) + note(result.outcomes[index], result.landscape.steps),
        surface: surface,
        paths: [.init(run.label, run.places.map { Point($0.x, $0.y) }, color: colors[index])],
        spots: f.minima.map { .init("minimum", Point($0.x, $0.y)) })
    }
  }

  /// How many curves are told apart in one chart: as many as there are colours, but for that of the
  /// crosses at the minima.
  private static let most = Palette.series.count - 1

  /// How many runs share a chart of values: all have about as many.
  private static func share(_ count: Int) -> Int {
    let charts = max(1, (count + most - 1) / most)
    return max(1, (count + charts - 1) / charts)
  }

  /// The colour of each run: those that share a chart of values differ.
  private static func colors(_ result: LandscapeResult) -> [Int] {
    var colors = result.runs.map { _ in 0 }
    let size = share(result.runs.count)
    for (place, index) in result.order.enumerated() { colors[index] = place % size }
    return colors
  }

  /// f over the steps, in the order of the table, some runs to a figure.
  private static func losses(_ result: LandscapeResult) -> [Figure] {
    let lowest = result.landscape.function.lowest
    // What diverges, or is there to the last digit, would leave no room for the rest.
    let first = (result.runs.first?.values[0] ?? 0) - lowest
    let shown = 1e-12...1000 * max(1, first.isFinite ? min(first, 1e300) : 1)
    let (order, colors) = (result.order, colors(result))
    let heights = result.runs.map { $0.values.map { $0 - lowest } }
    let (drawn, hidden) = (
      heights.joined().filter(shown.contains), heights.joined().filter { !shown.contains($0) }
    )
    var remarks = result.isNoisy ? [] : ["dashed: 0.001, which counts as reached"]
    if hidden.contains(where: { $0 < shown.lowerBound }) {
      remarks.append("values below 1e-12 are not drawn")
    }
    if hidden.contains(where: { !($0 < shown.lowerBound) }) {
      remarks.append("values above \(short(shown.upperBound)) are not drawn")
    }
    // One range for all figures.
    let axis = Axis("f − min f", .logarithmic)
    let range = drawn.min().flatMap { low in
      drawn.max().map { axis.vertical(low, $0, ticks: Drawing.ticks.y) }
    }
    let size = share(order.count)
    return Swift.stride(from: 0, to: order.count, by: size).map { from in
      let part = order[from..<min(from + size, order.count)]
      let places = order.count > size ? ", \(from + 1) to \(from + part.count) of the table" : ""
      return Figure([
        LineChart(
          title: "f above its lowest value\(places)", subtitle: remarks.joined(separator: "; "),
          x: Axis("step", range: 0...Double(result.landscape.steps)),
          y: Axis(axis.label, axis.scale, range: range),
          series: part.map { index in
            Series(
              result.runs[index].label,
              heights[index].enumerated().map { step, height in
                Point(Double(step), shown.contains(height) ? height : .nan)
              }, color: colors[index])
          }, marks: result.isNoisy ? [] : [Mark("", .y(LandscapeResult.tolerance))])
      ])
    }
  }

  /// What stands before the result of a run: its learning rate, where it has one.
  private static func rate(_ run: LandscapeRun) -> String {
    run.rate.map { "lr \(short($0)): " } ?? ""
  }

  /// The result of a run, in a few words.
  private static func note(_ outcome: LandscapeResult.Outcome, _ steps: Int) -> String {
    if let step = outcome.diverged { return "diverges at step \(step)" }
    if let step = outcome.reached {
      return step == 0 ? "starts there" : "reached after \(counted(step, "step"))"
    }
    switch outcome.rest {
    case .localMinimum: return "rests in another minimum"
    case .saddle: return "rests at a saddle point"
    case nil: break
    }
    if let level = outcome.level { return "ends around \(short(level, 2)) above" }
    if let step = outcome.left { return "reached at \(grouped(step)), left" }
    return "not reached in \(counted(steps, "step"))"
  }

  // MARK: Words

  private static func headline(_ result: LandscapeResult) -> String {
    let (runs, outcomes, steps) = (result.runs, result.outcomes, result.landscape.steps)
    let order = result.order
    func names(_ where: (LandscapeResult.Outcome) -> Bool) -> [String] {
      order.filter { `where`(outcomes[$0]) }.map { runs[$0].label }
    }
    let start = "From \(place(result.landscape.start)), "
    var sentences = result.isNoisy ? [averages(result, start)].compactMap(\.self) : []
    let there = order.filter { outcomes[$0].reached != nil }
    if let first = there.first, let step = outcomes[first].reached {
      let others = there.dropFirst().prefix(4).map { index in
        "\(runs[index].label) after \(grouped(outcomes[index].reached ?? 0))"
      }
      let more = there.count > 5 ? ["\(grouped(there.count - 5)) more"] : []
      sentences.append(
        runs.count == 1
          ? "\(start)\(runs[first].label) comes within 0.001 of the minimum after "
            + "\(counted(step, "step"))."
          : "\(start)\(runs[first].label) is the first to stay within 0.001 of the minimum, after "
            + "\(counted(step, "step"))"
            + (others.isEmpty ? "." : ", then \(listed(others + more)).")
      )
    }
    let left = order.filter {
      outcomes[$0].left != nil && outcomes[$0].diverged == nil && outcomes[$0].rest == nil
    }
    let first = there.isEmpty && !result.isNoisy ? start : ""
    if let best = left.first, let worst = left.last {
      let heights = [best, worst].map { short(outcomes[$0].excess) }
      sentences.append(
        (sentences.isEmpty ? first : "") + few(left.map { runs[$0].label })
          + (left.count == 1
            ? " comes within 0.001 at step \(grouped(outcomes[best].left ?? 0)) but leaves again, and "
              + "ends \(heights[0]) above the minimum."
            : " come within 0.001 but leave again, and end \(heights[0]) to \(heights[1]) above the "
              + "minimum."))
    }
    let late = order.filter { index in
      let o = outcomes[index]
      return o.reached == nil && o.left == nil && o.diverged == nil && o.rest == nil
        && !result.isNoisy
    }
    if let best = late.first {
      let isFirst = there.isEmpty && left.isEmpty
      let names = few(late.map { runs[$0].label })
      sentences.append(
        "\(sentences.isEmpty ? first : "")\(names) \(late.count == 1 ? "does" : "do") not get "
          + "within 0.001 of the minimum in \(counted(steps, "step"))"
          + (isFirst && late.count > 1
            ? "; the lowest at the end is \(runs[best].label), "
              + "\(short(outcomes[best].excess)) above."
            : isFirst
              ? "; it ends \(short(outcomes[best].excess)) above." : "."))
    }
    let dents = names { $0.reached == nil && $0.rest == .localMinimum }
    if !dents.isEmpty {
      sentences.append(
        "\(few(dents)) \(dents.count == 1 ? "rests" : "rest") in a minimum that is not the lowest.")
    }
    let passes = names { $0.reached == nil && $0.rest == .saddle }
    if !passes.isEmpty {
      sentences.append(
        "\(few(passes)) \(passes.count == 1 ? "rests" : "rest") at a saddle point, where the gradient "
          + "is 0.")
    }
    let lost = names { $0.diverged != nil }
    if !lost.isEmpty {
      sentences.append(
        "\(few(lost)) \(lost.count == 1 ? "diverges" : "diverge"): try a lower learning rate.")
    }
    return sentences.joined(separator: " ")
  }

  /// Who is lowest in noise, on average, and who is as low within chance.
  private static func averages(_ result: LandscapeResult, _ start: String) -> String? {
    let order = result.order.filter {
      result.outcomes[$0].diverged == nil && result.mean($0)?.isFinite == true
    }
    guard let first = order.first, let mean = result.mean(first) else { return nil }
    func name(_ index: Int) -> String { result.runs[index].label }
    let over = "over the last \(counted(result.landscape.window, "step"))"
    let height = "f lies \(short(mean)) above its lowest value on average"
    if result.runs.count == 1 {
      return "\(start)\(name(first)) does not come to rest in the noise: \(over), \(height)."
    }
    let ties = order.dropFirst().filter { result.isTie(first, $0) }
    let others = order.dropFirst().filter { !ties.contains($0) }
    var text = "\(start)\(name(first)) ends lowest in the noise: \(over), \(height)"
    if !others.isEmpty {
      let first = others.prefix(4).map {
        "\(short(result.mean($0) ?? 0)) for \(name($0))"
      }
      let more = others.count > 4 ? ["more for \(counted(others.count - 4, "other"))"] : []
      text += ", against \(listed(first + more))"
    }
    text += "."
    if !ties.isEmpty {
      text += " \(few(ties.map(name))) cannot be told from \(name(first)): the noise decides."
    }
    return text
  }

  private static func table(_ result: LandscapeResult) -> Table {
    var table = Table(
      [
        .init("optimizer"), .number("lr", "lr"),
        .number("mean", "mean above min f"),
        .number("excess", result.isNoisy ? "at the end" : "above min f"),
        .number("steps", "reached", unit: "steps"), .number("distance", "distance"),
        .init("note", "result"),
      ], key: "rows", caption: "From the start \(place(result.landscape.start))")
    for index in result.order {
      let (run, outcome) = (result.runs[index], result.outcomes[index])
      // In noise the average says it, unless a run is elsewhere or lost.
      let isAverage = result.isNoisy && outcome.diverged == nil && outcome.rest == nil
      let words = isAverage ? "" : note(outcome, result.landscape.steps)
      table.append(
        .text(run.label), run.rate.map { .number($0) } ?? .nothing,
        result.mean(index).map { .number($0) } ?? .nothing, .number(outcome.excess),
        outcome.reached.map { .ordinal($0) } ?? .nothing, .number(outcome.distance),
        words.isEmpty ? .nothing : .text(words))
    }
    return table
  }

  private static func notes(_ result: LandscapeResult) -> [String] {
    let (landscape, runs) = (result.landscape, result.runs)
    let f = landscape.function
    var lines = [
      "Every optimizer began at \(place(landscape.start)) and made "
        + "\(counted(landscape.steps, "step")) by the rules that train networks. The lowest value of f is "
        + "\(short(f.lowest, 6)), at \(listed(f.minima.map(place)))"
        + (result.isNoisy ? "." : "; reached means at most 0.001 above it, and so to the end."),
      "The order says how these rates do on this function, not which optimizer trains a network "
        + "best: descent race measures that. Rates that nobody set were chosen for the function.",
    ]
    let (x, y) = (landscape.start[0], landscape.start[1])
    if !f.domain.x.contains(x) || !f.domain.y.contains(y) {
      lines.append("The start lies outside the picture; a path shows only once it comes in.")
    }
    if landscape.deviation > 0 {
      lines.append(
        "Each number of each gradient has noise of standard deviation "
          + "\(short(landscape.deviation)), the same for every optimizer (seed "
          + "\(landscape.seed)); f is shown without it. Nothing comes to rest in noise, so the order is "
          + "that of f on average over the last \(counted(landscape.window, "step")) of "
          + "\(counted(landscape.trials(runs.count), "run")) each, with noises of their own; the first is "
          + "shown.")
    }
    func having(_ test: (LandscapeRun) -> Bool) -> [String] { runs.filter(test).map(\.label) }
    let muon = having { $0.plan.ruleName == Muon.name }
    if !muon.isEmpty {
      lines.append(
        "\(few(muon)): the point is a matrix of one row, of which Muon can only change the length: each "
          + "step is about lr long. What it does for the matrices of a network does not show here.")
    }
    let soap = having { $0.plan.ruleName == SOAP.name }
    if !soap.isEmpty {
      lines.append(
        "\(few(soap)): the point is a matrix of one row; SOAP rotates x and y to the axes of the "
          + "gradients it has seen.")
    }
    let single = having { ($0.plan.rule as? LBFGS)?.largestIterations == 1 }
    if !single.isEmpty {
      lines.append(
        "\(few(single)): each step is one iteration (max_iter=1), which evaluates f several times.")
    }
    let curved = having { $0.plan.rule.needs.includes(anyOf: .curvature) }
    if !curved.isEmpty {
      lines.append(
        "\(few(curved)): the diagonal of the Hessian is exact, where training estimates it.")
    }
    let averaged = having { $0.plan.rule.evaluatesElsewhere }
    if !averaged.isEmpty {
      lines.append("\(few(averaged)): shown is the point to keep, not the one that gradients see.")
    }
    let own = zip(result.entries.entries, runs).filter { $0.0.ignoresRate }.map(\.1.label)
    if !own.isEmpty {
      lines.append(
        "\(few(own)): finds its own rate, so --lr leaves it alone; settings in parentheses do not.")
    }
    for run in runs { lines += run.plan.warnings.map { "\(run.label): \($0)" } }
    return lines
  }

  private static func place(_ p: LandscapeFunction.Place) -> String {
    "(\(short(p.x, 6)), \(short(p.y, 6)))"
  }

  // MARK: For programs

  private static func fields(_ result: LandscapeResult) -> [(key: String, value: JSONValue)] {
    let landscape = result.landscape
    let f = landscape.function
    func pair(_ p: LandscapeFunction.Place) -> JSONValue { [.number(p.x), .number(p.y)] }
    let condition =
      LandscapeFunction.conditions[f.name].map { landscape.condition ?? $0 }
    return [
      ("function", .text(f.name)), ("formula", .text(f.formula)),
      ("condition", JSONValue(condition)), ("start", pair(landscape.start)),
      ("steps", .integer(landscape.steps)), ("noise", .number(landscape.deviation)),
      ("seed", .integer(landscape.seed)), ("minimum", .number(f.lowest)),
      ("minima", .array(f.minima.map(pair))),
      (
        "trajectories",
        .object(
          result.runs.map { run in
            (
              key: run.label,
              value: .array(
                zip(run.places, run.values).map { [.number($0.x), .number($0.y), .number($1)] })
            )
          })
      ),
      (
        "settings",
        .object(
          result.runs.map { run in
            (
              key: run.label,
              value: .object(
                run.plan.rule.resolved.map { (key: $0.name, value: json("\($0.value)")) })
            )
          })
      ),
      (
        "diverged",
        .object(
          zip(result.runs, result.outcomes).map { run, outcome in
            (key: run.label, value: outcome.diverged.map(JSONValue.integer) ?? .null)
          })
      ),
    ]
  }

  private static func json(_ text: String) -> JSONValue {
    if let x = Double(text), x.isFinite { return .number(x) }
    if let flag = Bool(text) { return .flag(flag) }
    return text == "none" ? .null : .text(text)
  }
}
