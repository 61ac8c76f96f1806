import Descent
import DescentTraining

/// How optimizers descended a landscape.
public struct LandscapeResult: Sendable {
  /// What was run.
  let entries: LandscapeEntries
  /// Their ways, in the order in which they were named.
  public let runs: [LandscapeRun]
  /// What became of each.
  let outcomes: [Outcome]

  /// How far above the minimum a run may be and count as there.
  static let tolerance = 1e-3

  /// What became of a run.
  struct Outcome: Sendable {
    /// f at the end, above its lowest value.
    let excess: Double
    /// The distance from the end to the nearest lowest place.
    let distance: Double
    /// The first step that ends within ``LandscapeResult/tolerance`` of the minimum.
    let reached: Int?
    /// The step with which it is lost: far outside, or no number any more.
    let diverged: Int?
    /// Whether it stands still where it is, and what is there.
    let rest: Rest?

    enum Rest { case localMinimum, saddle }
  }

  /// The landscape.
  public var landscape: Landscape { entries.landscape }

  init(entries: LandscapeEntries, runs: [LandscapeRun]) {
    (self.entries, self.runs) = (entries, runs)
    outcomes = runs.map { Self.outcome($0, entries.landscape.function) }
  }

  private static func outcome(_ run: LandscapeRun, _ f: LandscapeFunction) -> Outcome {
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
    let reached = run.values.firstIndex { $0 - lowest <= tolerance }
    let excess = run.values[run.values.count - 1] - lowest
    let rest = diverged == nil && excess > tolerance ? rest(of: run, f, excess) : nil
    return Outcome(
      excess: excess, distance: distance(end), reached: reached, diverged: diverged, rest: rest)
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

  /// The order from the one that is there first; those that are not by how low they end.
  var order: [Int] {
    runs.indices.sorted { a, b in
      func rank(_ index: Int) -> (Int, Int, Double) {
        let o = outcomes[index]
        if let step = o.reached { return (0, step, 0) }
        return o.diverged == nil && o.excess.isFinite ? (1, 0, o.excess) : (2, 0, 0)
      }
      return (rank(a).0, rank(a).1, rank(a).2, a) < (rank(b).0, rank(b).1, rank(b).2, b)
    }
  }

  /// The charts with the ways from a grid of starts beside that of the landscape, as many as a small
  /// page holds.
  ///
  /// - Throws: what is wrong with a plan.
  func motion(_ charts: [ContourChart]) throws(RecipeError) -> Motion {
    let (steps, count) = (landscape.steps, max(1, runs.count))
    var stride = max(1, (steps + 999) / 1000)
    func points(_ starts: Int) -> Int { starts * count * (steps / stride + 1) }
    let grids = [(9, 7), (7, 5), (5, 5), (4, 3), (3, 2)]
    while points(6) > Motion.points { stride += 1 }
    // Long runs would keep a person waiting.
    let grid = grids.first {
      points($0.0 * $0.1) <= Motion.points && $0.0 * $0.1 * count * steps <= 2_000_000
    }
    var starts = [landscape.start]
    if let grid {
      let (x, y) = landscape.function.domain
      for row in 0..<grid.1 {
        for column in 0..<grid.0 {
          func at(_ range: ClosedRange<Double>, _ share: Double) -> Double {
            let value = range.lowerBound * (1 - share) + range.upperBound * share
            return (value * 1000).rounded() / 1000
          }
          starts.append([
            at(x, (Double(column) + 0.5) / Double(grid.0)),
            at(y, (Double(row) + 0.5) / Double(grid.1)),
          ])
        }
      }
    }
    var ways: [[[Point]]] = []
    for (index, start) in starts.enumerated() {
      let runs = index == 0 ? runs : try entries.runs(from: start)
      ways.append(
        runs.map { run in
          Swift.stride(from: 0, through: steps, by: stride).map {
            Point(run.places[$0].x, run.places[$0].y)
          }.prefix { $0.x.isFinite && $0.y.isFinite }.map(\.self)
        })
    }
    return Motion(
      charts, starts: starts.map { Point($0.x, $0.y) }, ways: ways, stride: stride, steps: steps)
  }
}
