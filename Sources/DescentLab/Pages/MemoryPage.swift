import Descent
import DescentTraining

/// What training a model takes.
public enum MemoryPage {
  /// The answer first, then optimizers side by side, formats of weights, phases, and what fits.
  public static func about(_ plan: MemoryPlan) -> Document {
    var blocks: [Document.Block] = [
      .data([
        ("parameters", .integer(plan.subject.count)),
        ("trainable", .integer(plan.subject.trainable)),
        ("limit_bytes", .integer(plan.limit)), ("ranks", .integer(plan.options.ranks)),
        ("zero", .integer(plan.options.sharing.rawValue)),
        ("activations_counted", .flag(plan.subject.uncounted == nil)),
      ]),
      .paragraph(verdict(plan), key: "verdict"),
      .list(plan.subject.notes, .notes, key: "notes"),
    ]
    if plan.options.limit != nil { blocks.append(.section(fitting(plan))) }
    if let main = plan.main { blocks += about(main, of: plan) }
    blocks.append(.section(Section("Optimizers", optimizers(plan))))
    if let bars = bars(plan) { blocks.append(.section(bars)) }
    if let galore = projected(plan) { blocks.append(.section(galore)) }
    blocks += [
      .data([("rows", rows(plan))]),
      .data([
        (
          "refused",
          .array(
            plan.refused.map { refusal in
              [
                "optimizer": .text(refusal.optimizer), "state": .text(refusal.state.rawValue),
                "reason": .text(refusal.reason),
              ]
            })
        )
      ]),
    ]
    return Document("Memory of \(plan.subject.name)", blocks)
  }

  /// `84 GB (78.2 GiB)`
  static func both(_ n: Int) -> String {
    let binary = Double(n) / 0x1p30
    return binary < 1 ? bytes(n) : "\(bytes(n)) (\(short(binary, 3)) GiB)"
  }

  private static func name(_ row: MemoryPlan.Row, _ plan: MemoryPlan) -> String {
    let weights = row.weights.rawValue
    return "\(row.optimizer) with \(row.state.rawValue) state and "
      + (plan.options.adapters.map {
        "\(weights) adapters of rank \(grouped($0.rank)) on weights frozen in \($0.baseBits) bits"
      } ?? "\(weights) weights")
  }

  // MARK: The answer

  private static func verdict(_ plan: MemoryPlan) -> String {
    guard let main = plan.main else { return "No optimizer could be counted." }
    let device = plan.options.ranks > 1 ? " on each of \(grouped(plan.options.ranks)) devices" : ""
    var words = plan.subject.uncounted.map { "Without activations (\($0)), " } ?? ""
    words += "\(name(main, plan)) takes \(both(main.peak))"
    if plan.options.recomputes { words += " with recomputation" }
    if plan.options.releasesGradients { words += ", gradients freed one by one," }
    words += " at its peak\(device)."
    if let largest = main.parts.first {
      let share = percent(Double(largest.bytes) / Double(max(1, main.peak)), 0)
      words += " The largest part: \(largest.name), \(bytes(largest.bytes)) (\(share))."
    }
    if main.hostBytes > 0 { words += " The host keeps \(both(main.hostBytes)) beside it." }
    let whose =
      plan.options.limit == nil ? "this machine's \(both(plan.limit))" : both(plan.limit)
    guard plan.fits(main) else {
      return words + " That does not fit in \(whose). " + advice(main, plan)
    }
    guard plan.subject.uncounted != nil else { return words + " That fits in \(whose)." }
    return words + " \(whose.prefix(1).uppercased() + whose.dropFirst()) leaves "
      + "\(bytes(plan.limit - main.peak)) for activations."
  }

  /// What to change, each tried.
  private static func advice(_ row: MemoryPlan.Row, _ plan: MemoryPlan) -> String {
    var words = ""
    if let best = plan.best.first {
      words = "The best that fits is \(name(best, plan)), which takes \(both(best.peak)). "
    } else if let least = (plan.rows + plan.others).min(by: { $0.peak < $1.peak }) {
      words =
        "Nothing here fits; the least is \(name(least, plan)), \(both(least.peak)). "
    }
    return words + remedies(row, plan)
  }

  /// With which changes a row fits.
  static func remedies(_ row: MemoryPlan.Row, _ plan: MemoryPlan) -> String {
    let remedies = plan.remedies(for: row)
    let name = "\(row.optimizer) with \(row.state.rawValue) state"
    if remedies.isEmpty {
      let tried = plan.triedRemedies
      return tried.isEmpty ? "" : "It fits with none of these changes: \(tried)."
    }
    let changes = remedies.prefix(4).map {
      "\($0.change) (\(bytes($0.peak))"
        + ($0.hostBytes > 0 ? " and \(bytes($0.hostBytes)) of the host's)" : ")")
    }
    return "\(name) fits with "
      + changes.dropLast().map { $0 + ", " }.joined()
      + (changes.count > 1 ? "or " : "") + (changes.last ?? "") + "."
  }

  // MARK: Parts

  private static func about(_ row: MemoryPlan.Row, of plan: MemoryPlan) -> [Document.Block] {
    let parts = Table(
      [
        .init("part", ""), .init("bytes", "", alignment: .right), .number("share", "", .percent(0)),
      ],
      rows: row.parts.map {
        [.text($0.name), .bytes($0.bytes), .number(Double($0.bytes) / Double(max(1, row.peak)))]
      })
    let phases = Table(
      [.init("phase", ""), .init("bytes", "", alignment: .right), .init("what", "")],
      rows: phaseRows(row, plan))
    let formats = plan.formats(of: row)
    let weights = Table(
      [
        .init("format", "\(plan.options.adapters == nil ? "weights" : "adapters") kept as"),
        .init(
          "weights", plan.options.adapters == nil ? "weights" : "all weights", alignment: .right),
        .init("masters", alignment: .right), .init("gradients", alignment: .right),
        .init("state", alignment: .right), .init("peak", alignment: .right),
        .init("fits", plan.options.limit == nil ? "fits here" : "fits"),
      ],
      rows: formats.map {
        [
          .text($0.weights.rawValue), .bytes($0.weightBytes),
          $0.masterBytes > 0 ? .bytes($0.masterBytes) : .nothing, .bytes($0.gradientBytes),
          .bytes($0.stateBytes), .bytes($0.peak), .flag(plan.fits($0)),
        ]
      })
    var after: [Document.Block] = [.table(weights)]
    if case .run = plan.subject.training {
      after.append(
        .paragraph(
          "With weights.format=bf16: bf16 (weights.rounding=stochastic) keeps weights in 2 bytes each, and "
            + "with precision=bf16 so does what derivatives keep of them; bf16+master "
            + "(weights.rounding=master) keeps float32 weights, of which a step makes copies in bf16; "
            + "bf16+kahan (weights.rounding=kahan) keeps what rounding lost, as a part of the state."
        ))
    } else {
      after.append(
        .paragraph(
          "Gradients have the format of the weights. bf16+master keeps float32 copies that updates go "
            + "to; bf16+kahan keeps what rounding lost, as a part of the state; bf16 rounds at random."
        ))
    }
    return [
      .section(Section("\(row.optimizer), \(row.state.rawValue) state: parts", [.table(parts)])),
      .section(Section("Phases", [.table(phases)])),
      .section(Section("Formats of weights", after)),
    ]
  }

  private static func phaseRows(_ row: MemoryPlan.Row, _ plan: MemoryPlan) -> [[Table.Cell]] {
    let isRun = if case .run = plan.subject.training { true } else { false }
    let load =
      isRun
      ? "program, data, weights and state" : "weights\(row.masterBytes > 0 ? " and masters" : "")"
    let first =
      isRun
      ? "and gradients, activations, safety copies"
      : "and gradients\(row.activationBytes > 0 ? ", activations" : "")"
    return [
      [.text("load"), .bytes(row.phases.load), .text(load)],
      [.text("first step"), .bytes(row.phases.firstStep), .text(first)],
      [
        .text("steady"), .bytes(row.phases.steady),
        .text(isRun ? "and what the update works in" : "and state, and what the update works in"),
      ],
      [
        .text("save"), .bytes(row.phases.save),
        .text(
          isRun ? "and the copy of a checkpoint" : "no activations; written from where it lies"),
      ],
    ]
  }

  // MARK: Tables

  private static func optimizers(_ plan: MemoryPlan) -> [Document.Block] {
    let formats = StateStorage.Format.allCases
    var table = Table(
      [.init("optimizer")]
        + formats.map { .init("state", "\($0.rawValue) state", alignment: .right) }
        + formats.map {
          .init("peak", "\($0 == .float32 ? "peak" : $0.rawValue)", alignment: .right)
        })
    var names: [String] = []
    for row in plan.rows where !names.contains(row.optimizer) { names.append(row.optimizer) }
    for name in names {
      let found = formats.map { format in
        plan.rows.first { $0.optimizer == name && $0.state == format }
      }
      table.append(
        [.text(name)] + found.map { $0.map { .bytes($0.stateBytes) } ?? .nothing }
          + found.map { $0.map { .bytes($0.peak) } ?? .nothing })
    }
    let trained = plan.main?.weights.rawValue ?? "float32"
    let weights = plan.options.adapters == nil ? "\(trained) weights" : "\(trained) adapters"
    return [
      .table(table),
      .paragraph(
        "State, then the peak of everything, with \(weights); a dash is a combination that is "
          + "not offered. Units are decimal: 1 GB is 10⁹ bytes."),
    ]
  }

  /// What is where, for optimizers that are widely known.
  private static func bars(_ plan: MemoryPlan) -> Section? {
    let shown = plan.rows.filter { $0.isCustomary && $0.state != .bfloat16 }
      .filter { $0.state == .float32 || $0.optimizer == "adamw" }
    guard shown.count > 1, let most = shown.map(\.peak).max(), most > 0 else { return nil }
    let rows = shown.map { row -> [Table.Cell] in
      let named = [
        ("weights", row.weightBytes + row.masterBytes), ("gradients", row.gradientBytes),
        ("state", row.stateBytes), ("activations", row.activationBytes),
      ]
      let others = max(0, row.peak - named.reduce(0) { $0 + $1.1 })
      let parts = (named + [("other", others)]).enumerated().filter { $0.element.1 > 0 }.map {
        Table.Part(
          name: $0.element.0, share: Double($0.element.1) / Double(most), color: $0.offset)
      }
      return [
        .text(row.state == .float32 ? row.optimizer : "\(row.optimizer), int8"), .bytes(row.peak),
        .bar(parts),
      ]
    }
    let table = Table(
      [.init("optimizer"), .init("peak", alignment: .right), .init("parts")], rows: rows)
    return Section(
      "Where it is",
      [
        .table(table),
        .paragraph(
          "w weights, g gradients, s state, a activations, o what else there is at the peak."),
      ])
  }

  /// What GaLore would keep, which Descent does not have.
  private static func projected(_ plan: MemoryPlan) -> Section? {
    guard case .arithmetic = plan.subject.training, plan.options.adapters == nil else { return nil }
    let own = LowRankGradients.count(plan.subject.parameters, rank: .max)
    let rows: [[Table.Cell]] = [128, 256, 512, 1024].compactMap { rank in
      let count = LowRankGradients.count(plan.subject.parameters, rank: rank)
      return count < own ? [.ordinal(rank), .bytes(4 * count), .bytes(2 * count)] : nil
    }
    if rows.isEmpty { return nil }
    let table = Table(
      [
        .init("rank", alignment: .right), .init("float32", "float32 state", alignment: .right),
        .init("bfloat16", "bfloat16 state", alignment: .right),
      ], key: "galore", rows: rows)
    return Section(
      "GaLore, for comparison",
      [
        .table(table),
        .paragraph(
          "AdamW's state for gradients projected to a rank: r·(m + 2n) numbers for an m×n matrix with "
            + "m ≤ n, two a weight elsewhere (\(LowRankGradients.source)). Descent does not train with it."
        ),
      ])
  }

  private static func fitting(_ plan: MemoryPlan) -> Section {
    let best = plan.best
    let shown = best.filter(\.isCustomary).prefix(12)
    let weights = plan.options.adapters == nil ? "weights" : "adapters"
    let table = Table(
      [
        .init("optimizer"), .init("state"), .init("weights", weights),
        .init("peak", alignment: .right), .init("least", alignment: .right),
      ], empty: "nothing",
      rows: shown.map { row in
        let least = plan.fitting.filter { $0.optimizer == row.optimizer }.map(\.peak).min()
        return [
          .text(row.optimizer), .text(row.state.rawValue), .text(row.weights.rawValue),
          .bytes(row.peak),
          least.map { $0 < row.peak / 100 * 99 ? .bytes($0) : .nothing } ?? .nothing,
        ]
      })
    let hasLeast = table.rows.contains { if case .bytes = $0[4] { true } else { false } }
    let others = best.filter { row in !shown.contains { $0.optimizer == row.optimizer } }
    var after: [Document.Block] = [.table(table)]
    if !best.isEmpty {
      after.append(
        .paragraph(
          "Each optimizer with the formats that round least, those with the fewest compromises first: "
            + "state or weights in fewer bits are one each, weights rounded at random two, an "
            + "optimizer of which less is known than of AdamW two or more."
            + (hasLeast ? " 'least' is the smallest peak with other formats." : "")
            + (others.isEmpty
              ? "" : " These fit, too: \(listed(others.map(\.optimizer))).")))
    }
    return Section("What fits in \(both(plan.limit)), best first", after)
  }

  // MARK: JSON

  private static func rows(_ plan: MemoryPlan) -> JSONValue {
    let order =
      plan.options.limit == nil
      ? plan.rows
      : plan.fitting.filter { row in plan.main.map { row.weights == $0.weights } ?? true }
        + plan.rows.filter { !plan.fits($0) }
    return .array(
      order.map { row in
        .object(
          fields(row, plan) + [
            ("formats", .array(plan.formats(of: row).map { .object(fields($0, plan)) }))
          ])
      })
  }

  private static func fields(
    _ row: MemoryPlan.Row, _ plan: MemoryPlan
  ) -> [(key: String, value: JSONValue)] {
    [
      ("optimizer", .text(row.optimizer)), ("state", .text(row.state.rawValue)),
      ("weights", .text(row.weights.rawValue)), ("weights_bytes", .integer(row.weightBytes)),
      ("master_bytes", .integer(row.masterBytes)), ("gradient_bytes", .integer(row.gradientBytes)),
      ("state_bytes", .integer(row.stateBytes)),
      ("activation_bytes", .integer(row.activationBytes)),
      ("working_bytes", .integer(row.workingBytes)), ("copy_bytes", .integer(row.copyBytes)),
      ("process_bytes", .integer(row.processBytes)), ("host_bytes", .integer(row.hostBytes)),
      ("load_bytes", .integer(row.phases.load)),
      ("first_step_bytes", .integer(row.phases.firstStep)),
      ("steady_bytes", .integer(row.phases.steady)), ("save_bytes", .integer(row.phases.save)),
      ("peak_bytes", .integer(row.peak)), ("fits", .flag(plan.fits(row))),
    ]
  }
}
