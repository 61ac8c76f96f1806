import Descent
import DescentTraining

extension ForeignConfiguration {
  /// How long the run is, on how much it trains, and the true learning-rate curve.
  ///
  /// - Parameter name: what the reader calls the file.
  /// - Throws: what contradicts the length of the run.
  package func runBlocks(called name: String) throws -> [Document.Block] {
    let curve = try ScheduleCurve(Recipe(yaml: recipe), called: name, total: steps)
    return [
      .facts(lengthFacts),
      .section(Section("The learning rate, step by step", curveBlocks(curve)), key: "curve"),
    ]
  }

  /// What the tool does without saying, what is not known, the recipe.
  ///
  /// - Parameter shown: the warnings beside them, whose values are not said again.
  func restBlocks(beside shown: [LintWarning]) -> [Document.Block] {
    let said = shown.filter(\.isDefault).compactMap { $0.place.split(separator: "=").first }
    let silent = self.silent.filter { sentence in
      !said.contains { sentence.contains("(\($0)=") }
    }
    return [
      .data(
        [("tool", .text(tool)), ("version", .text(version))] + json
          + [("silent", .array(self.silent.map(JSONValue.text)))]),
      .section(Section("Not in the file", [.list(unknown, key: "unknown")])),
      .section(Section("Silent defaults", [.list(silent)])),
      .section(Section("Remarks", [.list(remarks, .notes, key: "remarks")])),
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
    let parts = "\(perDevice) per device × \(accumulate) accumulated × \(facts.ranks)"
    let batch = facts.effectiveBatch ?? perDevice
    let isGuess = unknown.contains { $0.contains("--ranks") }
    let passes = facts.stepsPerEpoch.flatMap { each in
      facts.steps.map { " (\(Self.epochs(Double($0) / Double(each))))" }
    }
    return [
      Fact("written for", .text("\(tool), read as by \(version)")),
      Fact(
        "examples per step",
        .text(
          "\(grouped(batch)) (\(parts) device\(facts.ranks == 1 ? "" : "s")"
            + "\(isGuess ? ", assumed" : ""))")),
      Fact("steps per epoch", facts.stepsPerEpoch.map { .text(grouped($0)) } ?? .text("not known")),
      Fact(
        "total steps",
        facts.steps.map { .text(grouped($0) + (passes ?? "")) } ?? .text("not known")),
    ]
  }

  /// `3 epochs`, `0.031 epochs`.
  private static func epochs(_ count: Double) -> String {
    let whole = count.rounded()
    return count >= 100 || abs(count - whole) < 0.005 && whole >= 1
      ? counted(Int(min(whole, 1e12)), "epoch") : "\(short(count, 2)) epochs"
  }

  private func curveBlocks(_ curve: ScheduleCurve) -> [Document.Block] {
    var notes: [String] = []
    if let assumedSteps {
      notes.append(
        "The length of the run is not known: this is the curve of \(grouped(assumedSteps)) steps.")
    }
    if let difference { notes.append(difference.asSentence) }
    // What is not a value has the default.
    let used = Set(names.values)
    let replaced = refusals.filter(\.isReplaced).compactMap(\.key).filter(used.contains)
    if !replaced.isEmpty {
      notes.append("\(few(replaced)) is refused: the curve and the steps take the default.")
    }
    let entries = curve.entries(at: 0)
    if entries.first(where: { $0.setting == "lr" })?.numbers.first == 0, curve.warmupEnd > 0 {
      notes.append("The warmup counts from 0: the first step has a rate of 0 and changes nothing.")
    }
    guard !entries.isEmpty, recipe.contains("\n  lr: "), !recipe.contains("\n  lr: null") else {
      return [.paragraph("The optimizer finds its own rate, so that there is no curve to show.")]
    }
    return [.list(notes, .notes)] + curve.page(isRounded: true).blocks
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
