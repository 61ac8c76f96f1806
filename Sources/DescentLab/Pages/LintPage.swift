import Descent

/// What lint has to say of a recipe.
public enum LintPage {
  /// The warnings, each with its reason, its source and what to do.
  public static func about(_ report: LintReport) -> Document {
    Document(
      "Lint of \(report.name)",
      [
        .paragraph(verdict(report.warnings)), .list(report.remark.map { [$0] } ?? [], .notes),
        data(report.warnings), .sections(report.warnings.map { section($0) }),
      ])
  }

  /// What a configuration of another tool comes to, and the warnings in its words.
  ///
  /// - Throws: what contradicts the length of the run.
  public static func about(
    _ report: LintReport, of configuration: ForeignConfiguration
  ) throws -> Document {
    let refused = report.warnings.filter { $0.rule == LintWarning.refused }
    let others = report.warnings.filter { $0.rule != LintWarning.refused }
    let start =
      refused.isEmpty
      ? ""
      : "This file will not start with \(configuration.version): "
        + "\(counted(refused.count, "mistake"))."
    // Whether it starts, how long it trains, the curve, and only then the details.
    return Document(
      "Lint of \(report.name)",
      [
        .paragraph(start), .paragraph(refused.isEmpty || !others.isEmpty ? verdict(others) : ""),
        data(report.warnings),
        .section(Section("What is refused", [.sections(refused.map { section($0) })])),
      ] + (try configuration.runBlocks(called: report.name))
        + [.section(Section("Warnings", [.sections(others.map { section($0) })]))]
        + configuration.restBlocks(beside: report.warnings))
  }

  private static func verdict(_ warnings: [LintWarning]) -> String {
    warnings.isEmpty
      ? "Nothing to warn of: \(counted(Lint.rules.count, "rule")) checked."
      : "\(counted(warnings.count, "warning")), of \(counted(Lint.rules.count, "rule"))."
  }

  private static func data(_ warnings: [LintWarning]) -> Document.Block {
    .data([
      (
        "warnings",
        .array(
          warnings.map { warning in
            [
              "rule": .text(warning.rule), "where": .text(warning.place),
              "reason": .text(warning.reason), "source": .text(warning.source),
              "fix": .text(warning.fix),
            ]
          })
      )
    ])
  }

  private static func section(_ warning: LintWarning) -> Section {
    Section(
      warning.place + (warning.isDefault ? " (by default)" : ""),
      [
        .paragraph(sentence(warning.reason)),
        .facts([
          Fact("fix", .text(warning.fix)), Fact("source", .text(warning.source)),
          Fact("rule", .text(warning.rule)),
        ]),
      ])
  }

  /// A warning in a short line, for the start of a run: the whole reason only where it is short.
  public static func line(_ warning: LintWarning) -> String {
    let summary = Lint.rules.first { $0.name == warning.rule }?.summary
    let reason = warning.reason.count > 110 ? summary ?? warning.reason : warning.reason
    let fix = warning.changes.isEmpty ? warning.fix : LintWarning.fix(warning.changes, "")
    return "\(warning.place): \(reason); \(fix) (\(warning.rule))"
  }

  /// What `--fix` has done.
  public static func about(_ fix: LintFix, file: String) -> Document {
    let done = fix.changes.map { "\($0.change) (\($0.rule))" }
    return Document(
      "",
      [
        .paragraph(
          done.isEmpty
            ? "Nothing was changed in \(file)."
            : "Changed in \(file):"),
        .list(done),
        .paragraph(fix.left.isEmpty ? "" : "Left as it is:"),
        .list(fix.left.map { "\($0.warning.place) (\($0.warning.rule)): \($0.why)" }, .warnings),
      ])
  }

  private static func sentence(_ text: String) -> String {
    // A sentence that begins with a key keeps its letters.
    let first = text.prefix { $0.isLetter }
    let isWord =
      !first.isEmpty && first.allSatisfy { ("a"..."z").contains($0) } && !text.hasPrefix("lr")
      && text.dropFirst(first.count).first == " "
    return (isWord ? text.prefix(1).uppercased() + text.dropFirst() : text) + "."
  }
}
