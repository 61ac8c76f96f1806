import Descent
import DescentTraining

extension Diagnosis {
  /// Everything: findings with plots, what cannot be known, how the log was read.
  public var page: Document {
    Document(
      headline,
      [
        .data([
          ("source", .text(source)), ("format", .text(format.closest.rawValue)),
          ("steps", .integer(steps)),
        ]),
        .facts([
          Fact("Log", .text("\(source.withVisibleControls), \(counted(steps, "step"))"))
        ]),
        .sections(sections, key: "findings"),
      ] + remarks)
  }

  /// The page about several runs of one path; a single run has a page of its own.
  public static func page(_ diagnoses: [Diagnosis], of path: String) -> Document {
    guard let first = diagnoses.first else {
      return Document("\(path.withVisibleControls): no runs", [.data([("findings", .array([]))])])
    }
    guard diagnoses.count > 1 else { return first.page }
    // What programs expect of one run is said of the first; all stand in `runs`.
    guard case .object(let fields) = first.page.json else { return first.page }
    let all = diagnoses.enumerated().map { index, diagnosis -> Section in
      let page = diagnosis.page
      return Section(
        "\(diagnosis.name.withVisibleControls): \(page.title)", id: "run-\(index + 1)",
        [.data([("run", .text(diagnosis.name))])] + page.blocks)
    }
    return Document(
      "\(path.withVisibleControls): \(grouped(diagnoses.count)) runs",
      [.data(fields), .sections(all, key: "runs")])
  }

  /// A line or two for each finding: what stands at the end of a training.
  ///
  /// - Parameter command: what to call for all of it.
  public func brief(more command: String) -> Document {
    guard !faults.isEmpty else {
      let isSure = (findings.first?.confidence ?? 0) >= Self.sure
      // So short a run shows nothing.
      return Document("", [.paragraph(isSure ? "diagnosis: healthy" : "")])
    }
    return Document(
      "diagnosis", [.list(faults.prefix(3).map(\.sentence)), .paragraph("more: \(command)")])
  }

  private var headline: String {
    guard let first = findings.first else {
      return log.whyLossesNeedNotFall == nil
        ? "No loss in the log, and no fault in what else it has"
        : "No fault in what the log has beside losses, which do not tell here"
    }
    if first.confidence < Self.sure {
      return isHealthy ? "No fault seen, and little to see" : title(of: first) + ", perhaps"
    }
    return title(of: first)
  }

  /// What a finding is, and since when where it begins later and lasts.
  private func title(of finding: Finding) -> String {
    let title =
      FindingKinds.all.first { $0.name == finding.kind }?.title ?? Healthy.title
    let (from, to) = (finding.steps.lowerBound, finding.steps.upperBound)
    let isLate = Double(from) > 0.05 * Double(steps) && Double(to) > 0.95 * Double(steps)
    return isLate && from < to ? "\(title), from step \(grouped(from)) on" : title
  }

  private var remarks: [Document.Block] {
    [
      .section(
        Section("Compared", [.list(comparison, key: comparison.isEmpty ? nil : "comparison")])),
      .section(
        Section(
          "What this log does not tell", id: "unknown",
          [.list(unknown, .notes, key: "unknown")])),
      .section(
        Section(
          "How the log was read", id: "notes",
          [.list(notes.map(\.withVisibleControls), .notes, key: "notes")])),
    ]
  }

  private var sections: [Section] {
    var shown: Set<String> = []
    return findings.enumerated().map { index, finding in
      let kind =
        "\(finding.kind), confidence \(percent(finding.confidence, 0)), "
        + (finding.steps.lowerBound == finding.steps.upperBound
          ? "step \(grouped(finding.steps.lowerBound))"
          : "steps \(grouped(finding.steps.lowerBound)) to \(grouped(finding.steps.upperBound))")
      let names = index < 4 ? Array(finding.shows.filter(isShown).prefix(2)) : []
      // What a finding before has shown is not shown again.
      let new = names.filter { shown.insert($0).inserted }
      return Section(
        title(of: finding), id: "\(finding.kind)",
        [
          .data([
            ("kind", .text(finding.kind)),
            ("confidence", .number((finding.confidence * 1000).rounded() / 1000)),
            ("from", .integer(finding.steps.lowerBound)),
            ("to", .integer(finding.steps.upperBound)),
            ("evidence", .text(finding.evidence)), ("advice", .text(finding.advice)),
            ("cause", .text(finding.cause)),
          ]),
          .facts([
            Fact("Finding", .text(kind)), Fact("Seen", .text(finding.evidence.asSentence)),
            Fact("Why", .text(finding.cause)),
            Fact("Next", .text(finding.advice.asSentence)),
          ]),
          .figures(figures(finding, new)),
        ])
    }
  }

  /// Whether a metric has something to draw.
  private func isShown(_ name: String) -> Bool {
    log[name]?.values.contains(where: \.isFinite) == true
  }

  /// What a finding shows itself in, with its steps marked.
  private func figures(_ finding: Finding, _ names: [String]) -> [Figure] {
    let isAll =
      Double(finding.steps.upperBound - finding.steps.lowerBound) > 0.9 * Double(max(steps, 1))
    let charts = names.map { name -> LineChart in
      let metric = Metric.of(name)
      var chart = LineChart(
        title: metric.title, x: Axis("step"),
        y: Axis(name.withVisibleControls, metric.isLogarithmic ? .logarithmic : .linear))
      if let track = log[name] {
        let curve = Curve(track)
        if ["loss", "grad_norm"].contains(name) {
          chart.add(curve, named: curve.window > 1 ? "running mean" : "", color: 0)
        } else {
          chart.series.append(Series("", curve.points, color: 0))
        }
      }
      // One range for all, so that what is above each other happened together.
      if let first = log.tracks.values.compactMap(\.steps.first).min(), first < steps {
        chart.x.range = Double(first)...Double(steps)
      }
      if name == "lr" { chart.settleRates() } else { chart.settle() }
      if !isAll {
        chart.bands = [
          Band("", Double(finding.steps.lowerBound)...Double(finding.steps.upperBound))
        ]
      }
      return chart
    }
    return charts.isEmpty ? [] : [Figure(charts)]
  }
}

extension RunLog.Format {
  /// What the contract of the JSON calls it: JSON lines of other tools are tables, a row a line.
  var closest: RunLog.Format { self == .jsonLines ? .csv : self }
}

extension String {
  /// With a capital letter and a stop.
  fileprivate var asSentence: String {
    guard let first else { return self }
    // Keys and numbers stay as they are written.
    let isName = prefix { $0 != " " }.contains { "=._".contains($0) } || hasPrefix("lr ")
    let text = isName ? self : first.uppercased() + dropFirst()
    return hasSuffix(".") ? text : text + "."
  }
}

/// The kinds of findings: what they mean, and their thresholds.
public enum FindingKindsPage {
  /// A section for each kind.
  public static func list() -> Document {
    Document(
      "What descent diagnose looks for",
      [
        .paragraph(
          "Findings are ordered by confidence × weight; from a confidence of 0.5 on something is "
            + "a finding. --set kind.threshold=value changes a threshold."),
        .sections(
          FindingKinds.all.map { section($0) } + [
            Section(
              Healthy.name,
              [
                .data([("kind", .text(Healthy.name)), ("thresholds", .array([]))]),
                .paragraph(Healthy.summary, key: "summary"),
              ])
          ], key: "kinds"),
      ])
  }

  private static func section<Kind: FindingKind>(_ kind: Kind.Type) -> Section {
    let defaults = Dictionary(uniqueKeysWithValues: Kind().resolved.map { ($0.name, $0.value) })
    let table = Table(
      [
        .init("name", "threshold"), .init("default", alignment: .right),
        .init("meaning", "what it is"),
      ], key: "thresholds", empty: "",
      rows: Kind.settings.map {
        [
          .text("\(Kind.name).\($0.name)"), .text(defaults[$0.name].map { "\($0)" } ?? ""),
          .text($0.meaning),
        ]
      })
    return Section(
      Kind.name,
      [
        .data([("kind", .text(Kind.name)), ("weight", .number(Kind.weight))]),
        .paragraph(Kind.summary, key: "summary"), .table(table),
      ])
  }
}
