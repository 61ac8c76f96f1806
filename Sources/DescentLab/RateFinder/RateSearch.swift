import Foundation

/// Looks for the rate at which a loss is least, with few trials: in factors until both neighbours of
/// the best are worse, then halfway between.
struct RateSearch {
  /// A rate that was tried, and the loss at the end; infinite where training broke down.
  struct Probe: Sendable, Equatable {
    var rate: Double
    var loss: Double
  }

  /// What was tried, by rising rates.
  private(set) var probes: [Probe] = []
  /// Between which rates.
  let range: ClosedRange<Double>
  /// The factor between neighbours.
  static let factor = 3.0
  /// The most trials.
  static let most = 9

  init(in range: ClosedRange<Double>) { self.range = range }

  /// The best.
  var best: Probe? { probes.filter { $0.loss.isFinite }.min { $0.loss < $1.loss } }

  /// Tries rates around `start`.
  mutating func run(from start: Double, _ loss: (Double) throws -> Double) rethrows {
    let start = min(max(start, range.lowerBound), range.upperBound)
    try probe(start, loss)
    try probe(start * Self.factor, loss)
    try probe(start / Self.factor, loss)
    while probes.count < Self.most - 2 {
      let best = best?.rate ?? probes[0].rate
      // Where all break down, a smaller rate is to be found.
      let next =
        probes.first?.rate == best || self.best == nil
        ? probes[0].rate / Self.factor
        : probes.last?.rate == best ? best * Self.factor : nil
      guard let next, try probe(next, loss) else { break }
    }
    guard let best else { return }
    for next in [best.rate * Self.factor.squareRoot(), best.rate / Self.factor.squareRoot()] {
      try probe(next, loss)
    }
  }

  /// Tries a rate within the range that was not tried yet.
  ///
  /// - Returns: whether it was tried.
  @discardableResult
  private mutating func probe(_ rate: Double, _ loss: (Double) throws -> Double) rethrows -> Bool {
    guard range.contains(rate), !probes.contains(where: { abs(log($0.rate / rate)) < 1e-6 }) else {
      return false
    }
    let found = try loss(rate)
    probes.append(Probe(rate: rate, loss: found.isFinite ? found : .infinity))
    probes.sort { $0.rate < $1.rate }
    return true
  }

  /// The rate at the bottom of a parabola through the losses near the best, over the logarithm of the
  /// rate: chance moves it less than it moves the best itself.
  var bottom: Double? {
    guard let best else { return nil }
    let near = probes.filter {
      $0.loss.isFinite && abs(log($0.rate / best.rate)) < log(Self.factor) * 1.01
        && $0.loss < best.loss + max(0.5 * abs(best.loss), 1e-12)
    }
    guard near.count >= 3, let low = near.first?.rate, let high = near.last?.rate else {
      return best.rate
    }
    let points = near.map { (x: log($0.rate / best.rate), y: $0.loss) }
    guard let (a, b) = Self.parabola(points), a > 0 else { return best.rate }
    return min(max(best.rate * exp(-b / (2 * a)), low), high)
  }

  /// The rates between which the loss is at most `share` above the best, on straight lines between
  /// the rates that were tried.
  func range(within share: Double) -> ClosedRange<Double>? {
    guard let best, let place = probes.firstIndex(of: best) else { return nil }
    let limit = best.loss + share * abs(best.loss)
    func edge(_ places: some Sequence<Int>) -> Double {
      var inside = best
      for probe in places.map({ probes[$0] }) {
        if probe.loss > limit {
          guard probe.loss.isFinite else { return inside.rate }
          let part = (limit - inside.loss) / (probe.loss - inside.loss)
          return inside.rate * pow(probe.rate / inside.rate, part)
        }
        inside = probe
      }
      return inside.rate
    }
    return edge((0..<place).reversed())...edge(place + 1..<probes.count)
  }

  /// The coefficients of x² and x of the parabola with the least squared distance to some points.
  static func parabola(_ points: [(x: Double, y: Double)]) -> (a: Double, b: Double)? {
    let n = Double(points.count)
    func mean(_ f: (Double, Double) -> Double) -> Double {
      points.reduce(0) { $0 + f($1.x, $1.y) } / n
    }
    let (x1, x2, x3, x4) = (
      mean { x, _ in x }, mean { x, _ in x * x }, mean { x, _ in x * x * x },
      mean { x, _ in x * x * x * x }
    )
    let (y0, y1, y2) = (mean { $1 }, mean { $0 * $1 }, mean { $0 * $0 * $1 })
    // The normal equations without the constant.
    let (s11, s12, s22) = (x2 - x1 * x1, x3 - x1 * x2, x4 - x2 * x2)
    let (t1, t2) = (y1 - x1 * y0, y2 - x2 * y0)
    let determinant = s11 * s22 - s12 * s12
    guard abs(determinant) > 1e-12 else { return nil }
    return (a: (s11 * t2 - s12 * t1) / determinant, b: (s22 * t1 - s12 * t2) / determinant)
  }
}
