import Foundation

/// Numbers that were drawn alike: their mean, and how well it is known.
public struct Sample: Sendable, Equatable {
  /// The numbers.
  public let values: [Double]

  /// Of these numbers.
  public init(_ values: [Double]) { self.values = values }

  /// Their mean; nil for none.
  public var mean: Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Their standard deviation, with n − 1; nil for fewer than two.
  public var deviation: Double? {
    guard let mean, values.count > 1 else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }

  /// The standard error of the mean; nil for fewer than two.
  public var standardError: Double? { deviation.map { $0 / Double(values.count).squareRoot() } }

  /// Where the true mean lies with 95 % confidence, by Student's t; nil for fewer than two.
  public var interval: (low: Double, high: Double)? {
    guard let mean, let standardError else { return nil }
    let reach = StudentT(Double(values.count - 1)).critical(0.05) * standardError
    return (mean - reach, mean + reach)
  }

  /// Their median, of an even number the mean of the two in the middle; nil for none.
  public var median: Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  }
}

extension Array where Element == Double {
  /// Holm's correction of p values for their number: with it, the chance that any of them is wrongly
  /// below a level is at most that level. At most 1, in the order of the array.
  ///
  /// q₍ᵢ₎ = max over j ≤ i of (m − j + 1)·p₍ⱼ₎, for p₍₁₎ ≤ … ≤ p₍ₘ₎
  public var holmCorrected: [Double] {
    var corrected = self
    var largest = 0.0
    for (rank, index) in indices.sorted(by: { self[$0] < self[$1] }).enumerated() {
      largest = Swift.max(largest, Swift.min(1, Double(count - rank) * self[index]))
      corrected[index] = largest
    }
    return corrected
  }

  /// The level that Holm's correction holds each p value to, in the order of the array: a corrected p is
  /// below `level` exactly where p is below this.
  ///
  /// α₍ᵢ₎ = α/(m − min(i, k) + 1), k being the first whose p is not below its level
  public func holmLevels(_ level: Double) -> [Double] {
    var levels = self
    var others = count
    var goesOn = true
    for index in indices.sorted(by: { self[$0] < self[$1] }) {
      levels[index] = level / Double(others)
      if !(self[index] < levels[index]) { goesOn = false }
      if goesOn { others -= 1 }
    }
    return levels
  }
}
