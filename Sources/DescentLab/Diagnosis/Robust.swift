/// Statistics that a few wild values do not move.
enum Robust {
  /// The median; NaN of nothing.
  static func median(_ values: some Sequence<Double>) -> Double { quantile(values, 0.5) }

  /// The value below which a share of the values lies; NaN of nothing.
  static func quantile(_ values: some Sequence<Double>, _ share: Double) -> Double {
    let sorted = values.filter { !$0.isNaN }.sorted()
    guard !sorted.isEmpty else { return .nan }
    let place = min(max(share, 0), 1) * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    let part = place - Double(low)
    return part == 0 ? sorted[low] : sorted[low] * (1 - part) + sorted[high] * part
  }

  /// The standard deviation of a normal distribution whose median distance from its median this is.
  static func deviation(_ values: some Sequence<Double>) -> Double {
    let values = Array(values)
    let middle = median(values)
    return median(values.map { abs($0 - middle) }) / 0.6745
  }

  /// The standard deviation σ of values around their course. Of three neighbours on a straight line
  /// the
  /// middle one lies √1.5·σ from the mean of the others, and half of all lie closer than 0.6745
  /// times that.
  static func noise(_ values: ArraySlice<Double>) -> Double {
    guard values.count > 2 else { return .nan }
    let distances = zip(values, zip(values.dropFirst(), values.dropFirst(2))).map { a, rest in
      abs(rest.0 - (a / 2 + rest.1 / 2))
    }
    return median(distances) / (0.6745 * 1.5.squareRoot())
  }

  /// The median of the slopes between pairs of points (Theil and Sen); NaN of fewer than two.
  static func slope(_ x: [Double], _ y: [Double]) -> Double {
    var slopes: [Double] = []
    for i in x.indices {
      for j in x.indices.dropFirst(i + 1) where x[j] != x[i] {
        slopes.append((y[j] - y[i]) / (x[j] - x[i]))
      }
    }
    return median(slopes)
  }
}

/// The straight line of least squares through points.
struct Line {
  let slope: Double
  /// The standard error of the slope.
  let error: Double

  init(_ x: [Double], _ y: [Double]) {
    let n = Double(min(x.count, y.count))
    let (mx, my) = (x.reduce(0, +) / max(n, 1), y.reduce(0, +) / max(n, 1))
    var (sxx, sxy, syy) = (0.0, 0.0, 0.0)
    for (a, b) in zip(x, y) {
      sxx += (a - mx) * (a - mx)
      sxy += (a - mx) * (b - my)
      syy += (b - my) * (b - my)
    }
    slope = sxx > 0 ? sxy / sxx : 0
    let rest = max(0, syy - slope * sxy)
    error = sxx > 0 && n > 2 ? (rest / (n - 2) / sxx).squareRoot() : .infinity
  }
}

/// How far a value lies between two marks, as a confidence: `low` at the first, `high` from the
/// second on.
func graded(
  _ value: Double, from first: Double, to second: Double, low: Double = 0.5, high: Double = 0.95
) -> Double {
  guard value.isFinite, first != second else { return value == .infinity ? high : low }
  return low + (high - low) * min(max((value - first) / (second - first), 0), 1)
}
