import Foundation

/// Looks for the rate at which a loss is least, with few trials: in factors until both neighbours of
/// the best are worse, then halfway between.
package struct RateSearch {
  /// A rate that was tried, and the loss at the end; infinite where training broke down.
  package struct Probe: Sendable, Equatable {
    package var rate: Double
    var loss: Double
  }

  /// What was tried, by rising rates.
  package private(set) var probes: [Probe] = []
  /// Between which rates.
  let range: ClosedRange<Double>
  /// The factor between neighbours at first.
  static let factor = 3.0
  /// The most trials.
  package static let most = 10
  /// Neighbours that differ by less than this share need nobody between them.
  static let closeness = 0.02

  package init(in range: ClosedRange<Double>) { self.range = range }

  /// The best.
  package var best: Probe? { probes.filter { $0.loss.isFinite }.min { $0.loss < $1.loss } }

  /// Tries rates around `start`.
  package mutating func run(from start: Double, _ loss: (Double) throws -> Double) rethrows {
    let start = min(max(start, range.lowerBound), range.upperBound)
    try probe(start, loss)
    try probe(start * Self.factor, loss)
    while probes.count < Self.most - 3, let next = beyond, try probe(next, loss) {}
    for factor in [Self.factor.squareRoot(), Self.factor.squareRoot().squareRoot()] {
      guard let center = best, !isSettled else { return }
      for next in [center.rate * factor, center.rate / factor] where probes.count < Self.most {
        try probe(next, loss)
      }
    }
  }

  /// A loss is clearly worse than the best where it is above it by this share; less may be chance.
  static let clearness = 0.25

  /// The next rate on a side where the loss may still fall; nil where the outermost rates are clearly
  /// worse than the best.
  private var beyond: Double? {
    guard let low = probes.first, let high = probes.last else { return nil }
    // Where all break down, a smaller rate is to be found.
    guard let best else { return low.rate / Self.factor }
    let limit = best.loss + Self.clearness * abs(best.loss)
    if low == best || (low.loss < limit && high != best) { return low.rate / Self.factor }
    return high.loss < limit ? high.rate * Self.factor : nil
  }

  /// Whether the neighbours of the best are as good but for chance.
  private var isSettled: Bool {
    guard let best, let place = probes.firstIndex(of: best), place > 0, place + 1 < probes.count
    else { return false }
    let limit = best.loss + Self.closeness * abs(best.loss)
    return probes[place - 1].loss < limit && probes[place + 1].loss < limit
  }

  /// Tries a rate, in two digits, within the range that was not tried yet.
  ///
  /// - Returns: whether it was tried.
  @discardableResult
  private mutating func probe(_ rate: Double, _ loss: (Double) throws -> Double) rethrows -> Bool {
    let rate = Self.rounded(rate)
    guard range.contains(rate), !probes.contains(where: { $0.rate == rate }) else { return false }
    let found = try loss(rate)
    probes.append(Probe(rate: rate, loss: found.isFinite ? found : .infinity))
    probes.sort { $0.rate < $1.rate }
    return true
  }

  /// A rate in two digits: what is suggested is what was tried.
  static func rounded(_ rate: Double) -> Double { rate.rounded(digits: 2) }

  /// The rate to take: of those that were tried the one with the least loss, chance evened out. One
  /// whose next higher neighbour broke down is too near to that.
  package var choice: Double? {
    let safe = probes.indices.filter { probes[$0].loss.isFinite && !isNearBreakdown(probes[$0]) }
    return (safe.min { evened[$0].loss < evened[$1].loss }.map { probes[$0] } ?? best)?.rate
  }

  /// What was tried, with losses of which chance moves less: those near the best are half their own and
  /// half those of a parabola through all of them, over the logarithm of the rate.
  private var evened: [Probe] {
    guard let best else { return probes }
    func isNear(_ probe: Probe) -> Bool {
      abs(log(probe.rate / best.rate)) < log(Self.factor) * 1.1
        && probe.loss < best.loss + 0.5 * abs(best.loss)
    }
    let near = probes.filter(isNear)
    let points = near.map { (x: log($0.rate / best.rate), y: $0.loss) }
    guard near.count > 3, let (a, b, c) = Self.parabola(points), a > 0 else { return probes }
    return probes.map { probe in
      guard isNear(probe) else { return probe }
      let x = log(probe.rate / best.rate)
      return Probe(rate: probe.rate, loss: (probe.loss + a * x * x + b * x + c) / 2)
    }
  }

  /// Whether the loss of the next higher rate, not far away, is many times this one's.
  private func isNearBreakdown(_ probe: Probe) -> Bool {
    guard let next = probes.first(where: { $0.rate > probe.rate }),
      next.rate < probe.rate * Self.factor.squareRoot() * 1.1
    else { return false }
    return next.loss - probe.loss > 2 * max(abs(probe.loss), 1e-9)
  }

  /// The rates between which the loss is at most `share` above the least, chance evened out, on
  /// straight lines between the rates that were tried.
  package func range(within share: Double) -> ClosedRange<Double>? {
    let evened = evened
    guard let least = evened.min(by: { $0.loss < $1.loss }), least.loss.isFinite,
      let place = evened.firstIndex(of: least)
    else { return nil }
    let limit = least.loss + share * abs(least.loss)
    func edge(_ places: some Sequence<Int>) -> Double {
      var inside = least
      for probe in places.map({ evened[$0] }) {
        if probe.loss > limit {
          guard probe.loss.isFinite else { return inside.rate }
          let part = (limit - inside.loss) / (probe.loss - inside.loss)
          return inside.rate * pow(probe.rate / inside.rate, part)
        }
        inside = probe
      }
      return inside.rate
    }
    return edge((0..<place).reversed())...edge(place + 1..<evened.count)
  }

  /// The coefficients of x², x and 1 of the parabola with the least squared distance to some points.
  package static func parabola(
    _ points: [(x: Double, y: Double)]
  ) -> (a: Double, b: Double, c: Double)? {
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
    let a = (s11 * t2 - s12 * t1) / determinant
    let b = (s22 * t1 - s12 * t2) / determinant
    return (a, b, c: y0 - a * x2 - b * x1)
  }
}
