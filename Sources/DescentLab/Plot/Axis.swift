import Foundation

/// An axis.
public struct Axis: Sendable {
  /// What is measured along it, with its unit.
  public var label: String
  /// How values become places.
  public var scale: Scale
  /// What it shows; nil is what the data covers.
  public var range: ClosedRange<Double>?

  /// How values become places.
  public enum Scale: Sendable {
    case linear
    /// Values at or below 0 have no place.
    case logarithmic

    var empty: ClosedRange<Double> { self == .linear ? 0...1 : 1...10 }
  }

  /// An axis.
  public init(_ label: String, _ scale: Scale = .linear, range: ClosedRange<Double>? = nil) {
    (self.label, self.scale, self.range) = (label, scale, range)
  }

  func shows(_ value: Double) -> Bool { value.isFinite && (scale == .linear || value > 0) }

  /// A range around one value: on a linear axis down to 0, so that a constant is read against it.
  func around(_ value: Double) -> ClosedRange<Double> {
    guard shows(value) else { return scale.empty }
    switch scale {
    case .linear:
      return value == 0 ? 0...1 : Self.checked(min(0, 1.05 * value), max(0, 1.05 * value))
    case .logarithmic: return Self.checked(max(value / 2, .leastNonzeroMagnitude), value * 2)
    }
  }

  /// A vertical range of values from `low` to `high`: with 0 where it is near, at round values
  /// where they are.
  func vertical(_ low: Double, _ high: Double, ticks: Int) -> ClosedRange<Double> {
    guard low < high else { return around(low) }
    var (low, high) = (low, high)
    switch scale {
    case .linear:
      let length = high / 2 - low / 2
      if low > 0, low / 2 <= 0.2 * length { low = 0 }
      if high < 0, -high / 2 <= 0.2 * length { high = 0 }
      // To the next round value where it is near, else a little room.
      let step = Ticks.step(low...high, ticks)
      func end(_ value: Double, _ away: FloatingPointRoundingRule, _ sign: Double) -> Double {
        let length = high / 2 - low / 2
        if value == 0 { return 0 }
        if let step {
          let round = (value / step).rounded(away) * step
          if abs(round / 2 - value / 2) <= 0.12 * length { return round }
        }
        return value + sign * 0.08 * length
      }
      (low, high) = (end(low, .down, -1), end(high, .up, 1))
    case .logarithmic:
      // A little room, and the whole decade where its end is near.
      let (a, b) = (log10(low), log10(high))
      let room = 0.04 * (b - a)
      func near(_ end: Double, _ away: Double, _ whole: Double) -> Double {
        abs(whole - end) <= 0.15 * (b - a) ? whole : end + away
      }
      low = pow(10, near(a, -room, (a - 1e-9).rounded(.down)))
      high = pow(10, near(b, room, (b + 1e-9).rounded(.up)))
      low = max(low, .leastNonzeroMagnitude)
    }
    return Self.checked(low, high)
  }

  /// A horizontal range: that of the values, to the next round ones where those are very near.
  func horizontal(_ low: Double, _ high: Double, ticks: Int) -> ClosedRange<Double> {
    guard low < high else {
      guard shows(low) else { return scale.empty }
      guard scale == .linear else { return around(low) }
      let room = max(0.5, 0.1 * abs(low))
      return Self.checked(low - room, low + room)
    }
    guard scale == .linear, let step = Ticks.step(low...high, ticks) else { return low...high }
    let (down, up) = ((low / step).rounded(.down) * step, (high / step).rounded(.up) * step)
    let near = 0.02 * (high / 2 - low / 2) * 2
    return Self.checked(low - down <= near ? down : low, up - high <= near ? up : high)
  }

  /// A range between finite numbers that are apart.
  private static func checked(_ low: Double, _ high: Double) -> ClosedRange<Double> {
    let most = Double.greatestFiniteMagnitude
    let (low, high) = (max(low, -most), min(high, most))
    return low < high ? low...high : low...max(low.nextUp, low + abs(low) * 1e-9)
  }
}

/// Where values of an axis lie between 0 and 1.
package struct Placement {
  let low: Double
  let length: Double
  /// One half where the range is longer than the largest number.
  private let factor: Double
  private let isLogarithmic: Bool

  package init(_ range: ClosedRange<Double>, _ scale: Axis.Scale) {
    isLogarithmic = scale == .logarithmic
    let (a, b) = (range.lowerBound, range.upperBound)
    factor = (b - a).isFinite ? 1 : 0.5
    low = isLogarithmic ? log10(a) : a * factor
    length = (isLogarithmic ? log10(b) : b * factor) - low
  }

  package func callAsFunction(_ value: Double) -> Double {
    ((isLogarithmic ? log10(value) : value * factor) - low) / length
  }

  /// The value at a place.
  func value(_ place: Double) -> Double {
    let at = low + place * length
    return isLogarithmic ? pow(10, at) : at / factor
  }
}
