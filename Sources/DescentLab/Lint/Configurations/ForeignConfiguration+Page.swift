import Descent
import DescentTraining

extension ForeignConfiguration {
  /// What lint shows of the configuration beside its warnings: how long it trains and on how much,
  /// the true learning-rate curve, what the tool does without saying, the recipe.
  ///
  /// - Parameter name: what the reader calls the file.
  /// - Throws: what contradicts the length of the run.
  public func blocks(called name: String) throws -> [Document.Block] {
    let curve = try ScheduleCurve(Recipe(yaml: recipe), called: name, total: steps)
    return [
      .data([("tool", .text(tool)), ("version", .text(version))] + json),
      .facts(lengthFacts),
      .section(Section("What cannot be known from the file", [.list(unknown, key: "unknown")])),
      .section(
        Section("What it does without saying so", [.list(silent, key: "silent")])),
      .section(Section("Remarks", [.list(remarks, .notes, key: "remarks")])),
      .section(
        Section("The learning rate, step by step", curveBlocks(curve)), key: "curve"),
      .section(
        Section(
          "The same as a recipe of Descent",
          [
            .preformatted(String(recipe.dropLast(recipe.hasSuffix("\n") ? 1 : 0)), key: "recipe")
          ])),
    ]
  }

  /// The steps of the run, or what stands for them.
  public var steps: Int { facts.steps ?? assumedSteps ?? 1 }

  private var lengthFacts: [Fact] {
    let parts = "\(perDevice) a device × \(accumulate) accumulated × \(facts.ranks)"
    let batch = facts.effectiveBatch ?? perDevice
    return [
      Fact("written for", .text("\(tool), read as by \(version)")),
      Fact(
        "examples a step",
        .text("\(grouped(batch)) (\(parts) device\(facts.ranks == 1 ? "" : "s"))")),
      Fact("steps an epoch", facts.stepsPerEpoch.map { .text(grouped($0)) } ?? .text("not known")),
      Fact("steps in all", facts.steps.map { .text(grouped($0)) } ?? .text("not known")),
    ]
  }

  private func curveBlocks(_ curve: ScheduleCurve) -> [Document.Block] {
    var notes: [String] = []
    if let assumedSteps {
      notes.append(
        "The length of the run is not known: this is the curve of \(grouped(assumedSteps)) steps.")
    }
    if let difference { notes.append(difference.asSentence) }
    let entries = curve.entries(at: 0)
    guard !entries.isEmpty, recipe.contains("\n  lr: "), !recipe.contains("\n  lr: null") else {
      return [.paragraph("The optimizer finds its own rate, so that there is no curve to show.")]
    }
    return [.list(notes, .notes)] + curve.page().blocks
  }

  private var json: [(key: String, value: JSONValue)] {
    func number(_ n: Int?) -> JSONValue { n.map(JSONValue.integer) ?? .null }
    return [
      ("effective_batch", number(facts.effectiveBatch)), ("steps", number(facts.steps)),
      ("steps_per_epoch", number(facts.stepsPerEpoch)), ("ranks", .integer(facts.ranks)),
      ("refused", .array(refused.map(JSONValue.text))),
      (
        "unread",
        .array(
          unread.map {
            ["key": .text($0.name), "nearest": $0.nearest.map(JSONValue.text) ?? .null]
          })
      ),
    ]
  }
}

extension String {
  /// The text with a full stop.
  fileprivate var asSentence: String { hasSuffix(".") || hasSuffix("?") ? self : self + "." }
}
