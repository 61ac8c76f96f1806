import Descent
import DescentCompute
import DescentTraining

/// What to train a scenario with, given a memory and a size: an optimizer, why, and a recipe.
public struct Recommendation: Sendable {
  /// What was asked for.
  public let scenario: Scenario
  /// The candidates with what they take; nil where the size is not known.
  public let candidates: [(candidate: Scenario.Candidate, row: MemoryPlan.Row?)]
  /// The one that is recommended, by its place.
  public let choice: Int
  /// The number of parameters; nil where it is not known.
  public let parameters: Int?
  /// The bytes that must suffice; nil where nobody said.
  public let limit: Int?
  /// Whether the choice fits; nil where that is not known.
  public let fits: Bool?
  /// What was counted; nil where the size is not known.
  let plan: MemoryPlan?

  /// The chosen optimizer.
  public var candidate: Scenario.Candidate { candidates[choice].candidate }

  /// Chooses the first candidate that fits.
  ///
  /// - Parameters:
  ///   - task: the scenario's name, or another word for it.
  ///   - memory: `24G`; nil does not choose by memory.
  ///   - parameters: `7B`; nil is not known.
  /// - Throws: ``Scenario/UnknownTask``, and ``RecipeError`` for numbers that are none.
  public init(task: String, memory: String?, parameters: String?) throws {
    scenario = try Scenario.named(task)
    limit = try memory.map { try MemoryOptions.bytes($0, of: "--memory") }
    guard let parameters else {
      if memory != nil {
        throw RecipeError(problems: [
          "--memory chooses between optimizers for a model of a size: give --parameters too, such as "
            + "--parameters 7B"
        ])
      }
      candidates = scenario.candidates.map { ($0, nil) }
      (choice, self.parameters, fits, plan) = (0, nil, nil, nil)
      return
    }
    let subject = try MemorySubject(parameters: parameters)
    self.parameters = subject.count
    var options = MemoryOptions()
    options.adapters = try scenario.adapters.map { try LowRankAdapters(rank: $0) }
    let rules = scenario.candidates.map(\.rule).uniqued(by: \.self)
    options.optimizers = try RaceOptimizer.list(rules.joined(separator: ","))
    options.limit = limit
    let plan = try MemoryPlan(subject, options)
    self.plan = plan
    let rows = scenario.candidates.map { candidate in
      plan.rows.first { $0.optimizer == candidate.rule && $0.state == candidate.state }
    }
    candidates = Array(zip(scenario.candidates, rows))
    guard let limit else {
      (choice, fits) = (0, nil)
      return
    }
    let peaks = rows.map { $0?.peak ?? .max }
    let first = peaks.firstIndex { $0 <= limit }
    let least = peaks.indices.min { peaks[$0] < peaks[$1] }
    // What saves next to nothing is no reason to leave the first.
    let small = least.flatMap { peaks[$0] < peaks[0] / 10 * 9 ? $0 : nil }
    (choice, fits) = (first ?? small ?? 0, first != nil)
  }

  /// A recipe that Descent trains as it stands.
  public var recipe: String {
    var lines = ["# \(scenario.title): \(candidate.label)."]
    lines.append("# \(scenario.stage.remark).")
    lines.append(
      "# 'descent train \(scenario.example)' trains one of this kind; 'descent recipes "
        + "\(scenario.example)' has the reasons.")
    lines += scenario.stage.lines
    if let rank = scenario.adapters {
      // As the reasons say: twice the rank for language models.
      let alpha = scenario.stage == .text ? 2 * rank : rank
      lines.append("adapter: {kind: lora, rank: \(rank), alpha: \(alpha), targets: all-linear}")
    }
    lines.append("optimizer: {name: \(candidate.rule), \(candidate.settings)}")
    lines.append("schedule: \(candidate.schedule ?? scenario.schedule)")
    if let clip = scenario.clip, !candidate.isUnclipped { lines.append("clip: \(clip)") }
    lines.append("evaluate: {every: \(scenario.isShort ? 50 : 200), batches: 20}")
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Scenario {
  /// Whether its recipe is a short one.
  fileprivate var isShort: Bool { if case .text = stage { false } else { true } }
}
