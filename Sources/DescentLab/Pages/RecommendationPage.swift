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
          ("task", .text(scenario.name)), ("example", .text(scenario.example)),
          ("optimizer", .text(advice.candidate.rule)),
          ("state", .text(advice.candidate.state.rawValue)),
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
    .replacing(#/warmup (\d+)/#) { match in
      // The recipe of texts has 2,000 steps.
      guard case .text = advice.scenario.stage, let steps = Double(match.1) else {
        return "warmup \(match.1) steps"
      }
      return "warmup \(match.1) of 2,000 steps (\(percent(steps / 2000, 0)))"
    }
    var words = ""
    if advice.fits == false, let limit = advice.limit {
      words = "Nothing fits in \(MemoryPage.both(limit)) as it stands: see below. "
    }
    words +=
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
      " Without activations, \(counted(parameters, "parameter"))"
      + (advice.scenario.adapters.map {
        " frozen in 16 bits, with float32 adapters of rank \($0),"
      } ?? " with float32 weights and gradients")
      + " take \(MemoryPage.both(row.peak))"
    guard let limit = advice.limit, let plan = advice.plan else { return words + "." }
    if advice.fits == true {
      return words + ": \(MemoryPage.both(limit)) leaves \(bytes(limit - row.peak)) for them "
        + "(descent memory --batch 1 --context 2048 counts them)."
    }
    words += ", which does not fit in \(MemoryPage.both(limit)). "
    let formats = plan.formats(of: row).filter { plan.fits($0) && $0.weights != row.weights }
    if let format = formats.first {
      words += "With \(format.weights.rawValue) weights it does (\(bytes(format.peak))). "
    }
    return words + "By descent memory, \(MemoryPage.remedies(row, plan))"
      + (advice.scenario.adapters == nil ? " Adapters are --task lora." : "")
  }
}
