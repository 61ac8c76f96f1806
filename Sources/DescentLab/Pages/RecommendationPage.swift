import Descent

/// What to train with.
public enum RecommendationPage {
  /// All scenarios, a line each.
  public static func list() -> Document {
    let table = Table(
      [.init("task"), .init("optimizer"), .init("title", "what it is")], key: "tasks",
      rows: Scenario.all.map {
        [.text($0.name), .text($0.candidates[0].label), .text($0.title)]
      })
    return Document(
      "Tasks",
      [
        .table(table),
        .paragraph("descent recommend --task NAME --memory 24G --parameters 7B says more."),
      ])
  }

  /// The answer, the candidates with their memory, reasons, sources, and the recipe.
  public static func about(_ advice: Recommendation) -> Document {
    let scenario = advice.scenario
    let table = Table(
      [
        .init("optimizer"), .init("settings"), .init("peak_bytes", "peak", alignment: .right),
        .init("fits"), .init("reason", "why"),
      ], key: "candidates",
      rows: advice.candidates.map { candidate, row in
        [
          .text(candidate.label), .text(settings(candidate)),
          row.map { .bytes($0.peak) } ?? .nothing,
          fits(row, advice), .text(candidate.reason),
        ]
      })
    let clip = scenario.clip.flatMap { advice.candidate.isUnclipped ? nil : $0 }
    return Document(
      scenario.title,
      [
        .data([
          ("task", .text(scenario.name)), ("optimizer", .text(advice.candidate.rule)),
          ("state", .text(advice.candidate.settings.contains("state: int8") ? "int8" : "float32")),
          ("parameters", advice.parameters.map(JSONValue.integer) ?? .null),
          ("limit_bytes", advice.limit.map(JSONValue.integer) ?? .null),
          ("fits", advice.fits.map(JSONValue.flag) ?? .null),
        ]),
        .paragraph(verdict(advice, clip), key: "verdict"),
        .list(scenario.reasons, key: "reasons"),
        .section(Section("Candidates, best first", [.table(table)])),
        .list(scenario.cautions, .warnings, key: "cautions"),
        .section(Section("Recipe", [.preformatted(advice.recipe, key: "recipe")])),
        .section(Section("Sources", [.list(scenario.sources, key: "sources")])),
      ])
  }

  private static func fits(_ row: MemoryPlan.Row?, _ advice: Recommendation) -> Table.Cell {
    guard let row, let limit = advice.limit else { return .nothing }
    return .flag(row.peak <= limit)
  }

  /// `lr=3e-4 weight_decay=0.1`
  private static func settings(_ candidate: Scenario.Candidate) -> String {
    candidate.settings.replacing(": ", with: "=")
  }

  private static func verdict(_ advice: Recommendation, _ clip: String?) -> String {
    let candidate = advice.candidate
    let schedule = (candidate.schedule ?? advice.scenario.schedule).filter {
      $0 != "{" && $0 != "}"
    }
    .replacing("name: ", with: "").replacing(": ", with: " ")
    var words =
      "Take \(candidate.label) (\(settings(candidate))), with the schedule \(schedule)"
    if let clip {
      words +=
        " and a limit of \(clip.filter { $0.isNumber || $0 == "." }) on the norm of gradients"
    }
    words += ": \(candidate.reason)."
    guard let row = advice.candidates[advice.choice].row, let parameters = advice.parameters else {
      return words
    }
    words +=
      " With \(counted(parameters, "parameter"))"
      + (advice.scenario.adapters.map { ", frozen in 16 bits under adapters of rank \($0)," } ?? "")
      + " it takes \(MemoryPage.both(row.peak)) beside the activations"
    switch (advice.fits, advice.limit) {
    case (true, let limit?): words += ", which fits in \(MemoryPage.both(limit))."
    case (_, let limit?):
      words +=
        ", the least of the candidates, and does not fit in \(MemoryPage.both(limit)): "
        + (advice.scenario.adapters == nil
          ? "train adapters (--task lora), or share the memory (descent memory --ranks 8 --zero 3)."
          : "keep the frozen weights in 4 bits (descent memory --lora 16 --base-bits 4).")
    default: words += "."
    }
    return words
  }
}
