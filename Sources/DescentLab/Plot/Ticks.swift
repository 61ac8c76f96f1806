import Foundation

/// The places where an axis is labelled.
public struct Ticks: Sendable, Equatable {
  /// Labelled values, ascending.
  public let values: [Double]
  /// Their texts.
  public let labels: [String]
  /// Values with a grid line and no label.
  public let minor: [Double]

  /// About `count` ticks in `range`, at round values.
  public init(_ range: ClosedRange<Double>, _ scale: Axis.Scale, count: Int) {
    switch scale {
    case .linear:
      let step = Self.step(range.upperBound - range.lowerBound, count)
      let first = Int((range.lowerBound / step - 1e-9).rounded(.up))
      let last = Int((range.upperBound / step + 1e-9).rounded(.down))
      values = first <= last ? (first...last).map { Double($0) * step } : []
      labels = Self.labels(values, step: step)
      minor = []
    case .logarithmic:
      let (low, high) = (range.lowerBound * (1 - 1e-9), range.upperBound * (1 + 1e-9))
      let decades = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
      let all = { (digits: [Double]) in
        decades.flatMap { decade in digits.map { $0 * pow(10, Double(decade)) } }
          .filter { (low...high).contains($0) }
      }
      // As fine as fits: every digit, 1-2-5, decades, every few decades.
      let every = max(1, Int((Double(decades.count) / Double(max(1, count))).rounded(.up)))
      let coarse = decades.filter { $0 % every == 0 }.map { pow(10, Double($0)) }
        .filter { (low...high).contains($0) }
      let choices = [all([1, 2, 3, 4, 5, 6, 7, 8, 9]), all([1, 2, 5]), all([1]), coarse]
      let chosen = choices.first { $0.count <= count } ?? coarse
      values = chosen
      labels = chosen.map(Self.short)
      minor = decades.count <= 8 ? choices[0].filter { !chosen.contains($0) } : []
    }
  }

  /// 1, 2 or 5 times a power of ten.
  private static func step(_ length: Double, _ count: Int) -> Double {
    let rough = length / Double(max(1, count))
    let power = pow(10, log10(rough).rounded(.down))
    let digit = [1, 2, 5, 10].first { $0 * power >= rough * (1 - 1e-9) } ?? 10
    return digit * power
  }

  /// Texts of multiples of `step`: with just the decimals that it has.
  private static func labels(_ values: [Double], step: Double) -> [String] {
    let largest = values.map(abs).max() ?? 0
    if largest > 0, largest < 1e-3 || largest >= 1e9 {
      return values.map { short(($0 / step).rounded() * step) }
    }
    for (unit, name) in [(1e6, "M"), (1e3, "k")] where largest >= 10 * unit && step >= unit / 10 {
      return values.map { $0 == 0 ? "0" : plain($0 / unit, step / unit) + name }
    }
    return values.map { plain($0, step) }
  }

  private static func plain(_ value: Double, _ step: Double) -> String {
    let decimals = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
    return String(format: "%.\(decimals)f", value).withSignForPeople
  }

  /// A value in few digits: `0.02`, `2e-5`, `1.5e6`.
  static func short(_ value: Double) -> String {
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e-3, size < 1e5 {
      return String(format: "%.6g", value).withSignForPeople
    }
    var text = String(format: "%.5e", value)
    guard let e = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: e)...])
    else { return text }
    text = String(text[..<e])
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return "\(text)e\(exponent)".withSignForPeople
  }
}

/// Where values of an axis lie between 0 and 1.
struct Placement {
  private let low: Double
  private let length: Double
  private let isLogarithmic: Bool

  init(_ range: ClosedRange<Double>, _ scale: Axis.Scale) {
    isLogarithmic = scale == .logarithmic
    low = isLogarithmic ? log10(range.lowerBound) : range.lowerBound
    length = (isLogarithmic ? log10(range.upperBound) : range.upperBound) - low
  }

  func callAsFunction(_ value: Double) -> Double {
    ((isLogarithmic ? log10(value) : value) - low) / length
  }
}
