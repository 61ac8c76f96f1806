import Foundation

/// A way to read a learning rate off the curve of a sweep.
///
/// Each is a pure function of the curve. None has an answer for a curve that never falls.
public enum RateRule: String, CaseIterable, Sendable {
  /// Where the smoothed loss falls most steeply over the logarithm of the rate, between the
  /// beginning and its lowest point.
  case steepest
  /// In the middle of the longest valley, as fastai has it: two thirds along the longest run of
  /// falling losses, other losses in between left out.
  case valley
  /// A tenth of the rate at which the smoothed loss is lowest.
  case minimumTenth = "minimum_tenth"
  /// The last rate, counted from the right, before the slope becomes level, as in fastai's interval
  /// slide rule: slopes 15 steps apart that differ by no more than 0.005.
  case slide

  /// What it looks at, for tables.
  public var meaning: String {
    switch self {
    case .steepest: "where the loss falls fastest"
    case .valley: "inside the longest fall of the loss"
    case .minimumTenth: "a tenth of the rate of the lowest loss"
    case .slide: "before the loss begins to rise"
    }
  }

  /// The rate that it suggests; nil where it has no answer.
  public func rate(_ curve: RateCurve) -> Double? {
    index(curve).map { self == .minimumTenth ? curve.rates[$0] / 10 : curve.rates[$0] }
  }

  /// The step whose rate it goes by.
  public func index(_ curve: RateCurve) -> Int? {
    guard let first = curve.smoothed.first, curve.fall > 1e-6 * abs(first),
      curve.descent.count > 1
    else { return nil }
    switch self {
    case .steepest:
      let slopes = curve.descent.map { i in
        (
          index: i,
          slope: (curve.smoothed[i + 1] - curve.smoothed[i])
            / log(curve.rates[i + 1] / curve.rates[i])
        )
      }
      return slopes.min { $0.slope < $1.slope }.flatMap { $0.slope < 0 ? $0.index : nil }
    case .valley:
      let range = Self.middlePart(of: curve)
      return Self.valley(Array(curve.smoothed[range])).map { $0 + range.lowerBound }
    case .minimumTenth: return curve.lowest
    case .slide:
      let range = Self.middlePart(of: curve)
      return Self.slide(Array(curve.smoothed[range])).map { $0 + range.lowerBound }
    }
  }

  /// What fastai looks at: all but the first tenth of the planned steps and the last five.
  private static func middlePart(of curve: RateCurve) -> Range<Int> {
    let end = curve.smoothed.count - 5
    return curve.start < end ? curve.start..<end : 0..<0
  }

  /// The place in the valley of `losses`: halfway into the middle third of the longest strictly
  /// falling subsequence, by its length and its end.
  package static func valley(_ losses: [Double]) -> Int? {
    var lengths = [Int](repeating: 1, count: losses.count)
    for i in losses.indices {
      for j in 0..<i where losses[i] < losses[j] { lengths[i] = max(lengths[i], lengths[j] + 1) }
    }
    guard let longest = lengths.max(), longest > 1, let end = lengths.firstIndex(of: longest)
    else { return nil }
    let start = end - longest
    let third = Double(end - start) / 3
    return max(0, start + Int(third) + Int(third / 2))
  }

  /// The place before the slope of `losses` becomes level, from the right.
  package static func slide(
    _ losses: [Double], interval: Int = 15, level: Double = 0.005
  ) -> Int? {
    let count = losses.count
    guard count > interval else { return nil }
    let slopes = losses.indices.map { i in
      let (a, b) = (max(0, i - 1), min(count - 1, i + 1))
      return (losses[b] - losses[a]) / Double(b - a)
    }
    var (right, left) = (count - 1, count - 1 - interval)
    var found: Int?
    while left >= 0, abs(slopes[right] - slopes[left]) > level {
      found = left
      (right, left) = (right - 1, left - 1)
    }
    return found
  }
}
