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
    let linear = Self.linear(range, count)
    guard scale == .logarithmic, range.lowerBound > 0 else {
      (values, minor) = (linear.values, [])
      labels = Self.labels(values, step: linear.step)
      return
    }
    let (low, high) = (range.lowerBound * (1 - 1e-9), range.upperBound * (1 + 1e-9))
    let decades = Int(log10(low).rounded(.down))...Int(log10(range.upperBound).rounded(.up))
    let all = { (digits: [Double]) in
      decades.flatMap { decade in digits.map { $0 * pow(10, Double(decade)) } }
        .filter { $0 >= low && $0 <= high && $0 > 0 }
    }
    // As fine as fits: every digit, 1-2-5, decades, every few decades.
    let every = max(1, Int((Double(decades.count) / Double(max(1, count))).rounded(.up)))
    let coarse = decades.filter { $0 % every == 0 }.map { pow(10, Double($0)) }
      .filter { $0 >= low && $0 <= high && $0 > 0 }
    let few = decades.count <= 40
    let sets: [[Double]] = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1]]
    let choices = few ? sets.map(all) : []
    let chosen = choices.first { $0.count <= count } ?? coarse
    // Within less than a decade, numbers at equal distances say more.
    if chosen.count < 2, linear.values.count(where: { $0 > 0 }) > 1 {
      (values, minor) = (linear.values.filter { $0 > 0 }, [])
      labels = Self.labels(values, step: linear.step)
      return
    }
    values = chosen
    labels = chosen.map { Self.short($0) }
    minor = decades.count <= 8 && few ? choices[0].filter { !chosen.contains($0) } : []
  }

  /// Multiples of a round step.
  private static func linear(
    _ range: ClosedRange<Double>, _ count: Int
  ) -> (values: [Double], step: Double) {
    // Between subnormal numbers there are no round ones.
    guard let step = step(range, count) else { return ([], 1) }
    let first = (range.lowerBound / step - 1e-9).rounded(.up)
    let last = (range.upperBound / step + 1e-9).rounded(.down)
    guard first <= last, last - first < 1000 else { return ([], step) }
    return ((0...Int(last - first)).map { (first + Double($0)) * step }, step)
  }

  /// 1, 2 or 5 times a power of ten, so that about `count` steps fill the range; nil where numbers
  /// do not reach that far down.
  static func step(_ range: ClosedRange<Double>, _ count: Int) -> Double? {
    let share = 1 / Double(max(1, count))
    let rough = range.upperBound * share - range.lowerBound * share
    guard rough.isNormal, rough > 1e-305 else { return nil }
    let power = pow(10, log10(rough).rounded(.down))
    let digit = [1, 2, 5, 10].first { $0 * power >= rough * (1 - 1e-9) } ?? 10
    return (digit * power).isFinite ? digit * power : nil
  }

  /// Texts of multiples of `step`: with just the decimals that it has.
  private static func labels(_ values: [Double], step: Double) -> [String] {
    let largest = values.map(abs).max() ?? 0
    if largest > 0, largest < 1e-3 || largest >= 1e9 {
      // As many digits as tell neighbours apart.
      let digits = Int(log10(largest / step).rounded(.up)) + 1
      return values.map { short(($0 / step).rounded() * step, digits: max(6, min(digits, 17))) }
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
  static func short(_ value: Double, digits: Int = 6) -> String {
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e-3, size < 1e5 {
      return String(format: "%.\(digits)g", value).withSignForPeople
    }
    var text = String(format: "%.\(digits - 1)e", value)
    guard let e = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: e)...])
    else { return text }
    text = String(text[..<e])
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return "\(text)e\(exponent)".withSignForPeople
  }
}
