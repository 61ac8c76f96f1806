import Descent
import Foundation

/// What a study found, for people and programs.
public enum StudyPage {
  /// The question, what became of each claim, and everything that is needed to judge and repeat it.
  ///
  /// - Parameters:
  ///   - command: the command line that repeats it.
  ///   - isWhole: whether every single run is listed, too.
  public static func about(
    _ result: StudyResult, command: String, isWhole: Bool = true
  ) -> Document {
    let plan = result.plan
    var blocks: [Document.Block] = [.data(fields(result))]
    blocks.append(.paragraph(plan.question))
    if plan.isQuick {
      blocks.append(
        .list(["This is the quick study: it shows that all works, and proves little."], .notes))
    }
    blocks += paragraphs(plan.notes).map { .paragraph($0) }
    if !plan.claims.isEmpty {
      blocks.append(.paragraph(count(result)))
      blocks.append(.table(answers(result)))
    }
    blocks.append(.list(failures(result), .warnings))
    let figures = plan.panels.compactMap(StudyFigures(result: result).figure)
    blocks.append(.section(Section("Panels", [.figures(figures)])))
    if !plan.claims.isEmpty {
      blocks.append(
        .section(Section("Claims", [.list(result.verdicts.map { line($0, plan) })])))
    }
    blocks += plan.experiments.map { .section(section($0, result, isWhole: isWhole)) }
    blocks.append(
      .section(Section("How it was judged", isFolded: true, [.list(conditions(result))])))
    blocks.append(
      .section(Section("To repeat it", [.preformatted(command), .paragraph(time(result))])))
    return Document("Study: \(plan.name)", blocks)
  }

  /// The built-in studies.
  public static func list() -> Document {
    Document(
      "Studies",
      [
        .table(
          Table(
            [.init("name", "study"), .init("question", "question")], key: "studies",
            rows: BuiltInStudies.list.map { [.text($0.name), .text($0.question)] }))
      ])
  }

  // MARK: Claims

  private static func answers(_ result: StudyResult) -> Table {
    var table = Table([.init("claim"), .init("verdict")])
    for verdict in result.verdicts {
      let outcome = verdict.outcome
      table.append(.text(verdict.claim.say), .verdict(outcome.rawValue, outcome.verdict))
    }
    return table
  }

  /// `29 claims: 24 supported, 3 contradicted, 2 undecided.`
  private static func count(_ result: StudyResult) -> String {
    let parts = StudyVerdict.Outcome.allCases.compactMap { outcome -> String? in
      let count = result.verdicts.count { $0.outcome == outcome }
      return count == 0 ? nil : "\(count) \(outcome.rawValue)"
    }
    return "\(counted(result.verdicts.count, "claim")): \(parts.joined(separator: ", "))."
  }

  private static func line(_ verdict: StudyVerdict, _ plan: StudyPlan) -> String {
    let (claim, notes) = (verdict.claim, verdict.notes.joined(separator: "; "))
    var sentence = verdict.sentence
    // What holds for all cells of the claim need not stand with each of them.
    for (key, value) in claim.filter {
      let axis = plan.experiment(claim.experiment)?.axes.first { $0.key == key }
      let part = key == "points" ? value : "\(axis?.label ?? key)=\(value)"
      sentence = sentence.replacing(", \(part)", with: "").replacing("\(part), ", with: "")
    }
    // Keys of metrics stay as they are.
    if !sentence.hasPrefix(claim.metric.text) { sentence = sentence.capitalizedFirst }
    return "“\(claim.say)”: \(verdict.outcome.rawValue). \(sentence)"
      + "\(notes.isEmpty ? "" : " (\(notes))")."
  }

  /// Lines that follow each other make a paragraph, as in Markdown.
  private static func paragraphs(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .split { $0.allSatisfy(\.isWhitespace) }
      .map { $0.map { String($0).trimmed }.joined(separator: " ") }
  }

  /// Failures, each with its reason; alike ones are said once.
  private static func failures(_ result: StudyResult) -> [String] {
    let failed = result.all.filter { $0.failure != nil }
    return Dictionary(grouping: failed) { $0.failure ?? "" }
      .sorted { ($0.value[0].folder) < ($1.value[0].folder) }
      .map { reason, runs in
        let labels = few(runs.map(\.trial.label).map { "“\($0)”" })
        return runs.count == 1
          ? "The run \(labels) failed: \(reason.inOneSentence)"
          : "The runs \(labels) failed: \(reason.inOneSentence)"
      }
  }

  // MARK: Experiments

  private static func section(
    _ experiment: StudyPlan.Experiment, _ result: StudyResult, isWhole: Bool
  ) -> Section {
    let changes =
      experiment.changes.isEmpty ? "" : ", with \(experiment.changes.joined(separator: ", "))"
    let differs = experiment.cells.map { cell in
      "\(cell.label): \(cell.changes.isEmpty ? "nothing" : cell.changes.joined(separator: ", "))"
    }
    var blocks: [Document.Block] = [
      .paragraph("The recipe \(experiment.source.name)\(changes).")
    ]
    blocks += tables(experiment, result).map { .table($0) }
    if experiment.axes.contains(where: { $0.key == "points" }) {
      blocks.append(
        .section(
          Section(
            "What differs", id: "differs-\(experiment.name)", isFolded: true, [.list(differs)])))
    }
    if isWhole {
      blocks.append(
        .section(
          Section(
            "Runs", id: "runs-\(experiment.name)", isFolded: true,
            [.table(runs(experiment, result))])))
    }
    return Section(experiment.title, id: "experiment-\(experiment.name)", blocks)
  }

  /// What the claims and panels use and the tables ask for, a row for each cell.
  private static func tables(
    _ experiment: StudyPlan.Experiment, _ result: StudyResult
  ) -> [Table] {
    let plan = result.plan
    let asked = plan.tables.filter { $0.experiment == experiment.name }.map(\.columns)
    let used: [(metric: StudyMetric, reduction: StudyReduction)] =
      plan.claims.filter { $0.experiment == experiment.name && !$0.expectation.isOfSeries }
      .map { ($0.metric, $0.reduction) }
      + plan.panels.filter { $0.experiment == experiment.name }.flatMap { panel in
        panel.metrics.map { ($0, panel.reduction ?? .final) }
      }
    let all = asked.isEmpty ? [used.uniqued { "\($0.metric.text) \($0.reduction)" }] : asked
    return all.filter { !$0.isEmpty }.map { columns in
      let isMany = plan.seeds > 1
      var table = Table(
        [.init("cell", "")]
          + columns.map { .init($0.metric.text, $0.reduction.words($0.metric), alignment: .right) }
          + [.number("runs"), .number("failures")])
      for (index, cell) in experiment.cells.enumerated() {
        let runs = result.runs(experiment.name, index)
        let failed = runs.count { $0.failure != nil }
        let cells = columns.map { column -> Table.Cell in
          let one = StudyVerdict.Cell(
            label: cell.label,
            values: result.values(experiment.name, index, column.metric, column.reduction),
            isRatio: column.metric.isRatio || column.reduction.isRatio,
            metric: column.metric.metric(column.reduction))
          guard let mean = one.mean else {
            return column.metric.isUnbounded && failed < runs.count
              ? .text("not reached") : .nothing
          }
          let known = one.values.count { $0 != nil }
          if column.metric.isUnbounded, known < runs.count {
            return .text("\(short(mean, 4)) (\(known) of \(counted(runs.count, "run")))")
          }
          if column.metric.isBytes { return .bytes(Int(min(mean, 1e18))) }
          // How long runs take depends on what else the machine does.
          let interval = isMany && column.metric.isSeries ? one.interval : nil
          let ends = interval.map { [short($0.low, 4), short($0.high, 4)] } ?? []
          return .text(
            short(mean, 4) + (Set(ends).count == 2 ? " (\(ends.joined(separator: " to ")))" : ""))
        }
        table.append(
          [.text(cell.label)] + cells + [
            .count(runs.count), failed == 0 ? .nothing : .count(failed),
          ])
      }
      return table
    }
  }

  private static func runs(_ experiment: StudyPlan.Experiment, _ result: StudyResult) -> Table {
    var table = Table([
      .init("cell", "cell"), .init("seed", "seed", alignment: .right), .number("steps"),
      .number("seconds", "s", .fixed(1)), .number("final", "final loss", .significant(5)),
      .init("folder"), .init("failure", "failed"),
    ])
    for (index, cell) in experiment.cells.enumerated() {
      for run in result.runs(experiment.name, index) {
        let outcome = run.trial.outcome ?? TrialOutcome()
        table.append(
          .text(cell.label), .ordinal(run.number + 1), .count(outcome.steps),
          .number(outcome.seconds), outcome.final.map { .number($0) } ?? .nothing,
          .text(run.folder), .text(outcome.failure?.inOneSentence ?? ""))
      }
    }
    return table
  }

  // MARK: Words

  private static func conditions(_ result: StudyResult) -> [String] {
    let plan = result.plan
    return [
      plan.seeds == 1
        ? "Each cell has one run; with one seed only the direction of a difference counts, and "
          + "nothing is proven."
        : "Each cell has \(plan.seeds) runs, which differ by their seeds; runs of one seed are "
          + "compared with each other, in pairs. Proven means p < 0.05: Student's t of the "
          + "differences between runs of one seed, two-sided, after Holm's correction for the "
          + "comparisons of a claim. Claims are judged each by itself.",
      "Numbers whose sizes differ by decades (d, lr, norms, times, bytes) are compared by their "
        + "ratios, that is by the logarithms, and their means are geometric; others by "
        + "differences.",
      "Numbers that differ by no more than \(percent(StudyComparison.margin, 1)) count as the "
        + "same, unless a claim says otherwise.",
      "“Equal” and “within” are supported where all of the 90 % interval lies within the share "
        + "(two one-sided tests).",
      "A claim about every run is contradicted by a single one where it says never.",
    ]
  }

  private static func time(_ result: StudyResult) -> String {
    let runs = result.all
    let trained = runs.compactMap { $0.trial.outcome?.seconds }.reduce(0, +)
    return
      "\(counted(runs.count, "run")), \(clock(trained)) of training; this process worked on it for "
      + "\(clock(result.seconds))."
  }

  // MARK: For programs

  private static func fields(_ result: StudyResult) -> [(key: String, value: JSONValue)] {
    let plan = result.plan
    let claims = result.verdicts.map { verdict -> JSONValue in
      let cells = verdict.cells.map { cell -> JSONValue in
        [
          "cell": .text(cell.label), "mean": JSONValue(cell.mean),
          "low": JSONValue(cell.interval?.low), "high": JSONValue(cell.interval?.high),
          "values": .array(cell.values.map { JSONValue($0) }),
        ]
      }
      let comparisons = verdict.comparisons.map { one -> JSONValue in
        [
          "a": .text(one.a), "b": .text(one.b),
          one.isRatio ? "ratio" : "difference": JSONValue(one.change),
          "low": JSONValue(one.interval?.low), "high": JSONValue(one.interval?.high),
          "p": .number(one.p), "proven": .flag(one.isProven), "pairs": .integer(one.pairs),
          "agree": .integer(one.agreeing),
        ]
      }
      return [
        "say": .text(verdict.claim.say), "verdict": .text(verdict.outcome.rawValue),
        "sentence": .text(verdict.sentence), "notes": .array(verdict.notes.map(JSONValue.text)),
        "experiment": .text(verdict.claim.experiment), "metric": .text(verdict.claim.metric.text),
        "of": verdict.claim.metric.isSeries && !verdict.claim.expectation.isOfSeries
          ? .text("\(verdict.claim.reduction)") : .null,
        "compare": .text(verdict.isRatio ? "ratio" : "difference"), "cells": .array(cells),
        "comparisons": .array(comparisons),
      ]
    }
    let experiments = plan.experiments.map { experiment -> JSONValue in
      let cells = experiment.cells.enumerated().map { index, cell -> JSONValue in
        let runs = result.runs(experiment.name, index).map { run -> JSONValue in
          let outcome = run.trial.outcome ?? TrialOutcome()
          return [
            "seed": .integer(run.number + 1), "folder": .text(run.folder),
            "final": JSONValue(outcome.final), "steps": .integer(outcome.steps),
            "seconds": .number(outcome.seconds), "state_bytes": .integer(outcome.stateBytes),
            "failure": outcome.failure.map(JSONValue.text) ?? .null,
          ]
        }
        return [
          "cell": .text(cell.label), "changes": .array(cell.changes.map(JSONValue.text)),
          "runs": .array(runs),
        ]
      }
      return [
        "name": .text(experiment.name), "title": .text(experiment.title),
        "recipe": .text(experiment.source.name),
        "changes": .array(experiment.changes.map(JSONValue.text)), "cells": .array(cells),
      ]
    }
    let panels = plan.panels.compactMap { panel -> JSONValue? in
      StudyFigures(result: result).figure(panel)?.json
    }
    return [
      ("study", .text(plan.name)), ("question", .text(plan.question)),
      ("quick", .flag(plan.isQuick)),
      ("seeds", .integer(plan.seeds)), ("folder", .text(result.folder)), ("claims", .array(claims)),
      ("experiments", .array(experiments)), ("panels", .array(panels)),
      ("failures", .integer(result.all.count { $0.failure != nil })),
      (
        "training_seconds",
        .number(result.all.compactMap { $0.trial.outcome?.seconds }.reduce(0, +))
      ),
      ("seconds", .number(result.seconds)),
    ]
  }
}

extension StudyVerdict.Outcome {
  fileprivate var verdict: Table.Verdict {
    switch self {
    case .supported: .good
    case .contradicted: .bad
    case .undecided: .open
    }
  }
}

extension StudyMetric {
  /// Whether its numbers are sizes in memory.
  var isBytes: Bool {
    switch kind {
    case .fact(.stateBytes), .track("memory_bytes"): true
    default: false
    }
  }
}

extension String {
  /// Sentences that stand below each other, one after another.
  var inOneSentence: String { split(separator: "\n").joined(separator: "; ") }

  fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
