import Descent
import Foundation

/// What learning rate a recipe should have, and what says so.
public enum RateFinderPage {
  /// The page of a search.
  ///
  /// - Parameters:
  ///   - found: what was found.
  ///   - recipe: the name of the recipe.
  public static func about(_ found: RateFinder, recipe: String) -> Document {
    var blocks: [Document.Block] = [.data(contract(found)), .paragraph(verdict(found))]
    if let own = found.ownRate {
      blocks.append(.data([("note", .text(own.note))]))
    } else {
      blocks += [
        .table(changes(found)), .table(rules(found)), .table(probes(found)),
        .figures(figures(found, recipe)), .paragraph(cost(found)),
      ]
    }
    blocks.append(.list(found.warnings, .warnings, key: "warnings"))
    return Document("\(recipe): the learning rate", blocks)
  }

  // MARK: Words

  /// What is suggested and why.
  public static func verdict(_ found: RateFinder) -> String {
    if let own = found.ownRate { return own.note }
    guard let rate = found.suggested, let range = found.range else {
      let swept = found.swept.map {
        " between \(short($0.lowerBound)) and \(short($0.upperBound))"
      }
      return "No learning rate is suggested: nothing speaks for one rather than another"
        + "\(swept ?? ""). Look elsewhere, with a lower --from or another --to."
    }
    let key = found.changes.first?.key ?? "optimizer.lr"
    if found.probes.isEmpty {
      return
        "Take \(key)=\(written(rate)): halfway between where the loss falls most "
        + "steeply in the sweeps and a tenth of where it is lowest. The rules differ, from "
        + "\(short(range.lowerBound)) to \(short(range.upperBound)), and no training at any rate was "
        + "tried; without --quick some are."
    }
    let best = found.probes.map(\.loss).min() ?? .nan
    let own = found.probes.first { $0.rate == rate }?.loss ?? best
    let kind =
      found.probeSteps < found.runSteps
      ? "trainings of \(counted(found.probeSteps, "step")) with the whole schedule"
      : "whole trainings"
    return
      "Take \(key)=\(written(rate)). Of \(found.probes.count) \(kind), it ended with a validation "
      + "loss of \(short(own, 4))"
      + (own > best ? ", the best with \(short(best, 4))" : ", the best")
      + "; from \(short(range.lowerBound)) to \(short(range.upperBound)) they ended within "
      + "\(percent(RateFinder.tolerance, 0)) of the best."
  }

  /// A rate as a recipe has it.
  private static func written(_ rate: Double) -> String { SettingValue.text(of: rate) }

  private static func cost(_ found: RateFinder) -> String {
    let all = found.cost.sweeps + found.cost.probes
    let share = Double(all) / Double(max(1, found.runSteps))
    return "This took \(counted(all, "step")), as many as \(short(share)) runs of the recipe: "
      + "\(grouped(found.cost.sweeps)) in sweeps"
      + (found.cost.probes > 0
        ? " and \(grouped(found.cost.probes)) in trainings at some rates" : "") + "."
  }

  // MARK: Tables

  private static func changes(_ found: RateFinder) -> Table {
    var table = Table(
      [
        .init("key"), .number("before", "now", .significant(4)),
        .number("value", "suggested", .significant(4)),
      ], key: "changes", empty: "")
    // The verdict says it where there is but one.
    for change in found.changes {
      table.append(
        .text(change.key), change.before.map(Table.Cell.number) ?? .nothing, .number(change.rate))
    }
    return table
  }

  private static func rules(_ found: RateFinder) -> Table {
    let seeds = found.curves.indices
    var table = Table(
      [.init("rule"), .number("rate", "rate")]
        + seeds.map { .number("seed\($0 + 1)", found.curves.count > 1 ? "seed \($0 + 1)" : "") }
        + [.init("meaning", "what it looks for")],
      key: "suggestions", caption: "What the sweeps say")
    func cell(_ rate: Double?) -> Table.Cell { rate.map(Table.Cell.number) ?? .nothing }
    for suggestion in found.suggestions {
      let own = found.curves.count > 1 ? suggestion.bySeed.map(cell) : seeds.map { _ in .nothing }
      table.append(
        [.text(suggestion.rule.rawValue), cell(suggestion.rate)] + own
          + [.text(suggestion.rule.meaning)])
    }
    return table
  }

  private static func probes(_ found: RateFinder) -> Table {
    var table = Table(
      [
        .number("rate", "rate"), .number("loss", "validation loss", .significant(4)),
        .number("above", "above the best", .percent(1)),
      ], key: "probes", caption: "Trainings at some rates", empty: "")
    let best = found.probes.map(\.loss).min() ?? .nan
    for probe in found.probes {
      let isWhole = probe.loss.isFinite
      table.append(
        .number(probe.rate), isWhole ? .number(probe.loss) : .text("broke down"),
        isWhole ? .number((probe.loss - best) / abs(best)) : .nothing)
    }
    return table
  }

  // MARK: Figures

  /// The loss over the rate, alone as a figure.
  public static func figure(_ found: RateFinder, recipe: String) -> Figure {
    let scale: Axis.Scale = found.isLinear ? .linear : .logarithmic
    var sweep = LineChart(
      title: "\(recipe): loss while the learning rate rises",
      subtitle: subtitle(found),
      x: Axis("learning rate", scale, range: found.swept), y: Axis("loss"))
    for (number, curve) in found.curves.enumerated() where found.curves.count > 1 {
      sweep.series.append(
        Series(
          "seed \(number + 1)", zip(curve.rates, curve.smoothed).map { Point($0, $1) }, .faint))
    }
    sweep.series.append(
      Series("middle", RateCurve.median(found.curves).map { Point($0.rate, $0.loss) }))
    for suggestion in found.suggestions {
      guard let rate = suggestion.rate, shows(rate, found) else { continue }
      sweep.marks.append(Mark(suggestion.rule.rawValue, .x(rate)))
    }
    if let range = found.range, let rate = found.suggested {
      sweep.bands = [
        Band(
          "suggested: \(written(rate))",
          clamped(range.lowerBound, found)...clamped(range.upperBound, found))
      ]
    }
    var charts = [sweep]
    let whole = found.probes.filter { $0.loss.isFinite }
    if whole.count > 1 {
      charts.append(
        LineChart(
          title: "Trainings at some rates", x: Axis("learning rate", .logarithmic),
          y: Axis(
            "validation loss at the end", whole.allSatisfy { $0.loss > 0 } ? .logarithmic : .linear),
          series: [Series("trainings", whole.map { Point($0.rate, $0.loss) })],
          marks: found.suggested.map { [Mark("suggested", .x($0))] } ?? []))
    }
    return Figure(charts)
  }

  /// Labels of lines that are close would cover each other, so their order is said.
  private static func subtitle(_ found: RateFinder) -> String {
    let marks = found.suggestions.compactMap { suggestion in
      suggestion.rate.flatMap {
        shows($0, found) ? (rate: $0, name: suggestion.rule.rawValue) : nil
      }
    }.sorted { $0.rate < $1.rate }.map(\.name)
    return "smoothed"
      + (marks.isEmpty ? "" : "; dashed, from the left: \(marks.joined(separator: ", "))")
  }

  private static func figures(_ found: RateFinder, _ recipe: String) -> [Figure] {
    found.curves.allSatisfy { $0.rates.count < 2 } ? [] : [figure(found, recipe: recipe)]
  }

  private static func shows(_ rate: Double, _ found: RateFinder) -> Bool {
    found.swept?.contains(rate) ?? false
  }

  private static func clamped(_ rate: Double, _ found: RateFinder) -> Double {
    guard let swept = found.swept else { return rate }
    return min(max(rate, swept.lowerBound), swept.upperBound)
  }

  // MARK: JSON

  /// The fields that programs rely on.
  private static func contract(_ found: RateFinder) -> [(key: String, value: JSONValue)] {
    let rules = RateRule.allCases.map { rule in
      (rule.rawValue, JSONValue(found.suggestions.first { $0.rule == rule }?.rate))
    }
    let curve = RateCurve.median(found.curves).map { point -> JSONValue in
      ["lr": .number(point.rate), "loss": .number(point.loss)]
    }
    return [
      ("suggested", JSONValue(found.suggested)), ("low", JSONValue(found.range?.lowerBound)),
      ("high", JSONValue(found.range?.upperBound)), ("rules", .object(rules)),
      ("curve", .array(curve)),
      (
        "steps",
        .object([
          ("sweeps", .integer(found.cost.sweeps)), ("probes", .integer(found.cost.probes)),
          ("run", .integer(found.runSteps)),
        ])
      ),
    ]
  }
}
