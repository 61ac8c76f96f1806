import DescentCompute

/// Rows with one value of each axis such that any two values of different axes that go together
/// stand together in some row. What depends on two choices at once shows in them, at a small part
/// of the cost of all combinations.
struct AllPairs {
  /// The rows: for each axis, which of its values.
  private(set) var rows: [[Int]] = []
  /// Pairs that go together but with nothing that another axis has; values are counted over all
  /// axes.
  private(set) var impossible: [(Int, Int)] = []

  private let values: [Range<Int>]
  private let axisOf: [Int]
  /// For each pair of values whether it may stand in a row, and whether it still has to.
  private var (allowed, missing): ([[Bool]], [[Bool]])
  private var random: RandomStream

  /// Covers all pairs, greedily: each row begins with one that is missing and adds the values that
  /// bring most others.
  ///
  /// - Parameters:
  ///   - sizes: how many values each axis has.
  ///   - seed: decides among equals.
  ///   - goTogether: whether two values of different axes may stand in a row, each counted over all
  ///     axes; asked once for each pair, the lower first.
  init(sizes: [Int], seed: UInt64, _ goTogether: (Int, Int) -> Bool) {
    var start = 0
    values = sizes.map { size in
      start += size
      return start - size..<start
    }
    let axisOf = values.enumerated().flatMap { axis, values in values.map { _ in axis } }
    self.axisOf = axisOf
    random = RandomStream(seed: seed)
    allowed = Array(repeating: Array(repeating: false, count: start), count: start)
    for b in 0..<start {
      for a in 0..<b where axisOf[a] != axisOf[b] && goTogether(a, b) {
        (allowed[a][b], allowed[b][a]) = (true, true)
      }
    }
    missing = allowed
    for pair in random.permutation(of: start * start) {
      let (a, b) = (pair / start, pair % start)
      guard a < b, missing[a][b] else { continue }
      let others = random.permutation(of: sizes.count).filter {
        ![axisOf[a], axisOf[b]].contains($0)
      }
      guard let chosen = complete([a, b], others[...]) else {
        impossible.append((a, b))
        continue
      }
      for a in chosen { for b in chosen { missing[a][b] = false } }
      rows.append(chosen.sorted().enumerated().map { $1 - values[$0].lowerBound })
    }
  }

  /// `chosen` with a value of each of `axes`; nil where there is none.
  private mutating func complete(_ chosen: [Int], _ axes: ArraySlice<Int>) -> [Int]? {
    guard let axis = axes.first else { return chosen }
    let order = random.permutation(of: values[axis].count).map { values[axis].lowerBound + $0 }
    let possible = order.filter { value in chosen.allSatisfy { allowed[$0][value] } }
    let ranked = possible.map { value in (value, chosen.count { missing[$0][value] }) }
    for (value, _) in ranked.sorted(by: { $0.1 > $1.1 }) {
      if let row = complete(chosen + [value], axes.dropFirst()) { return row }
    }
    return nil
  }
}
