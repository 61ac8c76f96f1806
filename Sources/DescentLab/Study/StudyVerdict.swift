import Foundation

/// What became of a claim.
public struct StudyVerdict: Sendable {
  /// The claim.
  public let claim: StudyClaim
  /// How it came out.
  public internal(set) var outcome: Outcome
  /// Why, with the figures.
  public internal(set) var sentence: String
  /// The numbers of the cells that were looked at.
  public internal(set) var cells: [Cell] = []
  /// The comparisons that were made.
  public internal(set) var comparisons: [StudyComparison] = []
  /// Whether numbers were compared by their ratios.
  public internal(set) var isRatio = false
  /// What limits it: one seed, runs that failed.
  public internal(set) var notes: [String] = []

  /// How a claim came out.
  public enum Outcome: String, Sendable, CaseIterable { case supported, contradicted, undecided }

  /// The numbers of a cell.
  public struct Cell: Sendable {
    /// Its label.
    public let label: String
    /// The number of each run; nil where it has none.
    public let values: [Double?]
    /// Whether they are averaged by their logarithms.
    let isRatio: Bool
    /// The metric that they are values of; nil where they are something else, such as steps.
    var metric: Metric?

    package init(label: String, values: [Double?], isRatio: Bool, metric: Metric? = nil) {
      (self.label, self.values, self.isRatio, self.metric) = (label, values, isRatio, metric)
    }

    /// Their mean: of ratios the geometric one; nil for none.
    public var mean: Double? {
      let known = values.compactMap(\.self)
      guard isRatio, known.allSatisfy({ $0 > 0 }) else { return Sample(known).mean }
      return Sample(known.map { log($0) }).mean.map { exp($0) }
    }
    /// Where the true mean lies with 95 % confidence; nil for fewer than two.
    public var interval: (low: Double, high: Double)? {
      let known = values.compactMap(\.self)
      var interval = Sample(known).interval
      if isRatio, known.allSatisfy({ $0 > 0 }) {
        interval = Sample(known.map { log($0) }).interval.map { (exp($0.low), exp($0.high)) }
      }
      return metric.map { $0.clipped(interval, of: known) } ?? interval
    }
  }
}

/// Two cells beside each other, seed by seed.
public struct StudyComparison: Sendable {
  /// The label of the first cell, which is compared with the second.
  public let a: String
  /// The label of the second.
  public let b: String
  /// The test of their differences, of logarithms where numbers are compared by ratios.
  public let test: PairedTest
  /// Whether numbers are compared by ratios.
  public let isRatio: Bool
  /// p after Holm's correction.
  public internal(set) var p: Double
  /// The level that the correction holds the test to.
  public internal(set) var level = StudyComparison.proof
  /// The number of comparisons that were corrected for.
  public internal(set) var among = 1
  /// The largest difference that there can be.
  private let most: Double

  /// A difference is proven where its corrected p is below this.
  public static let proof = 0.05
  /// Numbers that differ by no more than this share count as equal, unless a claim says otherwise.
  public static let margin = 0.001

  /// - Parameters:
  ///   - isUnbounded: whether a run without a number has more than any number, rather than being
  ///     left out.
  ///   - margin: the difference that counts as none, as a share of the second.
  package init(
    _ a: StudyVerdict.Cell, _ b: StudyVerdict.Cell, isRatio: Bool, isUnbounded: Bool = false,
    margin: Double = margin
  ) {
    let pairs = zip(a.values, b.values).map { x, y -> (a: Double?, b: Double?) in
      guard isUnbounded || (x != nil && y != nil) else { return (nil, nil) }
      return isRatio ? (x.map { log($0) }, y.map { log($0) }) : (x, y)
    }
    let size = Sample(pairs.compactMap { $0.b.map(abs) }).mean ?? 0
    (self.a, self.b, self.isRatio) = (a.label, b.label, isRatio)
    let width = a.metric.map { $0.range.upperBound - $0.range.lowerBound } ?? .infinity
    most = isRatio || pairs.contains { abs(($0.a ?? 0) - ($0.b ?? 0)) > width } ? .infinity : width
    test = PairedTest(pairs, marginOf: isRatio ? log1p(margin) : margin * size)
    p = test.p
  }

  /// Pairs of runs with the same seed.
  public var pairs: Int { test.differences.count }
  /// Whether the difference is proven.
  public var isProven: Bool { pairs > 1 && p < Self.proof }
  /// How much more the first has: a difference, or a factor.
  public var change: Double? { test.mean.map { isRatio ? exp($0) : $0 } }
  /// Where the true change lies with 95 % confidence, after the correction.
  public var interval: (low: Double, high: Double)? {
    testInterval.map { isRatio ? (exp($0.low), exp($0.high)) : $0 }
  }
  /// The same as the test has it: of ratios their logarithms.
  var testInterval: (low: Double, high: Double)? {
    test.interval(level: level).map { (max($0.low, -most), min($0.high, most)) }
  }
  /// 1 where the first has more by the means, −1 where it has less, 0 where they count as equal.
  public var direction: Int {
    if let mean = test.mean, abs(mean) <= test.margin { return 0 }
    return test.direction > 0 ? 1 : test.direction < 0 ? -1 : 0
  }
  /// How many seeds go the way of the mean.
  public var agreeing: Int {
    let way = test.direction
    return test.differences.count { way > 0 ? $0 > 0 : way < 0 ? $0 < 0 : $0 == 0 }
  }

  /// The comparisons with p values that are corrected for their number.
  static func corrected(_ all: [StudyComparison]) -> [StudyComparison] {
    let p = all.map(\.test.p)
    return zip(all, zip(p.holmCorrected, p.holmLevels(proof))).map { one, corrected in
      var one = one
      (one.p, one.level, one.among) = (corrected.0, corrected.1, all.count)
      return one
    }
  }
}
