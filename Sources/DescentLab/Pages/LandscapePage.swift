import Descent
public import DescentTraining

/// What descended a landscape, and how.
public enum LandscapePage {
  /// The ways on contours, how near each came, and what was run.
  ///
  /// - Parameters:
  ///   - isAnimated: whether ways from other starts are computed too, for a page that plays them.
  ///   - command: the command line that repeats it.
  /// - Throws: what is wrong with a plan that other starts show.
  public static func about(
    _ result: LandscapeResult, isAnimated: Bool, command: String
  ) throws(RecipeError) -> Document {
    let function = result.landscape.function
    let charts = charts(result)
    let start = result.landscape.start
    let motion =
      isAnimated
      ? try result.motion(charts)
      : Motion(
        charts, starts: [Point(start.x, start.y)], ways: [charts.map { $0.paths[0].points }],
        steps: result.landscape.steps)
    let others = motion.starts.count - 1
    let hint =
      !isAnimated
      ? ""
      : others > 0
        ? "Where scripts run, the ways can be played, and the start can be dragged: ways from "
          + "\(others) other starts were computed ahead, and the nearest is shown."
        : "Where scripts run, the ways can be played."
    return Document(
      function.name,
      [
        .data(fields(result)), .paragraph(headline(result), key: "headline"),
        .paragraph("\(function.summary)\n\(function.formula)"), .motion(motion),
        .paragraph(
          "○ start, ● end, × minimum; the stronger a band, the higher f. " + hint),
        .table(table(result)), .section(Section("Over the steps", [.figures([losses(result)])])),
        .section(Section("What was run", [.list(notes(result), key: "notes")])),
        .section(Section("Again", [.preformatted(command, key: "command")])),
      ])
  }

  /// The same for a terminal, where contours and numbers are enough.
  public static func short(_ result: LandscapeResult) -> Document {
    let function = result.landscape.function
    let charts = charts(result)
    let start = result.landscape.start
    return Document(
      "",
      [
        .paragraph(headline(result)), .paragraph(function.formula),
        .motion(
          Motion(
            charts, starts: [Point(start.x, start.y)], ways: [], steps: result.landscape.steps)),
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
    figures.append(("\(result.landscape.function.name)-values", losses(result)))
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
    return result.runs.enumerated().map { index, run in
      ContourChart(
        title: run.label, subtitle: detail(result, index), surface: surface,
        paths: [.init(run.label, run.places.map { Point($0.x, $0.y) }, color: index)],
        spots: f.minima.map { .init("minimum", Point($0.x, $0.y)) })
    }
  }

  private static func losses(_ result: LandscapeResult) -> Figure {
    let lowest = result.landscape.function.lowest
    // What diverges, or is there to the last digit, would leave no room for the rest.
    let first = (result.runs.first?.values[0] ?? 0) - lowest
    let shown = 1e-12...1000 * max(1, first.isFinite ? min(first, 1e300) : 1)
    var isCut = false
    let series = result.runs.enumerated().map { index, run in
      Series(
        run.label,
        run.values.enumerated().map { step, value in
          let isShown = shown.contains(value - lowest)
          if !isShown { isCut = true }
          return Point(Double(step), isShown ? value - lowest : .nan)
        }, color: index)
    }
    let range = "\(DescentLab.short(shown.lowerBound)) to \(DescentLab.short(shown.upperBound))"
    return Figure([
      LineChart(
        title: "f above its lowest value", subtitle: isCut ? "what lies in \(range)" : "",
        x: Axis("step"), y: Axis("f − min f", .logarithmic), series: series,
        marks: [Mark("reached", .y(LandscapeResult.tolerance))])
    ])
  }

  /// What became of a run, in a few words.
  private static func detail(_ result: LandscapeResult, _ index: Int) -> String {
    let outcome = result.outcomes[index]
    let rate = result.runs[index].rate.map { "lr \(DescentLab.short($0)): " } ?? ""
    return rate + note(outcome, result.landscape.steps)
  }

  private static func note(_ outcome: LandscapeResult.Outcome, _ steps: Int) -> String {
    if let step = outcome.diverged {
      let back = outcome.reached.map { $0 < step ? ", after it had been there" : "" } ?? ""
      return "diverges at step \(step)\(back)"
    }
    if let step = outcome.reached {
      let left = outcome.excess > LandscapeResult.tolerance
      return (step == 0 ? "starts there" : "reached after \(counted(step, "step"))")
        + (left ? ", then left" : "")
    }
    switch outcome.rest {
    case .localMinimum: return "rests in another minimum"
    case .saddle: return "rests at a saddle point"
    case nil: return "not reached in \(counted(steps, "step"))"
    }
  }

  // MARK: Words

  private static func headline(_ result: LandscapeResult) -> String {
    let (runs, outcomes, steps) = (result.runs, result.outcomes, result.landscape.steps)
    let order = result.order
    func names(_ where: (LandscapeResult.Outcome) -> Bool) -> [String] {
      order.filter { `where`(outcomes[$0]) }.map { runs[$0].label }
    }
    let there = order.filter { outcomes[$0].reached != nil }
    var sentences: [String] = []
    if let first = there.first, let step = outcomes[first].reached {
      let others = there.dropFirst().prefix(4).map { index in
        "\(runs[index].label) after \(grouped(outcomes[index].reached ?? 0))"
      }
      let more = there.count > 5 ? ["\(grouped(there.count - 5)) more"] : []
      sentences.append(
        runs.count == 1
          ? "\(runs[first].label) comes within 0.001 of the minimum after \(counted(step, "step"))."
          : "\(runs[first].label) is the first within 0.001 of the minimum, after "
            + "\(counted(step, "step"))"
            + (others.isEmpty ? "." : ", then \(listed(others + more)).")
      )
    }
    let late = names { $0.reached == nil && $0.diverged == nil && $0.rest == nil }
    if !late.isEmpty {
      sentences.append(
        "\(few(late)) \(late.count == 1 ? "does" : "do") not get there in \(counted(steps, "step"))"
          + (there.isEmpty ? "; the lowest at the end is \(late[0])." : "."))
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

  private static func table(_ result: LandscapeResult) -> Table {
    var table = Table(
      [
        .init("optimizer"), .number("lr", "lr"),
        .number("excess", "above min f"), .number("steps", "reached", unit: "steps"),
        .number("distance", "distance"), .init("note", "what became of it"),
      ], key: "rows")
    for index in result.order {
      let (run, outcome) = (result.runs[index], result.outcomes[index])
      table.append(
        .text(run.label), run.rate.map { .number($0) } ?? .nothing,
        .number(outcome.excess),
        outcome.reached.map { .ordinal($0) } ?? .nothing, .number(outcome.distance),
        .text(note(outcome, result.landscape.steps)))
    }
    return table
  }

  private static func notes(_ result: LandscapeResult) -> [String] {
    let (landscape, runs) = (result.landscape, result.runs)
    let f = landscape.function
    var lines = [
      "Every optimizer began at \(place(landscape.start)) and made "
        + "\(counted(landscape.steps, "step")) by the rules that train networks. The lowest value of f is "
        + "\(DescentLab.short(f.lowest, 6)), at "
        + "\(listed(f.minima.map(place))); reached means at most 0.001 above it.",
      "The order says how these rates do on this function, not which optimizer trains a network "
        + "best: descent race measures that. Rates that nobody set were chosen for the function.",
    ]
    if landscape.deviation > 0 {
      lines.append(
        "Each number of each gradient has noise of standard deviation "
          + "\(DescentLab.short(landscape.deviation)), the same for every optimizer (seed "
          + "\(landscape.seed)); f is shown without it.")
    }
    func having(_ test: (LandscapeRun) -> Bool) -> [String] { runs.filter(test).map(\.label) }
    let rows = having { LandscapeRun.shape(for: $0.plan.ruleName).count > 1 }
    if !rows.isEmpty {
      lines.append("\(few(rows)): the point is a matrix of one row, since the rule turns matrices.")
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
    "(\(DescentLab.short(p.x, 6)), \(DescentLab.short(p.y, 6)))"
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
