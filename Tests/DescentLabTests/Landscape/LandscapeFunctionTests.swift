import DescentLab
import Testing

@Suite("Functions of landscapes") struct LandscapeFunctionTests {
  typealias Place = LandscapeFunction.Place

  static func places(_ f: LandscapeFunction) -> [Place] {
    (0..<40).map { index in
      let (u, v) = (Double(index * 7 % 40) / 40 + 0.01, Double(index * 11 % 40) / 40 + 0.003)
      let (x, y) = f.domain
      return [
        x.lowerBound + u * (x.upperBound - x.lowerBound),
        y.lowerBound + v * (y.upperBound - y.lowerBound),
      ]
    }
  }

  @Test("derivatives are those of differences", arguments: LandscapeFunction.names)
  func derivatives(_ name: String) throws {
    for condition in LandscapeFunction.conditions[name] == nil ? [nil] : [nil, 7.5, 0.2] {
      let f = try #require(LandscapeFunction.named(name, condition: condition))
      for p in Self.places(f) {
        let (h, g, hessian) = (1e-5, f.gradient(p), f.hessian(p))
        let (dx, dy): (Place, Place) = ([h, 0], [0, h])
        let near = { (a: Double, b: Double) in abs(a - b) <= 1e-5 * max(1, abs(a), abs(f.value(p)))
        }
        #expect(near(g.x, (f.value(p + dx) - f.value(p - dx)) / (2 * h)), "\(p)")
        #expect(near(g.y, (f.value(p + dy) - f.value(p - dy)) / (2 * h)), "\(p)")
        let (gx, gy) = (
          (f.gradient(p + dx) - f.gradient(p - dx)) / (2 * h),
          (f.gradient(p + dy) - f.gradient(p - dy)) / (2 * h)
        )
        #expect(near(hessian.xx, gx.x), "\(p)")
        #expect(near(hessian.xy, gx.y) && near(hessian.xy, gy.x), "\(p)")
        #expect(near(hessian.yy, gy.y), "\(p)")
      }
    }
  }

  @Test("the minima are where f is lowest", arguments: LandscapeFunction.names)
  func minima(_ name: String) throws {
    let f = try #require(LandscapeFunction.named(name))
    for p in f.minima {
      let g = f.gradient(p)
      #expect((g * g).sum() < 1e-18)
      #expect(f.hessian(p).curvatures.least > 0)
      #expect(abs(f.value(p) - f.lowest) < 1e-12)
    }
    #expect(Self.places(f).allSatisfy { f.value($0) > f.lowest })
    #expect(f.domain.x.contains(f.start.x) && f.domain.y.contains(f.start.y))
  }

  static let knownValues: [(name: String, place: Place, value: Double)] = [
    ("rosenbrock", [-1.2, 1], 24.2), ("beale", [0, 0], 14.203125), ("rastrigin", [1, 1], 2),
    ("ravine", [1, 1], 50.5), ("saddle", [0, 0], 0), ("noisy-quadratic", [2, 0], 2),
    ("local-minima", [-2.903534, -2.903534], -78.33233140754),
  ]

  @Test("known values", arguments: knownValues)
  func known(_ name: String, _ place: Place, _ value: Double) throws {
    let f = try #require(LandscapeFunction.named(name))
    #expect(abs(f.value(place) - value) < 1e-9)
  }
}
