public import Descent

/// What the optimizers are.
public enum OptimizerPage {
  /// A line for each optimizer.
  public static func list() -> Document {
    var table = Table(
      [
        .init("name", "optimizer"), .init("bytes"),
        .init("needs"), .init("summary", "what it is"),
      ], key: "optimizers")
    for rule in Rules.all {
      let facts = RuleFacts(rule)
      table.append(
        .text(rule.name), .number(facts.stateBytes), .text(facts.needs), .text(rule.about.summary))
    }
    return Document(
      "Optimizers",
      [
        .table(table),
        .paragraph(
          "bytes: float32 state per weight of a \(RuleFacts.example), with the default settings"),
        .paragraph(
          """
          needs, besides an element's own gradient: sums over tensors (sums), whole tensors \
          (tensors), what layers saw (layers), estimates of the Hessian's diagonal (hessian), \
          evaluations of the loss (losses)
          """),
      ])
  }

  /// All that an optimizer declares.
  public static func about(_ rule: any Rule.Type) -> Document {
    let (about, facts) = (rule.about, RuleFacts(rule))
    let state = Table(
      [.init("name", ""), .init("shape", "")], empty: about.outsideState.isEmpty ? "none" : "",
      rows: facts.slots.map { slot in
        [.text(slot.name), .text(slot.shape.map { "\($0)" } ?? "same shape as the parameter")]
      })
    let slots = facts.slots.map { slot -> JSONValue in
      [
        "name": .text(slot.name), "shape": .text(slot.shape.map { "\($0)" } ?? "the parameter's"),
      ]
    }
    let excludes = Table(
      [.init("what"), .init("why")], empty: "",
      rows: facts.excludes.map { [.text($0.what), .text($0.why)] })
    let stateTitle =
      "state: \(short(facts.stateBytes)) \(facts.stateBytes == 1 ? "byte" : "bytes") per weight of a \(RuleFacts.example)"
    return Document(
      rule.name,
      [
        .data([
          ("name", .text(rule.name)), ("needs", .text(facts.needs)),
          ("stateBytesPerParameter", .number(facts.stateBytes)),
        ]),
        .paragraph(about.summary, key: "summary"),
        .preformatted(about.formula, key: "formula"),
        .section(
          Section("hyperparameters", settings(of: rule, key: "hyperparameters"))),
        .section(
          Section(
            stateTitle,
            [
              .table(state), .data([("state", .array(slots))]),
              .paragraph(about.outsideState, key: "outsideState"),
            ])),
        .section(Section("cannot be combined with", [.table(excludes)])),
      ] + words(of: about))
  }

  /// The declared settings of a rule or a schedule: a table, and the field `key` of the JSON.
  static func settings<C: Configurable>(of _: C.Type, key: String) -> [Document.Block] {
    let defaults = C()
    let all = C.settings.map { ($0, default: $0.value(defaults).description) }
    let hasSource = all.contains { !$0.0.source.isEmpty }
    let heading = "meaning, and what it takes" + (hasSource ? " [source]" : "")
    let table = Table(
      [.init("name"), .init("default"), .init("meaning", heading)],
      empty: "",
      rows: all.map { setting, value in
        let source = setting.source.isEmpty ? "" : " [\(setting.source)]"
        return [
          .text(setting.name), .text(value.isEmpty ? "none" : value),
          .text("\(setting.meaning) (\(setting.kind))\(source)"),
        ]
      })
    let fields = all.map { setting, value -> JSONValue in
      [
        "name": .text(setting.name), "default": .text(value), "takes": .text(setting.kind),
        "meaning": .text(setting.meaning), "source": .text(setting.source),
      ]
    }
    return [.table(table), .data([(key, .array(fields))])]
  }

  /// The sections that the pages of rules and of schedules end with.
  static func words(of about: About) -> [Document.Block] {
    [
      ("differences", about.differences), ("guidance", about.guidance),
      ("reference", about.reference),
    ].map { title, text in .section(Section(title, [.paragraph(text, key: title)])) }
  }
}

/// What follows from a rule with its default settings.
private struct RuleFacts {
  /// What state is counted for.
  static let example = "512 × 256 matrix"

  let slots: [Slot]
  /// Bytes of float32 state per weight of the example.
  let stateBytes: Double
  /// What the rule needs besides the gradient of an element, in a word.
  let needs: String
  /// What the rule cannot be combined with, and why.
  let excludes: [(what: String, why: String)]

  init(_ type: any Rule.Type) {
    let rule = type.init()
    let matrix = ParameterInfo("matrix", shape: [512, 256], role: .matrix)
    slots = rule.slots(for: matrix)
    let bytes = slots.reduce(rule.outsideBytes(for: [matrix])) {
      $0 + 4 * ($1.shape ?? matrix.shape).reduce(1, *)
    }
    stateBytes = Double(bytes) / Double(matrix.count)
    needs = rule.needs.description
    excludes = rule.features.flatMap { Incompatibility.with($0) }
      .map { ($0.other.rawValue, $0.row.reason) }
  }
}
