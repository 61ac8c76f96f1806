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
      ]),
      .paragraph(verdict(plan), key: "verdict"),
      .list(plan.subject.notes, .notes, key: "notes"),
    ]
    if plan.options.limit != nil { blocks.append(.section(fitting(plan))) }
    if let main = plan.main { blocks += about(main, of: plan) }
    blocks += [
      .section(Section("Optimizers", optimizers(plan))), .data([("rows", rows(plan))]),
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

  private static func name(_ row: MemoryPlan.Row) -> String {
    "\(row.optimizer) with \(row.state.rawValue) state and \(row.weights.rawValue) weights"
  }

  // MARK: The answer

  private static func verdict(_ plan: MemoryPlan) -> String {
    guard let main = plan.main else { return "No optimizer could be counted." }
    let device = plan.options.ranks > 1 ? " on each of \(grouped(plan.options.ranks)) devices" : ""
    let parts = main.parts
    var words = "\(name(main)) takes \(both(main.peak)) at its peak\(device)."
    if let largest = parts.first {
      let share = percent(Double(largest.bytes) / Double(max(1, main.peak)), 0)
      words += " The largest part: \(largest.name), \(bytes(largest.bytes)) (\(share))."
    }
    if main.hostBytes > 0 { words += " The host keeps \(both(main.hostBytes)) beside it." }
    let whose =
      plan.options.limit == nil ? "this machine's \(both(plan.limit))" : both(plan.limit)
    if plan.fits(main) { return words + " That fits in \(whose)." }
    return words + " That does not fit in \(whose). " + advice(main, plan)
  }

  /// What to change, with what it brings.
  private static func advice(_ row: MemoryPlan.Row, _ plan: MemoryPlan) -> String {
    if let best = plan.fitting.first {
      return "The best that fits is \(name(best)), which takes \(both(best.peak))."
    }
    let least = (plan.rows + plan.others).min { $0.peak < $1.peak } ?? row
    var words = "Nothing here fits; the least is \(name(least)), \(both(least.peak))."
    switch plan.subject.training {
    case .run:
      words +=
        " Its largest part: \(least.parts.first?.name ?? "weights"). Smaller activations: a smaller "
        + "batch with accumulate, or model.recompute=layers; smaller weights: a smaller model."
    case .arithmetic where plan.options.adapters == nil:
      words +=
        " Train adapters alone (--lora 16 --base-bits 4), share the memory among devices (--ranks 8 "
        + "--zero 3), or leave state to the host (--offload state)."
    case .arithmetic: words += " Keep the frozen weights in fewer bits (--base-bits 4)."
    }
    return words
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
        .init("format", "weights kept as"), .init("weights", alignment: .right),
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
          "Descent computes with float32: 16-bit weights lie beside such a copy, so that they show what "
            + "16 bits do to training, and save no memory."))
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
    let weights = plan.main?.weights.rawValue ?? "float32"
    return [
      .table(table),
      .paragraph(
        "State, then the peak of everything, with \(weights) weights; a dash is a combination that is "
          + "not offered. Units are decimal: 1 GB is 10⁹ bytes."),
    ]
  }

  private static func fitting(_ plan: MemoryPlan) -> Section {
    let fitting = plan.fitting
    let shown = fitting.prefix(12)
    let table = Table(
      [
        .init("optimizer"), .init("state"), .init("weights"), .init("peak", alignment: .right),
      ], empty: "nothing",
      rows: shown.map {
        [
          .text($0.optimizer), .text($0.state.rawValue), .text($0.weights.rawValue),
          .bytes($0.peak),
        ]
      })
    let more = fitting.count - shown.count
    return Section(
      "What fits in \(both(plan.limit)), best first",
      [
        .table(table),
        .paragraph(
          (more > 0 ? "And \(grouped(more)) more. " : "")
            + "First what is most widely known to train well, then the formats that round least."),
      ])
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
