import Foundation

/// A function of two numbers to descend, with what is known of it: exact derivatives, where its
/// minima lie, what part of the plane is usually looked at.
public struct LandscapeFunction: Sendable {
  /// A place in the plane.
  public typealias Place = SIMD2<Double>
  /// The second derivatives, symmetric.
  public struct Hessian: Sendable, Equatable {
    public var xx: Double
    public var xy: Double
    public var yy: Double

    /// The least and the largest curvature.
    package var curvatures: (least: Double, largest: Double) {
      let (mean, half) = (xx / 2 + yy / 2, xx / 2 - yy / 2)
      let reach = (half * half + xy * xy).squareRoot()
      return (mean - reach, mean + reach)
    }
  }

  /// What it is called.
  public let name: String
  /// What it is for, in a sentence.
  public let summary: String
  /// f, its condition number filled in.
  public let formula: String
  /// The part of the plane that is drawn.
  public let domain: (x: ClosedRange<Double>, y: ClosedRange<Double>)
  /// Where runs begin unless told otherwise.
  public let start: Place
  /// Where f is lowest.
  public let minima: [Place]
  /// How many steps runs have unless told otherwise.
  public let steps: Int
  /// The noise of gradients unless told otherwise.
  public let noise: Double
  /// Rates that suit it: `gradient` for rules whose step is η·g, `step` for those whose step is about η
  /// long.
  public let rates: (gradient: Double, step: Double)
  /// f
  public let value: @Sendable (Place) -> Double
  /// ∇f
  public let gradient: @Sendable (Place) -> Place
  /// ∇²f
  public let hessian: @Sendable (Place) -> Hessian

  /// The lowest value of f.
  public var lowest: Double { minima.first.map(value) ?? -.infinity }

  /// The names, in the order of what they teach.
  public static let names = [
    "ravine", "saddle", "local-minima", "rosenbrock", "beale", "rastrigin", "noisy-quadratic",
  ]

  /// The functions whose condition number can be set, with the one that they have otherwise.
  public static let conditions: [String: Double] = [
    "ravine": 100, "saddle": 1, "noisy-quadratic": 10,
  ]

  /// The function called `name`; nil for a name that is not among ``names``.
  ///
  /// - Parameter condition: κ, above 0, for those of ``conditions``.
  public static func named(_ name: String, condition: Double? = nil) -> LandscapeFunction? {
    let κ = condition ?? conditions[name] ?? 1
    switch name {
    case "ravine": return ravine(κ)
    case "saddle": return saddle(κ)
    case "local-minima": return localMinima
    case "rosenbrock": return rosenbrock
    case "beale": return beale
    case "rastrigin": return rastrigin
    case "noisy-quadratic": return noisyQuadratic(κ)
    default: return nil
    }
  }

  /// How many steps a function needs whose rate has to fall with κ.
  private static func steps(_ each: Double, _ κ: Double, least: Int) -> Int {
    max(least, Int(min(10_000, each * κ).rounded(.up)))
  }

  private static func ravine(_ κ: Double) -> LandscapeFunction {
    LandscapeFunction(
      name: "ravine",
      summary: "A long valley: steep across, nearly flat along. Plain steps zigzag in it.",
      formula: "f(x, y) = ½·(x² + κ·y²), κ = \(short(κ, 6))", domain: (-10...10, -4...4),
      start: [-8, 2.5], minima: [[0, 0]], steps: steps(4, κ, least: 100), noise: 0,
      rates: (1.8 / max(1, κ), 0.3), value: { ($0.x * $0.x + κ * $0.y * $0.y) / 2 },
      gradient: { [$0.x, κ * $0.y] }, hessian: { _ in Hessian(xx: 1, xy: 0, yy: κ) })
  }

  private static func saddle(_ κ: Double) -> LandscapeFunction {
    LandscapeFunction(
      name: "saddle",
      summary: "A pass between two valleys: at (0, 0) the gradient vanishes, and the way on goes "
        + "sideways.",
      formula: "f(x, y) = κ/2·x² + y⁴/4 − y²/2, κ = \(short(κ, 6))",
      domain: (-2...2, -1.6...1.6), start: [-1.8, 0.01], minima: [[0, 1], [0, -1]],
      steps: steps(12, κ, least: 120), noise: 0, rates: (min(0.15, 1.5 / κ), 0.05),
      value: { κ / 2 * $0.x * $0.x + pow($0.y, 4) / 4 - $0.y * $0.y / 2 },
      gradient: { [κ * $0.x, pow($0.y, 3) - $0.y] },
      hessian: { Hessian(xx: κ, xy: 0, yy: 3 * $0.y * $0.y - 1) })
  }

  /// Styblinski and Tang's.
  private static var localMinima: LandscapeFunction {
    // The lowest root of 4x³ − 32x + 5, by Newton's method.
    var x = -2.9
    for _ in 0..<8 { x -= (4 * x * x * x - 32 * x + 5) / (12 * x * x - 32) }
    return LandscapeFunction(
      name: "local-minima",
      summary:
        "Four basins of different depth (Styblinski and Tang): where one ends depends on the "
        + "start and on the momentum.",
      formula: "f(x, y) = ½·(x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)", domain: (-5...5, -5...5),
      start: [4.8, 4.2], minima: [[x, x]], steps: 100, noise: 0, rates: (0.01, 0.15),
      value: { p in
        let t = p * p * p * p - 16 * p * p + 5 * p
        return (t.x + t.y) / 2
      },
      gradient: { p in (4 * p * p * p - 32 * p + 5) / 2 },
      hessian: { p in Hessian(xx: 6 * p.x * p.x - 16, xy: 0, yy: 6 * p.y * p.y - 16) })
  }

  private static var rosenbrock: LandscapeFunction {
    LandscapeFunction(
      name: "rosenbrock",
      summary: "A bent valley (Rosenbrock): easy to enter, slow to follow.",
      formula: "f(x, y) = (1 − x)² + 100·(y − x²)²", domain: (-2...2, -1...3), start: [-1.2, 1],
      minima: [[1, 1]], steps: 500, noise: 0, rates: (0.001, 0.03),
      value: { p in
        let (u, v) = (1 - p.x, p.y - p.x * p.x)
        return u * u + 100 * v * v
      },
      gradient: { p in
        let v = p.y - p.x * p.x
        return [-2 * (1 - p.x) - 400 * p.x * v, 200 * v]
      },
      hessian: { p in
        Hessian(xx: 2 + 1200 * p.x * p.x - 400 * p.y, xy: -400 * p.x, yy: 200)
      })
  }

  private static var beale: LandscapeFunction {
    LandscapeFunction(
      name: "beale",
      summary: "A plain with steep walls (Beale): gradients differ by factors of thousands.",
      formula: "f(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
      domain: (-4.5...4.5, -4.5...4.5), start: [1, 1.5], minima: [[3, 0.5]], steps: 300, noise: 0,
      rates: (0.003, 0.1),
      value: { p in
        let (a, b, c) = bealeTerms(p)
        return a * a + b * b + c * c
      },
      gradient: { p in
        let (x, y) = (p.x, p.y)
        let (a, b, c) = bealeTerms(p)
        return [
          2 * (a * (y - 1) + b * (y * y - 1) + c * (y * y * y - 1)),
          2 * x * (a + 2 * b * y + 3 * c * y * y),
        ]
      },
      hessian: { p in
        let (x, y) = (p.x, p.y)
        let (a, b, c) = bealeTerms(p)
        let (u, v, w) = (y - 1, y * y - 1, y * y * y - 1)
        let across = x * u + a + 2 * y * (x * v + b) + 3 * y * y * (x * w + c)
        let (q, r) = (2 * x * y, 3 * x * y * y)
        return Hessian(
          xx: 2 * (u * u + v * v + w * w), xy: 2 * across,
          yy: 2 * (x * x + q * q + r * r) + 4 * x * b + 12 * x * y * c)
      })
  }

  private static func bealeTerms(_ p: Place) -> (Double, Double, Double) {
    let (x, y) = (p.x, p.y)
    return (1.5 - x + x * y, 2.25 - x + x * y * y, 2.625 - x + x * y * y * y)
  }

  private static var rastrigin: LandscapeFunction {
    @Sendable func term(_ x: Double) -> Double { x * x - 10 * cos(2 * .pi * x) }
    @Sendable func slope(_ x: Double) -> Double { 2 * x + 20 * .pi * sin(2 * .pi * x) }
    @Sendable func bend(_ x: Double) -> Double { 2 + 40 * .pi * .pi * cos(2 * .pi * x) }
    return LandscapeFunction(
      name: "rastrigin",
      summary: "A bowl full of dents (Rastrigin): a hundred local minima, one of them the lowest.",
      formula: "f(x, y) = 20 + x² − 10·cos 2πx + y² − 10·cos 2πy",
      domain: (-5.12...5.12, -5.12...5.12), start: [3.4, -2.3], minima: [[0, 0]], steps: 200,
      noise: 0, rates: (0.003, 0.3), value: { 20 + term($0.x) + term($0.y) },
      gradient: { [slope($0.x), slope($0.y)] },
      hessian: { Hessian(xx: bend($0.x), xy: 0, yy: bend($0.y)) })
  }

  private static func noisyQuadratic(_ κ: Double) -> LandscapeFunction {
    LandscapeFunction(
      name: "noisy-quadratic",
      summary: "A bowl seen through noisy gradients, as batches give them: a constant rate ends in "
        + "a cloud around the minimum.",
      formula: "f(x, y) = ½·(x² + κ·y²), κ = \(short(κ, 6))", domain: (-4...4, -2...2),
      start: [-3.5, 1.2], minima: [[0, 0]], steps: steps(20, κ, least: 200), noise: 1,
      rates: (0.5 / max(1, κ), 0.1), value: { ($0.x * $0.x + κ * $0.y * $0.y) / 2 },
      gradient: { [$0.x, κ * $0.y] }, hessian: { _ in Hessian(xx: 1, xy: 0, yy: κ) })
  }
}
