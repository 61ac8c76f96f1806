import Descent
import DescentTraining

/// How optimizers descended a landscape.
public struct LandscapeResult: Sendable {
  /// What was run.
  let entries: LandscapeEntries
  /// Their paths, in the order in which they were named.
  public let runs: [LandscapeRun]
  /// What became of each.
  package let outcomes: [Outcome]
  /// For each, f above its lowest value over the last steps, under each noise.
  let levels: [[Double]]

  /// How far above the minimum a run may be and count as there.
  package static let tolerance = 1e-3

  /// What became of a run.
  package struct Outcome: Sendable {
    /// f at the end, above its lowest value.
    package let excess: Double
    /// The distance from the end to the nearest lowest place.
    let distance: Double
    /// The first step from which it is within ``LandscapeResult/tolerance`` of the minimum, to the
    /// end; nil with noise, where that is chance.
    package let reached: Int?
    /// The first step within it of a run that did not stay.
    package let left: Int?
    /// f above its lowest value over the last steps; nil without noise.
    let level: Double?
    /// The step with which it is lost: far outside, or no number any more.
    package let diverged: Int?
    /// Whether it stands still where it is, and what is there.
    let rest: Rest?

    enum Rest { case localMinimum, saddle }
  }

  /// The landscape.
  public var landscape: Landscape { entries.landscape }

  init(entries: LandscapeEntries, runs: [LandscapeRun], levels: [[Double]]) {
    (self.entries, self.runs, self.levels) = (entries, runs, levels)
    outcomes = runs.map { Self.outcome($0, entries.landscape) }
  }

  /// What became of a run on a landscape.
  static func outcome(_ run: LandscapeRun, _ landscape: Landscape) -> Outcome {
    let f = landscape.function
    let lowest = f.lowest
    func distance(_ p: LandscapeFunction.Place) -> Double {
      f.minima.map { ((p - $0) * (p - $0)).sum().squareRoot() }.min() ?? .nan
    }
    let (w, h) = (
      f.domain.x.upperBound - f.domain.x.lowerBound,
      f.domain.y.upperBound - f.domain.y.lowerBound
    )
    // A start far away is not lost yet.
    let far = max(1000 * max(w, h), 10 * distance(run.places[0]))
    let end = run.places[run.places.count - 1]
    let lost = run.places.indices.first { index in
      !(distance(run.places[index]) <= far) || !run.values[index].isFinite
    }
    let diverged = [lost, run.refused].compactMap(\.self).min()
    let excess = run.values[run.values.count - 1] - lowest
    let isNoisy = landscape.deviation > 0
    let touched = isNoisy ? nil : run.values.firstIndex { $0 - lowest <= tolerance }
    let outside = run.values.lastIndex { !($0 - lowest <= tolerance) } ?? -1
    let stays = diverged == nil && outside < run.values.count - 1
    let rest = diverged == nil && excess > tolerance ? rest(of: run, f, excess) : nil
    return Outcome(
      excess: excess, distance: distance(end),
      reached: touched.flatMap { _ in stays ? outside + 1 : nil },
      left: stays ? nil : touched, level: isNoisy ? landscape.level(run) : nil,
      diverged: diverged, rest: rest)
  }

  /// What lies where a run ended, if by the slope and the curvature there it is as good as there.
  private static func rest(
    of run: LandscapeRun, _ f: LandscapeFunction, _ excess: Double
  ) -> Outcome.Rest? {
    let end = run.places[run.places.count - 1]
    let (g, h) = (f.gradient(end), f.hessian(end))
    let determinant = h.xx * h.yy - h.xy * h.xy
    guard determinant != 0, determinant.isFinite else { return nil }
    // Newton's step would lead to the bottom, or to the pass.
    let step: LandscapeFunction.Place = [
      (h.yy * g.x - h.xy * g.y) / determinant, (h.xx * g.y - h.xy * g.x) / determinant,
    ]
    let reach = max(
      f.domain.x.upperBound - f.domain.x.lowerBound, f.domain.y.upperBound - f.domain.y.lowerBound)
    let length = (step * step).sum().squareRoot()
    if h.curvatures.least < 0 {
      let last = end - run.places[run.places.count - 2]
      let isStill = (last * last).sum().squareRoot() < 1e-4 * reach
      return isStill && length < 1e-2 * reach ? .saddle : nil
    }
    let below = (step * g).sum() / 2
    return below < 0.02 * excess && length < 0.1 * reach ? .localMinimum : nil
  }

  /// Whether noise keeps runs from coming to rest, so that they are judged by averages.
  var isNoisy: Bool { landscape.deviation > 0 }

  /// f above its lowest value over the last steps, on average over all noises; nil without noise.
  package func mean(_ index: Int) -> Double? {
    let all = levels[index]
    return isNoisy ? all.reduce(0) { $0 + $1 / Double(all.count) } : nil
  }

  /// Whether the averages of two differ by less than chance explains: by two standard errors of the
  /// differences under the same noise.
  package func isTie(_ a: Int, _ b: Int) -> Bool {
    let differences = zip(levels[a], levels[b]).map { $0 - $1 }
    guard differences.count > 1 else { return true }
    let count = Double(differences.count)
    let mean = differences.reduce(0, +) / count
    let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    return abs(mean) <= 2 * (variance / count).squareRoot()
  }

  /// The order from the one that is there first, and stays; those that do not by how low they end.
  /// With noise, by averages.
  package var order: [Int] {
    runs.indices.sorted { a, b in
      func rank(_ index: Int) -> (Int, Double) {
        let o = outcomes[index]
        if let step = o.reached { return (0, Double(step)) }
        let height = mean(index) ?? o.excess
        return o.diverged == nil && height.isFinite ? (1, height) : (2, 0)
      }
      return (rank(a).0, rank(a).1, a) < (rank(b).0, rank(b).1, b)
    }
  }
}
