import Descent
import Foundation

/// Holds the runs of a study to a claim.
struct StudyJudge {
  let claim: StudyClaim
  let experiment: StudyPlan.Experiment
  let result: StudyResult
  /// The cells that count, by their places.
  let places: [Int]
  let isRatio: Bool
  private(set) var verdict: StudyVerdict

  init(_ claim: StudyClaim, _ result: StudyResult) {
    (self.claim, self.result) = (claim, result)
    // A claim without its experiment was refused when the study was read.
    let experiment =
      result.plan.experiment(claim.experiment) ?? result.plan.experiments[0]
    self.experiment = experiment
    let expectation = claim.expectation
    let named =
      expectation.isOfNamedCells ? expectation.cells.compactMap(experiment.cell) : nil
    places = experiment.cells.indices.filter {
      named?.contains($0) != false && experiment.isCell(experiment.cells[$0], among: claim.filter)
    }
    let values = places.map {
      result.values(experiment.name, $0, claim.metric, claim.reduction)
    }
    let hasLogarithms = values.joined().compactMap(\.self).allSatisfy { $0 > 0 }
    isRatio = claim.isRatio && hasLogarithms
    verdict = StudyVerdict(claim: claim, outcome: .undecided, sentence: "")
    verdict.isRatio = isRatio
    verdict.cells = zip(places, values).map { [isRatio] place, values in
      .init(
        label: experiment.cells[place].label, values: values, isRatio: isRatio,
        metric: claim.metric.metric(claim.reduction))
    }
    if claim.isRatio, !hasLogarithms {
      verdict.notes.append(
        "some numbers are not above 0, so differences were compared in the place of ratios")
    }
    noteFailures()
    judge()
    if verdict.comparisons.contains(where: { $0.pairs == 1 }) {
      verdict.notes.append("one seed: only the direction counts, and it proves nothing")
    }
  }

  /// The number that is looked at, in words.
  var what: String {
    claim.expectation.isOfSeries ? claim.metric.words : claim.reduction.words(claim.metric)
  }

  private mutating func noteFailures() {
    let runs = places.flatMap { result.runs(experiment.name, $0) }
    let failed = runs.count { $0.failure != nil }
    if failed > 0 {
      verdict.notes.append(
        "\(failed) of \(counted(runs.count, "run")) failed and \(failed == 1 ? "is" : "are") left "
          + "out"
      )
    }
    let empty = runs.count - failed - verdict.cells.flatMap { $0.values.compactMap(\.self) }.count
    if empty > 0, !claim.expectation.isOfSeries {
      verdict.notes.append(
        claim.metric.isUnbounded
          ? "\(empty) of \(counted(runs.count, "run")) did not come to it"
          : "\(empty) of \(counted(runs.count, "run")) \(empty == 1 ? "has" : "have") no \(what)")
    }
  }

  private mutating func judge() {
    switch claim.expectation {
    case .trend(let axis, let rises): trend(axis, rises: rises)
    case .order(let higher, let lower): order(higher, lower)
    case .extreme(let cell, let isLowest): extreme(cell, isLowest: isLowest)
    case .equal(let share):
      let cells = verdict.cells
      equal(
        cells.indices.flatMap { a in cells[(a + 1)...].map { (cells[a], $0) } }, share: share)
    case .within(let share, let of, let only):
      guard let reference = cell(of) else { return none(of) }
      let others = verdict.cells.filter {
        $0.label != reference.label && (only == nil || $0.label == only)
      }
      if others.isEmpty { return none(only ?? "another cell") }
      equal(others.map { ($0, reference) }, share: share)
    case .bound(let limit, let isUpper, let cell): bound(limit, isUpper: isUpper, cell)
    case .never(let falls, let cell): never(falls: falls, cell)
    case .settles(let share, let last, let cell): settles(share, last: last, cell)
    }
  }

  /// A cell by its label.
  func cell(_ label: String) -> StudyVerdict.Cell? {
    verdict.cells.first { $0.label == label }
      ?? experiment.cell(label).flatMap { index in
        verdict.cells.first { $0.label == experiment.cells[index].label }
      }
  }

  mutating func none(_ label: String) {
    verdict.sentence = "there are no runs of \(label)"
  }

  mutating func decide(_ outcome: StudyVerdict.Outcome, _ sentence: String) {
    (verdict.outcome, verdict.sentence) = (outcome, sentence)
  }

  func compared(
    _ a: StudyVerdict.Cell, _ b: StudyVerdict.Cell, margin: Double = StudyComparison.margin
  ) -> StudyComparison {
    StudyComparison(
      a, b, isRatio: isRatio, isUnbounded: claim.metric.isUnbounded, margin: margin)
  }

  mutating func keep(_ all: [StudyComparison]) { verdict.comparisons = all }

  // MARK: Comparisons

  /// What a comparison says of “the first has more”: 1 where it does, −1 where it has less, 0 where
  /// neither is proven. With one seed the direction is all there is.
  static func side(_ comparison: StudyComparison) -> Int {
    if comparison.pairs == 0 { return 0 }
    if comparison.pairs == 1 { return comparison.direction }
    return comparison.isProven ? comparison.direction : 0
  }

  private mutating func order(_ higher: String, _ lower: String) {
    guard let a = cell(higher) else { return none(higher) }
    guard let b = cell(lower) else { return none(lower) }
    let comparison = compared(a, b)
    keep([comparison])
    let start = "\(what): \(figures([a, b])); \(comparison.sentence)"
    if comparison.pairs == 0 { return decide(.undecided, start) }
    switch Self.side(comparison) {
    case 1: decide(.supported, start)
    case -1: decide(.contradicted, "\(start), the other way round")
    default:
      if comparison.test.isIdentical {
        decide(.contradicted, start)
      } else {
        decide(.undecided, "\(start), which is not proven\(comparison.needed)")
      }
    }
  }

  private mutating func extreme(_ label: String, isLowest: Bool) {
    guard let one = cell(label) else { return none(label) }
    let others = verdict.cells.filter { $0.label != one.label }
    if others.isEmpty { return none("another cell") }
    let all = StudyComparison.corrected(
      others.map { isLowest ? compared($0, one) : compared(one, $0) })
    keep(all)
    let word = isLowest ? "lowest" : "highest"
    let start = "\(what): \(figures(verdict.cells))"
    if all.allSatisfy({ Self.side($0) == 1 }) {
      let nearest = all.min { abs($0.test.mean ?? 0) < abs($1.test.mean ?? 0) }
      return decide(
        .supported, "\(start). The nearest: \(nearest?.sentence ?? "")")
    }
    if let other = all.first(where: { Self.side($0) == -1 }) {
      return decide(
        .contradicted,
        "\(start). \(one.label) is not the \(word): \(other.sentence)")
    }
    if all.allSatisfy({ $0.test.isIdentical }) {
      return decide(.contradicted, "\(start). All are the same to the last bit")
    }
    let open = all.filter { Self.side($0) == 0 }
    decide(
      .undecided,
      "\(start). That \(one.label) is the \(word) is not proven: \(open.first?.sentence ?? "")"
        + (open.first?.needed ?? ""))
  }

  private mutating func equal(
    _ pairs: [(StudyVerdict.Cell, StudyVerdict.Cell)], share: Double
  ) {
    let all = StudyComparison.corrected(pairs.map { compared($0, $1, margin: share) })
    keep(all)
    let start = "\(what): \(figures(verdict.cells))"
    let words = percent(share, share < 0.01 ? 1 : 0)
    guard !all.isEmpty, all.allSatisfy({ $0.pairs > 0 }) else {
      return decide(.undecided, "\(start). Not all of them have runs to compare")
    }
    if let other = all.first(where: { Self.side($0) != 0 }) {
      return decide(.contradicted, "\(start). More than \(words) apart: \(other.sentence)")
    }
    // Two one-sided tests: all of the 90 % interval lies within the share.
    let isClose = all.allSatisfy { one in
      guard one.pairs > 1, !one.test.isIdentical else { return one.direction == 0 }
      guard let interval = one.test.interval(level: 2 * StudyComparison.proof) else { return false }
      return interval.low >= -one.test.margin && interval.high <= one.test.margin
    }
    let widest = all.max { abs($0.test.mean ?? 0) < abs($1.test.mean ?? 0) }
    let farthest = "The farthest apart: \(widest?.sentence ?? "")"
    if isClose { return decide(.supported, "\(start). All within \(words). \(farthest)") }
    decide(.undecided, "\(start). That all are within \(words) is not shown. \(farthest)")
  }

  // MARK: Runs one by one

  /// Decides by how many runs hold.
  private mutating func count(_ holds: Int, of all: Int, _ sentence: String, isStrict: Bool) {
    if all == 0 { return decide(.undecided, "no run has two values of \(what) to compare") }
    decide(
      holds == all ? .supported : isStrict || holds == 0 ? .contradicted : .undecided,
      "in \(holds) of \(counted(all, "run")) \(sentence)")
  }

  private mutating func bound(_ limit: Double, isUpper: Bool, _ only: String?) {
    if let only, cell(only) == nil { return none(only) }
    let cells = only.flatMap { cell($0).map { [$0] } } ?? verdict.cells
    let values = cells.flatMap(\.values)
    let holds = values.count { $0.map { isUpper ? $0 <= limit : $0 >= limit } ?? false }
    count(
      holds, of: values.count,
      "the \(what) is at \(isUpper ? "most" : "least") \(short(limit, 5)): \(figures(cells))",
      isStrict: false)
  }

  /// The runs whose series are looked at, with their labels. One value says nothing of a course.
  private func series(_ only: String?) -> [(label: String, track: Track)] {
    places.flatMap { place -> [(String, Track)] in
      let label = experiment.cells[place].label
      if let only, cell(only)?.label != label { return [] }
      return result.runs(experiment.name, place).compactMap { run in
        guard run.failure == nil, let name = claim.metric.track, let track = run.tracks[name],
          track.values.count > 1
        else { return nil }
        return ("\(label), seed \(run.number + 1)", track)
      }
    }
  }

  private mutating func never(falls: Bool, _ only: String?) {
    if let only, cell(only) == nil { return none(only) }
    let all = series(only)
    var first: String?
    var broken = 0
    for (label, track) in all {
      let values = track.values
      let index = values.indices.dropFirst().first {
        falls ? values[$0] < values[$0 - 1] : values[$0] > values[$0 - 1]
      }
      guard let index else { continue }
      broken += 1
      first =
        first
        ?? "\(label) has \(short(values[index - 1], 6)) at step \(track.steps[index - 1]) and "
        + "\(short(values[index], 6)) at step \(track.steps[index])"
    }
    count(
      all.count - broken, of: all.count,
      "\(what) never \(falls ? "falls" : "rises")", isStrict: true)
    if let first { verdict.sentence += ". The first that does: \(first)" }
  }

  private mutating func settles(_ share: Double, last: Double, _ only: String?) {
    if let only, cell(only) == nil { return none(only) }
    // One value of the last part is within any share of itself.
    let all = series(only).map { ($0.label, Self.end($0.track, last)) }.filter { $0.1.count > 1 }
    let spreads = all.map { _, values -> Double in
      guard let end = values.last, let low = values.min(), let high = values.max(), end != 0 else {
        return 0
      }
      return (high - low) / abs(end)
    }
    let holds = spreads.count { $0 <= share }
    let worst = zip(all, spreads).max { $0.1 < $1.1 }
    count(
      holds, of: all.count,
      "\(what) stays, over the last \(percent(last, 0)) of the steps, within "
        + "\(percent(share, 0)) of its last value",
      isStrict: false)
    if let worst {
      verdict.sentence += ". It moves most in \(worst.0.0): by \(percent(worst.1, 1))"
    }
  }

  /// The values in the last part of the steps.
  private static func end(_ track: Track, _ share: Double) -> [Double] {
    let start = Double(track.steps.last ?? 0) * (1 - share)
    return zip(track.steps, track.values).filter { Double($0.0) > start }.map(\.1)
  }

  // MARK: Figures

  /// `0.012 (rank=2), 0.0034 (rank=32)`.
  func figures(_ cells: [StudyVerdict.Cell]) -> String {
    cells.map { cell in
      "\(cell.mean.map { short($0, 4) } ?? (claim.metric.isUnbounded ? "not reached" : "none")) "
        + "(\(cell.label))"
    }
    .joined(separator: ", ")
  }
}

extension String {
  /// The text as a sentence begins.
  var capitalizedFirst: String {
    // Labels and keys keep their letters.
    guard let first, prefix(while: { $0 != " " }).allSatisfy(\.isLetter) else { return self }
    return first.uppercased() + dropFirst()
  }
}
