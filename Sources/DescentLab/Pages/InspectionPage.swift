import Descent
public import DescentTraining
import Safetensors

/// What lies in a safetensors file, and how far it is from another.
public enum InspectionPage {
  /// Tensors, their numbers, the state, and what has moved.
  public static func about(_ file: FileInspection) -> Document {
    let nonFinite = file.tensors.filter { $0.statistics.nonFinite > 0 }
    let shown = file.state.filter { !$0.isCount }
    return Document(
      file.path,
      [
        .facts(facts(file)),
        .list(file.passedOver, .notes),
        .list((file.defect.map { [$0] } ?? []) + nonFinite.map(warning), .warnings),
        .section(
          Section(
            file.isCheckpoint ? "Weights" : "Tensors", [.table(people(tensors(file.weights)))])),
        .section(
          Section("Optimizer state", [.table(slots(file.slots)), .table(people(tensors(shown)))])),
        .data([
          ("nonFinite", .array(nonFinite.map { .text($0.name) })),
          ("tensors", rows(tensors(file.weights))), ("state", rows(tensors(file.state))),
          ("metadata", .object(file.plainMetadata.map { ($0.name, .text($0.text)) })),
        ]),
      ] + comparison(file))
  }

  private static func facts(_ file: FileInspection) -> [Fact] {
    let elements = file.weights.reduce(0) { $0 + $1.statistics.count }
    var facts = [
      Fact("size", .bytes(file.bytes), key: "bytes"),
      Fact("tensors", .count(file.tensors.count), key: "tensorCount"),
      Fact(file.isCheckpoint ? "weights" : "elements", .count(elements), key: "elements"),
    ]
    guard file.isCheckpoint else {
      return facts + file.plainMetadata.map { Fact($0.name, .text($0.text.inOneLine)) }
    }
    for (label, key, name) in [
      ("after step", "step", "step"), ("applied steps", "appliedSteps", "applied_steps"),
      ("optimizer", "optimizer", "rule"),
    ] {
      guard let text = file.metadata[name] else { continue }
      facts.append(Fact(label, Int(text).map(Table.Cell.ordinal) ?? .text(text), key: key))
    }
    if let recipe = file.recipe {
      let length = recipe.run.steps.map { ", \(counted($0, "step"))" } ?? ""
      let kinds =
        "\((recipe.model as? SwiftModel)?.type ?? type(of: recipe.model).name) on \(type(of: recipe.data).name)"
      facts.append(Fact("recipe", .text(kinds + length)))
      facts.append(Fact("state", .text(recipe.plan.state.format.rawValue), key: "stateFormat"))
    }
    if let updates = file.updates {
      let (least, most) = (grouped(updates.lowerBound), grouped(updates.upperBound))
      facts.append(Fact("updates", .text(least == most ? least : "\(least) to \(most)")))
    }
    return facts
  }

  private static func warning(_ tensor: FileInspection.Tensor) -> String {
    let (nans, infinities) = (tensor.statistics.nans, tensor.statistics.infinities)
    let parts = [(nans, "NaN"), (infinities, "infinite")].filter { $0.0 > 0 }
      .map { "\(grouped($0.0)) \($0.1)" }
    return "\(tensor.name): \(parts.joined(separator: " and ")) of "
      + counted(tensor.statistics.count, "element")
  }

  private static func tensors(_ tensors: [FileInspection.Tensor]) -> Table {
    let style = NumberStyle.significant(4)
    return Table(
      [
        .init("name", "tensor"), .init("type"), .init("shape"), .number("norm", "norm", style),
        .number("rms", "rms", style), .number("largestMagnitude", "max |x|", style),
        .number("min", "min", style), .number("max", "max", style),
        .number("zeros", "zeros", .percent(1)), .number("nan", "NaN"), .number("infinite"),
      ], empty: "",
      rows: tensors.map { tensor in
        let found = tensor.statistics
        let hasNumbers = found.least <= found.largest && !tensor.isCodes
        func number(_ x: Double) -> Table.Cell { hasNumbers ? .number(x) : .nothing }
        return [
          .text(tensor.name), .text(tensor.dtype.rawValue), .shape(tensor.shape),
          number(found.norm), number(found.rootMeanSquare), number(found.largestMagnitude),
          number(found.least), number(found.largest), number(found.zeroShare),
          .count(found.nans), .count(found.infinities),
        ]
      })
  }

  /// All rows, for programs.
  private static func rows(_ table: Table) -> JSONValue { .array(table.rows.map(table.json)) }

  /// The table without zeros in its last columns, which are then not shown.
  private static func people(_ table: Table) -> Table {
    Table(
      table.columns, empty: table.empty,
      rows: table.rows.map { row in
        row.prefix(8)
          + row.dropFirst(8).map { [.count(0), .number(0)].contains($0) ? .nothing : $0 }
      })
  }

  private static func slots(_ slots: [FileInspection.Slot]) -> Table {
    Table(
      [.init("slot"), .init("format"), .number("parameters"), .number("bytes", "size")],
      key: "slots", empty: "",
      rows: slots.map { [.text($0.name), .text($0.format), .count($0.count), .bytes($0.bytes)] })
  }

  // MARK: Against another

  private static func comparison(_ file: FileInspection) -> [Document.Block] {
    guard let against = file.against else { return [] }
    let compared = file.tensors.filter { $0.difference != nil && !$0.isCount && !$0.isCodes }
    let style = NumberStyle.significant(4)
    let table = Table(
      [
        .init("name", "tensor"), .number("norm", "‖Δ‖", style),
        .number("relative", "relative", style), .number("largest", "max |Δ|", style),
        .number("cosine", "cosine", .fixed(6)), .init("same", "same bits"),
        .number("incomparable", "not comparable"),
      ], key: "differences", empty: "no tensor of the same name and shape",
      rows: compared.compactMap { tensor in
        guard let found = tensor.difference else { return nil }
        return [
          .text(tensor.name), .number(found.norm),
          found.relative.map(Table.Cell.number) ?? .nothing,
          .number(found.largest), found.cosine.map(Table.Cell.number) ?? .nothing,
          .flag(found.isSame), found.incomparable > 0 ? .count(found.incomparable) : .nothing,
        ]
      })
    let weights = file.weights.filter { $0.difference != nil }
    let sentence =
      file.unmoved.isEmpty
      ? (weights.isEmpty ? "" : "every weight tensor has moved")
      : file.unmoved.count == weights.count
        ? "no weight tensor has moved: all have the same bits"
        : list("not moved", file.unmoved)
    return [
      .section(
        Section(
          "Against \(against.name)",
          [
            .paragraph(sentence),
            .list(
              against.reshaped.map {
                "\($0.name) has the shape \($0.shape) here and \($0.other) there"
              }, .notes),
            .paragraph(list("only there", against.missing)),
            .paragraph(list("only here", against.extra)),
            .table(table),
          ])),
      .data([
        ("against", .text(against.name)),
        ("unmoved", .array(file.unmoved.map(JSONValue.text))),
        ("missing", .array(against.missing.map(JSONValue.text))),
        ("extra", .array(against.extra.map(JSONValue.text))),
        ("reshaped", .array(against.reshaped.map { .text($0.name) })),
      ]),
    ]
  }

  private static func list(_ title: String, _ names: [String]) -> String {
    let more = names.count > 8 ? " and \(grouped(names.count - 8)) more" : ""
    return names.isEmpty ? "" : "\(title): \(names.prefix(8).joined(separator: ", "))\(more)"
  }
}

extension FileInspection {
  /// Whether a run wrote it.
  fileprivate var isCheckpoint: Bool { metadata["recipe"] != nil || metadata["step"] != nil }

  /// The metadata that people can read: without recipe and checksums.
  fileprivate var plainMetadata: [(name: String, text: String)] {
    metadata.filter { $0.key != "recipe" && !$0.key.hasPrefix("crc32c") }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension String {
  /// The first words, in one line.
  fileprivate var inOneLine: String {
    let line = split(whereSeparator: \.isNewline).joined(separator: " ")
    return line.count > 72 ? line.prefix(71) + "…" : line
  }
}
