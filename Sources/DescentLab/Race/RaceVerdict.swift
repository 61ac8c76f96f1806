import Descent

// What a race says in words: no more than its intervals allow.

extension RaceResult.Comparison {
  /// One sentence.
  public var sentence: String {
    let (a, b) = (better.label, worse.label)
    if test.isOfSigns { return signs }
    guard test.differences.count > 1 else {
      return "\(a) and \(b): not proven which is better; one seed proves nothing, so give --seeds 3"
    }
    if test.isIdentical {
      return "\(a) and \(b): not proven; their runs end with the same losses to the last bit"
    }
    let difference = abs(test.mean ?? 0)
    if isProven {
      return "\(a) ends lower than \(b), by \(short(difference)): proven (\(evidence))"
    }
    let start =
      "\(a) and \(b): not proven which is better (\(a) is \(short(difference)) lower; "
      + "\(evidence))\(closeness)"
    switch test.pairsNeeded(comparisons: comparisons) {
    case .unknown:
      return start + "; that is no more than \(percent(RaceResult.margin, 1)) of the loss, which "
        + "counts as equal"
    case .more(let limit):
      return start + "; if the difference is what it seems, it would take more than "
        + "\(grouped(limit)) seeds"
    case .about(let seeds):
      return start + "; if the difference is what it seems, it would take about "
        + "\(counted(max(seeds, test.differences.count + 1), "seed"))"
    }
  }

  /// `p = 0.012 (corrected for 6 pairs)`.
  private var chance: String {
    let p = p < 0.0001 ? "p < 0.0001" : "p = \(short(p, 2))"
    return comparisons > 1 ? "\(p), corrected for \(grouped(comparisons)) pairs" : p
  }

  /// `95 % interval 0.01 to 0.02, p = 0.012, both corrected for 6 pairs`
  private var evidence: String {
    guard let interval else { return chance }
    return "95 % interval \(short(interval.low)) to \(short(interval.high)), "
      + chance.replacing(", corrected", with: ", both corrected")
  }

  /// What keeps a difference that is not proven although its interval leaves out 0.
  private var closeness: String {
    guard let interval, interval.low > 0, abs(test.mean ?? 0) > test.margin else { return "" }
    return ", since up to \(short(test.margin)), \(percent(RaceResult.margin, 1)) of the loss, "
      + "counts as equal"
  }

  /// Where runs failed, who did better how often.
  private var signs: String {
    let n = test.differences.count
    func failed(_ entry: RaceResult.Entry) -> String? {
      entry.failures == 0
        ? nil
        : "\(entry.label) failed in \(entry.failures) of \(counted(entry.judged.count, "run"))"
    }
    let failures = [failed(better), failed(worse)].compactMap(\.self).joined(separator: ", ")
    let wins = test.differences.count { test.direction > 0 ? $0 > 0 : $0 < 0 }
    let count = "\(better.label) did better on \(wins) of \(counted(n, "seed"))"
    if isProven {
      return
        "\(better.label) is better than \(worse.label): \(failures); \(count): proven, \(chance)"
    }
    let needed = (1...60).first { 2 * pow2(-$0) * Double(comparisons) < RaceResult.level } ?? 60
    return "\(better.label) and \(worse.label): \(failures); \(count), which by itself proves "
      + "nothing (\(chance)); it would take \(counted(needed, "seed")) that all end so"
  }

  private func pow2(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }
}

extension RaceResult {
  /// What the race says of a recipe in a sentence or two.
  package func headline(_ index: Int) -> String {
    let (recipe, comparisons) = (recipes[index], comparisons[index])
    guard recipe.entries.count > 1, let leader = leader(of: recipe) else {
      return recipe.entries.contains { $0.failures < $0.judged.count }
        ? "There is nothing to compare \(recipe.entries[0].label) with."
        : "No run came to its end, so nothing can be said."
    }
    let rivals = comparisons.compactMap { pair -> String? in
      guard pair.better.label == leader.label || pair.worse.label == leader.label else {
        return nil
      }
      if pair.isProven, pair.better.label == leader.label { return nil }
      return pair.better.label == leader.label ? pair.worse.label : pair.better.label
    }
    let others = recipe.entries.filter { $0.label != leader.label }
    if rivals.isEmpty {
      let beaten =
        others.count == 1
        ? others[0].label : others.count == 2 ? "both others" : "all \(others.count) others"
      return "\(leader.label) is better here than \(beaten): proven."
    }
    let lost = others.filter { $0.failures == $0.judged.count }.map(\.label)
    let open = rivals.filter { !lost.contains($0) }
    let won = others.count - open.count - lost.count
    var words = "No optimizer is proven best: \(leader.label) has the lowest loss in the mean"
    if won > 0 { words += ", and is better than \(counted(won, "other")), which is proven" }
    if !open.isEmpty { words += "; that it is better than \(few(open)) is not proven" }
    if !lost.isEmpty { words += "; \(few(lost)) finished no run" }
    return words + "."
  }

  /// The one with the fewest failures, and of those with the lowest mean.
  private func leader(of recipe: OnRecipe) -> Entry? {
    recipe.entries.filter { $0.sample.mean != nil }.min {
      ($0.failures, $0.sample.mean ?? .infinity) < ($1.failures, $1.sample.mean ?? .infinity)
    }
  }

  /// What was compared, and so how far the verdict reaches.
  package var scope: String {
    let runs = counted(plan.seeds, "seed")
    let steps = Set(recipes.flatMap { $0.entries.map(\.steps) })
    let length =
      plan.secondsPerRun.map { "\(Self.seconds($0)) of training a run" }
      ?? (steps.count == 1
        ? "\(counted(steps.first ?? 0, "step")) a run" : "as many steps a run as each recipe has")
    let open = recipes.flatMap { $0.entries.filter { !$0.atEdge.isEmpty }.map(\.label) }
    var seen: Set<String> = []
    let edges = open.filter { seen.insert($0).inserted }
    let caution =
      edges.isEmpty
      ? ""
      : " For \(few(edges)) the best setting was the smallest or the largest that was tried, so "
        + "more trials or a wider space could change this."
    return
      "\(search).\(caution) It holds for \(recipes.count == 1 ? "this recipe" : "these recipes"), with "
      + "\(length), over \(runs)."
  }

  /// What was searched for the best settings.
  private var search: String {
    if plan.trials == 0 {
      return "Nothing was tuned (--tune 0), so these settings were compared, not the rules"
    }
    // What has its settings given, or none that matter, gets no trials.
    let entries = recipes.flatMap(\.entries)
    let tuned = Set(entries.filter { !$0.dimensions.isEmpty }.map(\.label))
    var seen: Set<String> = []
    let given = entries.map(\.label).filter { !tuned.contains($0) && seen.insert($0).inserted }
    if tuned.isEmpty {
      return
        "No optimizer had a setting left to tune, so these settings were compared, not the rules"
    }
    let trials = counted(plan.trials, "tuning trial")
    let others = given.isEmpty ? "" : " but \(few(given)), which had no setting left to tune,"
    return "Each optimizer\(others) was given \(trials), and no other search was made"
  }

  /// `1 second`, `0.5 seconds`.
  package static func seconds(_ x: Double) -> String { x == 1 ? "1 second" : "\(short(x)) seconds" }
}
