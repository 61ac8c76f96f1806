import DescentLab
import DescentTraining
import Foundation
import Testing

/// Claims held to numbers that are given: cells a, b and c, three seeds each.
@Suite("Studies: claims") struct StudyJudgeTests {
  private func verdict(
    _ claim: String, _ values: [[Double?]], series: [[Double]] = []
  ) throws -> StudyVerdict {
    let seeds = values.first?.count ?? 3
    let plan = try StudyPlan(
      yaml: """
        question: Which?
        recipe: digits-mlp
        seeds: \(seeds)
        set: {epochs: none}
        experiments: {one: {vary: {steps: [\((1...values.count).map(String.init).joined(separator: ", "))]}}}
        claims: [{say: x, \(claim)}]
        """, name: "x", folder: URL(fileURLWithPath: "."))
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml("digits-mlp")))
    let runs = values.enumerated().map { cell, values in
      values.enumerated().map { number, value -> StudyResult.Run in
        var trial = StudyTrial("", recipe)
        trial.outcome = TrialOutcome()
        if value == nil { trial.outcome?.failure = "it broke" }
        let series = series.isEmpty ? [value ?? 0] : series[cell]
        return StudyResult.Run(
          number: number, trial: trial, folder: "",
          tracks: ["d": Track(steps: Array(1...series.count), values: series)])
      }
    }
    let result = StudyResult(plan: plan, runs: ["one": runs])
    return try #require(result.verdicts.first)
  }

  private static let falling: [[Double?]] = [[9, 9.2, 9.1], [3, 3.1, 3.05], [1, 1.1, 1.02]]
  private static let mixed: [[Double?]] = [[1, 1.4, 0.7], [1.2, 0.9, 1.1], [1.1, 1, 0.9]]
  private static let same: [[Double?]] = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
  private static let valley: [[Double?]] = [[9, 9.2, 9.1], [1, 1.1, 1.05], [3, 3.1, 3.02]]
  private static let one: [[Double?]] = [[9], [3], [1]]

  typealias Outcome = StudyVerdict.Outcome

  @Test(
    "what the numbers say",
    arguments: [
      ("expect: falls", falling, Outcome.supported), ("expect: rises", falling, .contradicted),
      ("expect: falls", mixed, .undecided), ("expect: falls", same, .contradicted),
      ("expect: falls", valley, .contradicted), ("expect: falls", one, .supported),
      ("expect: rises", one, .contradicted),
      ("expect: {higher: 1, than: 3}", falling, .supported),
      ("expect: {higher: 3, than: 1}", falling, .contradicted),
      ("expect: {lower: steps=3, than: steps=1}", falling, .supported),
      ("expect: {higher: 1, than: 2}", mixed, .undecided),
      ("expect: {higher: 1, than: 2}", same, .contradicted),
      ("expect: {lowest: 3}", falling, .supported), ("expect: {lowest: 2}", falling, .contradicted),
      ("expect: {highest: 1}", falling, .supported), ("expect: {highest: 1}", mixed, .undecided),
      ("expect: equal", same, .supported), ("expect: equal", falling, .contradicted),
      ("expect: equal", mixed, .undecided),
      ("expect: {equal: 20 %}", [[2, 3], [2.1, 3.1], [2, 3]], .supported),
      ("expect: {within: 0.5 %, of: 1}", same, .supported),
      ("expect: {within: 0.5 %, of: 1, in: 3}", falling, .contradicted),
      ("expect: {at_most: 10}", falling, .supported), ("expect: {at_most: 5}", falling, .undecided),
      ("expect: {at_most: 5, in: 1}", falling, .contradicted),
      ("expect: {at_least: 0.9, in: 3}", falling, .supported),
      ("expect: {at_most: 10}", [[1, nil, 1], [1, 1, 1]], .undecided),
    ])
  func verdicts(claim: String, values: [[Double?]], outcome: StudyVerdict.Outcome) throws {
    let verdict = try verdict("metric: d, \(claim)", values)
    #expect(verdict.outcome == outcome, "\(verdict.sentence)")
    #expect(!verdict.sentence.isEmpty)
  }

  @Test(
    "what happens within runs",
    arguments: [
      ("expect: {never: falls}", [[1.0, 2, 2, 3], [1, 1, 1, 4]], Outcome.supported),
      ("expect: {never: falls}", [[1, 2, 1.9, 3], [1, 1, 1, 4]], .contradicted),
      ("expect: {never: falls, in: 2}", [[1, 2, 1.9, 3], [1, 1, 1, 4]], .supported),
      ("expect: {never: rises}", [[3, 2, 2, 1], [1, 1, 1, 0]], .supported),
      ("expect: {settles: 10 %, last: 1/2}", [[1, 3, 3.1, 3], [1, 4, 4, 4]], .supported),
      ("expect: {settles: 10 %, last: 3/4}", [[1, 3, 3.1, 3], [1, 2, 3, 4]], .undecided),
      ("expect: {settles: 1 %}", [[1, 2, 3, 4], [1, 2, 3, 4]], .contradicted),
      // One value neither falls nor moves.
      ("expect: {never: falls}", [[1], [2]], .undecided),
      ("expect: {settles: 1 %}", [[1], [2]], .undecided),
      ("expect: {settles: 1 %}", [[1, 2], [1, 2]], .undecided),
    ])
  func series(claim: String, series: [[Double]], outcome: StudyVerdict.Outcome) throws {
    let verdict = try verdict("metric: d, \(claim)", [[0, 0], [0, 0]], series: series)
    #expect(verdict.outcome == outcome, "\(verdict.sentence)")
  }

  @Test("ratios and their evidence are said in words; one seed and failures are named")
  func words() throws {
    let two = try verdict("metric: d, expect: {higher: 1, than: 3}", Self.falling)
    #expect(two.sentence.contains("final d: 9.1 (steps=1), 1.039 (steps=3)"), "\(two.sentence)")
    #expect(two.sentence.contains("steps=1 is higher than steps=3 by a factor of 8.76"))
    #expect(two.sentence.contains("95 % interval") && two.sentence.contains("3 of 3 seeds agree"))
    let difference = try verdict(
      "metric: d, compare: difference, expect: {higher: 1, than: 3}", Self.falling)
    #expect(difference.sentence.contains("by 8.06"), "\(difference.sentence)")
    let one = try verdict("metric: d, expect: falls", Self.one)
    #expect(one.notes.contains { $0.contains("one seed") } && !one.sentence.contains("one seed"))
    let failed = try verdict("metric: d, expect: falls", [[9, nil, 9.1], [1, 1.1, 1.05]])
    #expect(failed.notes == ["1 of 6 runs failed and is left out"])
    // Of runs that do not come to a value, one that does is ahead.
    let reached = try verdict(
      "metric: 'steps_to(d, 0.5)', expect: {higher: 1, than: 2}", [[1, 1, 1], [0.4, 0.3, 0.2]])
    #expect(reached.outcome == .undecided && reached.notes == ["3 of 6 runs did not come to it"])
    #expect(
      reached.sentence.contains("not reached (steps=1), 1 (steps=2); steps=1 is higher")
        && reached.sentence.contains("sign test, p = 0.25; 3 of 3 seeds agree"),
      "\(reached.sentence)")
    let negative = try verdict("metric: d, expect: falls", [[1, 1.1], [-1, -1.1]])
    #expect(negative.notes.contains { $0.contains("not above 0") })
  }
}
