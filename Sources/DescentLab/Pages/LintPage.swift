import Descent

/// What lint has to say of a recipe.
public enum LintPage {
  /// The warnings, each with its reason, its source and what to do.
  public static func about(_ report: LintReport) -> Document {
    Document("Lint of \(report.name)", blocks(report.warnings, remark: report.remark))
  }

  /// What a configuration of another tool comes to, and the warnings in its words.
  ///
  /// - Throws: what contradicts the length of the run.
  public static func about(
    _ report: LintReport, of configuration: ForeignConfiguration
  ) throws -> Document {
    let all = try configuration.blocks(called: report.name)
    // How long it trains, what is wrong with it, and only then the rest.
    return Document(
      "Lint of \(report.name)",
      Array(all.prefix(2)) + [.section(Section("Warnings", blocks(report.warnings)))]
        + all.dropFirst(2))
  }

  private static func blocks(_ warnings: [LintWarning], remark: String? = nil) -> [Document.Block] {
    let verdict =
      warnings.isEmpty
      ? "Nothing to warn of: \(counted(Lint.rules.count, "rule")) checked."
      : "\(counted(warnings.count, "warning")), of \(counted(Lint.rules.count, "rule"))."
    return [
      .paragraph(verdict),
      .list(remark.map { [$0] } ?? [], .notes),
      .sections(warnings.map(section), key: "warnings"),
    ]
  }

  private static func section(_ warning: LintWarning) -> Section {
    Section(
      warning.place,
      [
        .data([
          ("rule", .text(warning.rule)), ("where", .text(warning.place)),
          ("reason", .text(warning.reason)), ("source", .text(warning.source)),
          ("fix", .text(warning.fix)),
        ]),
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
      !first.isEmpty && first.allSatisfy(\.isLowercase) && !text.hasPrefix("lr")
      && text.dropFirst(first.count).first == " "
    return (isWord ? text.prefix(1).uppercased() + text.dropFirst() : text) + "."
  }
}
