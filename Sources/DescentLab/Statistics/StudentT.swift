import Foundation

/// Student's t distribution: that of a mean over its standard error.
public struct StudentT: Sendable, Equatable {
  /// ν, above 0.
  public let degreesOfFreedom: Double

  /// With ν degrees of freedom.
  public init(_ degreesOfFreedom: Double) {
    precondition(degreesOfFreedom > 0, "ν is above 0")
    self.degreesOfFreedom = degreesOfFreedom
  }

  /// P(|T| ≥ |t|), without cancellation in the tails.
  public func twoSided(_ t: Double) -> Double {
    guard t.isFinite else { return t.isNaN ? .nan : 0 }
    let ν = degreesOfFreedom
    return incompleteBeta(ν / (ν + t * t), ν / 2, 0.5)
  }

  /// P(T ≤ t).
  public func cumulative(_ t: Double) -> Double {
    let tail = twoSided(t) / 2
    return t > 0 ? 1 - tail : tail
  }

  /// The t for which P(|T| ≥ t) is `p`: at 0.05, what a 95 % interval is wide in standard errors.
  ///
  /// - Parameter p: above 0, at most 1.
  public func critical(_ p: Double) -> Double {
    precondition(p > 0 && p <= 1, "a probability above 0")
    var (low, high) = (0.0, 1.0)
    while twoSided(high) > p, high < 1e300 { (low, high) = (high, high * 2) }
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return middle }
      if twoSided(middle) > p { low = middle } else { high = middle }
    }
  }
}

/// I_x(a, b), the regularized incomplete beta function, by its continued fraction.
func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
  if x <= 0 { return 0 }
  if x >= 1 { return 1 }
  // The fraction converges fast on this side of the mean.
  if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
  let front = exp(
    lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
  let tiny = 1e-300
  // The modified Lentz algorithm.
  var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
  d = 1 / (abs(d) < tiny ? tiny : d)
  var fraction = d
  for m in stride(from: 1.0, through: 500, by: 1) {
    for term in [
      m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
      -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
    ] {
      d = 1 + term * d
      d = 1 / (abs(d) < tiny ? tiny : d)
      c = 1 + term / c
      if abs(c) < tiny { c = tiny }
      fraction *= c * d
    }
    if abs(c * d - 1) < 1e-15 { break }
  }
  return front * fraction / a
}
