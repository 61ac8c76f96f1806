import Foundation

/// Whether one of two things has the lower numbers, from pairs that share everything else: the seed of
/// two runs.
///
/// Student's t of the differences, against the hypothesis that their true mean is at most `margin`:
///
/// ```
/// t = (|m| − δ)⁺ / (s/√n)        p = P(|T| ≥ t), T of n − 1 degrees of freedom
/// ```
/// m is the mean of the n differences, s their standard deviation.
/// δ keeps out what is real but means nothing: settings that differ in their tenth digit move every seed the
/// same way by as little, with a spread so small that any t is large. p errs on the side of "not
/// proven" for differences within δ. Where a run of a pair failed, there is no difference; the sign test
/// then counts who did better, and needs no more than that.
public struct PairedTest: Sendable, Equatable {
  /// The differences a − b, one a pair; ±infinity where one run of a pair failed.
  public let differences: [Double]
  /// δ, what counts as no difference, at least 0.
  public let margin: Double

  /// Compares pairs, each with a number for a and for b, lower being better; nil is a run that failed,
  /// which is worse than any number. Pairs that failed in both say nothing.
  ///
  /// - Parameters:
  ///   - pairs: a number for a and for b each.
  ///   - margin: δ as a share of the mean of all the numbers.
  public init(_ pairs: [(a: Double?, b: Double?)], margin share: Double = 0) {
    let numbers = pairs.flatMap { [$0.a, $0.b].compactMap(\.self) }
    self.init(pairs, marginOf: share * (Sample(numbers.map(abs)).mean ?? 0))
  }

  /// The same with δ in the unit of the numbers.
  init(_ pairs: [(a: Double?, b: Double?)], marginOf margin: Double) {
    differences = pairs.compactMap { a, b in
      switch (a, b) {
      case (let a?, let b?): a - b
      case (nil, .some): .infinity
      case (.some, nil): -.infinity
      case (nil, nil): nil
      }
    }
    let numbers = pairs.flatMap { [$0.a, $0.b].compactMap(\.self) }
    let mean = Sample(numbers.map(abs)).mean ?? 0
    self.margin = margin
    // float32 holds a loss to that.
    resolution = max(mean * 1e-7, .leastNormalMagnitude)
  }

  /// No spread is taken for smaller than this.
  private let resolution: Double

  /// Whether a run failed, so that signs are counted.
  public var isOfSigns: Bool { differences.contains { !$0.isFinite } }

  /// Whether no pair differs in any bit.
  public var isIdentical: Bool {
    !differences.isEmpty && differences.allSatisfy { $0 == 0 }
  }

  /// The mean difference; nil where a run failed, or there is no pair.
  public var mean: Double? { isOfSigns ? nil : Sample(differences).mean }

  /// Where the true difference lies; nil where that cannot be said. It keeps clear of all within the
  /// margin exactly where p is below `level`.
  ///
  /// m ± t·s/√n, t of n − 1 degrees of freedom with P(|T| ≥ t) = `level`
  ///
  /// - Parameter level: the chance that it does not lie there, such as 0.05.
  public func interval(level: Double) -> (low: Double, high: Double)? {
    guard let mean, let spread else { return nil }
    let n = Double(differences.count)
    let reach = StudentT(n - 1).critical(level) * spread / n.squareRoot()
    return (mean - reach, mean + reach)
  }

  /// Below 0 where a did better, above where b did, 0 where neither.
  public var direction: Double {
    isOfSigns
      ? Double(differences.count { $0 > 0 } - differences.count { $0 < 0 }) : (mean ?? 0)
  }

  /// The chance of a difference at least as large, if there were none; 1 for fewer than two pairs.
  public var p: Double {
    guard differences.count > 1 else { return 1 }
    if isOfSigns {
      let (a, b) = (differences.count { $0 < 0 }, differences.count { $0 > 0 })
      return Self.signTest(min(a, b), of: a + b)
    }
    guard let effect, effect > 0 else { return 1 }
    let n = Double(differences.count)
    return StudentT(n - 1).twoSided(effect * n.squareRoot())
  }

  /// How far the mean lies beyond the margin, in standard deviations of the differences.
  private var effect: Double? {
    guard let mean, let spread else { return nil }
    return max(0, abs(mean) - margin) / spread
  }

  /// The standard deviation of the differences, no smaller than ``resolution``; nil where a run failed,
  /// or there are fewer than two pairs.
  private var spread: Double? {
    isOfSigns ? nil : Sample(differences).deviation.map { max($0, resolution) }
  }

  /// The chance of at most `few` heads or tails among `n` throws of a fair coin.
  private static func signTest(_ few: Int, of n: Int) -> Double {
    func logChoose(_ k: Int) -> Double {
      lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1))
    }
    let tail = (0...few).reduce(0) { $0 + exp(logChoose($1) - Double(n) * log(2)) }
    return min(1, 2 * tail)
  }

  /// How many pairs would show this difference in four of five races, if it is what the pairs at hand
  /// say it is.
  public enum PairsNeeded: Sendable, Equatable {
    case about(Int)
    case more(than: Int)
    /// It lies within the margin, or nothing can be said.
    case unknown
  }

  /// The pairs that would be needed, with `comparisons` to be corrected for.
  ///
  /// - Parameters:
  ///   - comparisons: how many are made; each is held to 0.05 divided by it.
  ///   - limit: more than that are not counted.
  public func pairsNeeded(comparisons: Int, limit: Int = 1000) -> PairsNeeded {
    guard let effect, effect > 0 else { return .unknown }
    let level = 0.05 / Double(max(1, comparisons))
    func isEnough(_ n: Int) -> Bool { Self.power(effect, pairs: n, level: level) >= 0.8 }
    guard isEnough(limit) else { return .more(than: limit) }
    var (low, high) = (1, limit)
    while high - low > 1 {
      let middle = (low + high) / 2
      if isEnough(middle) { high = middle } else { low = middle }
    }
    return .about(high)
  }

  /// The chance that a two-sided paired t-test finds a difference.
  ///
  /// - Parameters:
  ///   - effect: the true mean difference in standard deviations.
  ///   - pairs: n, at least 2.
  ///   - level: the p below which a difference counts as found.
  public static func power(_ effect: Double, pairs: Int, level: Double) -> Double {
    let ν = Double(pairs - 1)
    let (critical, shift) = (StudentT(ν).critical(level), effect * Double(pairs).squareRoot())
    // T' = (Z + shift)/S: over all S, whose density this is.
    let scale = log(2) + ν / 2 * log(ν / 2) - lgamma(ν / 2)
    func found(_ s: Double) -> Double {
      guard s > 0 || ν == 1 else { return 0 }
      let density = exp(scale + (ν == 1 ? 0 : (ν - 1) * log(s)) - ν * s * s / 2)
      return density * (normal(shift - critical * s) + normal(-shift - critical * s))
    }
    let reach = 9 / ν.squareRoot()
    let (low, high) = (max(0, 1 - reach), 1 + reach)
    // Simpson's rule.
    let pieces = 4000
    let h = (high - low) / Double(pieces)
    let sum = (0...pieces).reduce(0.0) { sum, i in
      let weight = i == 0 || i == pieces ? 1.0 : i % 2 == 1 ? 4 : 2
      return sum + weight * found(low + h * Double(i))
    }
    return min(1, sum * h / 3)
  }

  /// P(Z ≤ z) for the standard normal distribution.
  private static func normal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }
}
