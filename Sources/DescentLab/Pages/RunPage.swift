import Descent
import DescentNN
public import DescentTraining

/// What a run is about to do, and what it did.
public enum RunPage {
  /// Sizes, data, formats of state and groups, in a few lines: what stands before the first step.
  public static func start(_ facts: RunFacts) -> Document {
    let title =
      "\(weights(facts)), \(bytes(facts.stateBytes)) of optimizer state, "
      + counted(facts.steps, "step")
      + (facts.done > 0 ? ", \(grouped(facts.done)) of them done" : "")
    let isPlain = facts.state.allSatisfy { $0.format == .float32 && $0.exemption == nil }
    return Document(
      title,
      [
        .paragraph(
          ([facts.data].compactMap(\.self) + (isPlain ? [] : state(facts.state))).joined(
            separator: "\n")),
        .sections(facts.filledGroups.map { section($0, of: facts) }),
        .list(facts.overlaps, .notes),
      ])
  }

  private static func weights(_ facts: RunFacts) -> String {
    let all = counted(facts.parameters, "weight")
    return facts.frozen == 0
      ? all : "\(grouped(facts.parameters - facts.frozen)) of \(all) are trained"
  }

  /// What became of the slots of optimizer state: a line for each format and reason.
  public static func state(_ uses: [RunFacts.StateUse]) -> [String] {
    uses.map { use in
      let reason = use.exemption.map { " (\($0))" } ?? ""
      return "state in \(use.format)\(reason): \(counted(use.slots, "slot")), \(bytes(use.bytes))"
    }
  }

  private static func section(_ group: RunFacts.Group, of facts: RunFacts) -> Section {
    let settings = group.isFrozen ? [] : [group.settings.withShortNumbers]
    let members = updates(of: group).map { update, names in
      let shown = names.prefix(6).joined(separator: " ")
      let more = names.count > 6 ? " and \(grouped(names.count - 6)) more" : ""
      return (update.map { "\($0): " } ?? "") + shown + more
    }
    return Section(
      facts.headline(of: group), [.paragraph((settings + members).joined(separator: "\n"))])
  }

  /// The names of the parameters that the rule treats alike.
  private static func updates(
    of group: RunFacts.Group
  ) -> [(update: String?, names: [String])] {
    var all: [(update: String?, names: [String])] = []
    for member in group.parameters {
      if let index = all.firstIndex(where: { $0.update == member.updateName }) {
        all[index].names.append(member.name)
      } else {
        all.append((member.updateName, [member.name]))
      }
    }
    return all
  }

  /// That a run continues, after which step and with what changed.
  public static func resumed(_ resumption: Resumption, in folder: String) -> Document {
    Document(
      "continuing \(folder) after step \(resumption.step)",
      [
        .list(resumption.changes, key: "changes"),
        .paragraph(
          resumption.rate.map { was, now in
            "with these changes the learning rate goes on at \(short(now)) instead of \(short(was))"
          } ?? ""),
      ])
  }

  /// What a task measures beside the loss: `return 497`, `old 2.64`.
  public static func measures(_ evaluation: Evaluation) -> [String] {
    evaluation.others.sorted { $0.key < $1.key }.map { "\($0) \(short($1, 4))" }
  }

  /// How far predicted numbers are from theirs, in a phrase.
  public static func errors(_ errors: RegressionErrors) -> String {
    let share = errors.determination.map { ", R² \(fixed($0, 4))" } ?? ""
    return "RMSE \(short(errors.rootMeanSquare, 4))\(share)"
  }

  /// Whether a run has reached its target: a line.
  public static func target(_ outcome: TargetOutcome) -> Document {
    let target = outcome.target
    let limit = "at \(target.atMost == nil ? "least" : "most") \(short(target.limit))"
    let name = "the target (\(target.metric) \(limit))"
    func line() -> String {
      guard let best = outcome.best, let last = outcome.last else {
        return "\(name) cannot be judged: the run has not measured \(target.metric); "
          + hint(for: target.metric, among: outcome.measured.sorted())
      }
      guard let step = outcome.step else {
        return "\(name) was not reached: the best was \(short(best, apartFrom: target.limit))"
      }
      let time = outcome.seconds.map { ", \(fixed($0, 1)) s of training" } ?? ""
      let end = short(last, apartFrom: target.limit)
      let now = target.isReached(by: last) ? "" : "; at the end it was \(end)"
      return "\(name) was reached after step \(grouped(step))\(time)\(now)"
    }
    return Document("", [.paragraph(line())])
  }

  /// How a run ended, in two lines.
  ///
  /// - Parameters:
  ///   - result: what was found.
  ///   - done: the steps that were done before the run was resumed.
  public static func end(_ result: TrainingResult, after done: Int = 0) -> Document {
    let own = done > 0 ? "\(grouped(result.steps - done)) of " : ""
    var parts = [
      "\(own)\(counted(result.steps, "step")) in \(fixed(result.trainingSeconds, 1)) s"
    ]
    if let evaluation = result.evaluation {
      if let accuracy = evaluation.accuracy {
        parts.append("\(percent(accuracy, 2)) of held-out examples classified correctly")
      }
      if let errors = evaluation.errors { parts.append(Self.errors(errors)) }
      parts += measures(evaluation)
      parts.append("validation loss \(fixed(evaluation.loss, 4))")
    }
    if result.skipped > 0 {
      parts.append(
        "\(counted(result.skipped, "step")) \(result.skipped == 1 ? "was" : "were") skipped")
    }
    if let lost = result.lostUpdates, lost.lost > 0 {
      parts.append("\(short(100 * lost.share)) % of weight updates were lost to rounding")
    }
    var memory = "\(bytes(result.activationBytes)) of activations at the peak"
    if let plan = result.recomputation, plan.choice != .none {
      memory += " with \(grouped(plan.recomputed)) of \(counted(plan.layers, "layer")) recomputed"
    }
    parts.append(memory)
    var lines = [parts.joined(separator: ", ")]
    if !result.unlearned.isEmpty {
      lines.append(
        "the adapters of \(result.unlearned.joined(separator: ", ")) did not learn: "
          + "they still add nothing")
    }
    lines.append("weights: \(result.checkpoint)")
    return Document("", [.paragraph(lines.joined(separator: "\n"))])
  }
}
