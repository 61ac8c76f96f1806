import DescentTraining

/// Paths from other starts, for a page on which the start can be dragged.
extension LandscapeResult {
  /// The charts with the paths from a grid of starts beside that of the landscape, as many as a small
  /// page holds and a person waits for.
  ///
  /// - Parameters:
  ///   - heads: what stands before each chart's result.
  ///   - note: a result in a few words.
  /// - Throws: what is wrong with a plan.
  package func motion(
    _ charts: [ContourChart], heads: [String], note: (Outcome) -> String
  ) throws(RecipeError) -> Motion {
    var motion = Motion(charts, heads: heads, steps: landscape.steps)
    add(landscape.start, runs, to: &motion, note)
    // What paths take is known from a few of them, one in each quarter.
    let probes = Self.grid((2, 2), landscape.function)
    var bytes = motion.bytes
    for probe in probes {
      var one = Motion(charts, heads: heads, steps: landscape.steps)
      try add(probe, entries.runs(from: probe), to: &one, note)
      bytes = max(bytes, one.bytes)
    }
    let grid = Self.grids.first { grid in
      let starts = grid.columns * grid.rows
      return starts * bytes <= Self.budget.bytes
        && starts * runs.count * landscape.steps <= Self.budget.steps
    }
    guard let grid else { return motion }
    for start in Self.grid(grid, landscape.function) {
      try add(start, entries.runs(from: start), to: &motion, note)
    }
    return motion
  }

  private func add(
    _ start: LandscapeFunction.Place, _ runs: [LandscapeRun], to motion: inout Motion,
    _ note: (Outcome) -> String
  ) {
    motion.add(
      from: Point(start.x, start.y), runs.map { $0.places.map { Point($0.x, $0.y) } },
      notes: runs.map { note(Self.outcome($0, landscape)) })
  }

  /// What paths from other starts may take on a page, and how many steps may be made for them.
  private static let budget = (bytes: 260_000, steps: 2_000_000)

  private static let grids: [(columns: Int, rows: Int)] = [
    (16, 12), (14, 10), (12, 8), (10, 6), (8, 6), (8, 4), (6, 4), (4, 4), (4, 2), (2, 2),
  ]

  /// A place in each cell of a grid, a little beside the middle: on an axis a gradient of 0 would hide
  /// what the others show.
  package static func grid(
    _ size: (columns: Int, rows: Int), _ function: LandscapeFunction
  ) -> [LandscapeFunction.Place] {
    func at(_ range: ClosedRange<Double>, _ index: Int, _ count: Int) -> Double {
      let share = (Double(index) + 0.47) / Double(count)
      let value = range.lowerBound * (1 - share) + range.upperBound * share
      return (value * 1000).rounded() / 1000
    }
    let (x, y) = function.domain
    return (0..<size.rows).flatMap { row in
      (0..<size.columns).map { [at(x, $0, size.columns), at(y, row, size.rows)] }
    }
  }
}
