extension Report {
  /// The comparison alone, for a terminal: what differs, how the runs ended, who led when.
  public var comparison: Document {
    let figures = ReportFigures(runs: runs)
    let shown = figures.losses.prefix(2)
    return Document(
      title,
      [findings] + differences + summaryBlocks + [
        leads, .figures(Array(shown)),
        .section(Section("How the logs were read", [.list(notes, .notes, key: "notes")])),
      ])
  }

  /// Who led when, for programs.
  private var leads: Document.Block {
    let differences = RunDifferences(runs)
    return .data([
      ("decided_by", differences.decisive.map(JSONValue.text) ?? .null),
      (
        "ranking",
        .array(
          differences.ranking.map { ["run": .text($0.run.name), "value": .number($0.value)] })
      ),
      (
        "leads",
        .array(
          differences.leads.map {
            [
              "run": .text(runs[$0.run].name), "from": .integer($0.steps.lowerBound),
              "to": .integer($0.steps.upperBound),
            ]
          })
      ),
    ])
  }
}
