import DescentLab
import Testing

@Suite("Statistics") struct StatisticsTests {
  // The tables are what References/statistics.py prints (scipy 1.17.1).

  @Test(
    "the tails of Student's t",
    arguments: [
      (1, 0.1, 9.365489651388930e-01),
      (1, 1.0, 5.000000000000001e-01),
      (1, 2.5, 2.422378831816868e-01),
      (1, 12.0, 5.292935211917976e-02),
      (1, 80.0, 7.957332727448984e-03),
      (2, 0.1, 9.294654384141402e-01),
      (2, 1.0, 4.226497308103742e-01),
      (2, 2.5, 1.296117202215108e-01),
      (2, 12.0, 6.872933677158460e-03),
      (2, 80.0, 1.562133884403862e-04),
      (3, 0.1, 9.266523488008059e-01),
      (3, 1.0, 3.910022189557705e-01),
      (3, 2.5, 8.770664700806556e-02),
      (3, 12.0, 1.245015800789336e-03),
      (3, 80.0, 4.304835379655698e-06),
      (5, 0.1, 9.242301411546604e-01),
      (5, 1.0, 3.632174676491229e-01),
      (5, 2.5, 5.449009934237626e-02),
      (5, 12.0, 7.089492517161522e-05),
      (5, 80.0, 5.782653183615319e-09),
      (9, 0.1, 9.225364479566812e-01),
      (9, 1.0, 3.434363961379136e-01),
      (9, 2.5, 3.386182768298573e-02),
      (9, 12.0, 7.699886222985653e-07),
      (9, 80.0, 3.771935449046757e-14),
      (30, 0.1, 9.210096117902712e-01),
      (30, 1.0, 3.253086154260302e-01),
      (30, 2.5, 1.811564906806669e-02),
      (30, 12.0, 5.580185415199261e-13),
      (30, 80.0, 1.564469545519004e-36),
      (1000, 0.1, 9.203643690236041e-01),
      (1000, 1.0, 3.175524180846725e-01),
      (1000, 2.5, 1.257856780109081e-02),
      (1000, 12.0, 4.324057386774429e-31),
    ] as [(Double, Double, Double)])
  func tails(ν: Double, t: Double, p: Double) {
    #expect(abs(StudentT(ν).twoSided(t) - p) <= 1e-11 * p)
    #expect(abs(StudentT(ν).cumulative(-t) - p / 2) <= 1e-11)
  }

  @Test(
    "the critical values of Student's t",
    arguments: [
      (1, 0.05, 1.270620473617470e+01),
      (1, 0.008333333333333333, 7.639000931113605e+01),
      (1, 0.0001, 6.366197671315936e+03),
      (2, 0.05, 4.302652729749464e+00),
      (2, 0.008333333333333333, 1.088586661916309e+01),
      (2, 0.0001, 9.999249984374454e+01),
      (4, 0.05, 2.776445105197794e+00),
      (4, 0.008333333333333333, 4.851008443097859e+00),
      (4, 0.0001, 1.554410058154568e+01),
      (20, 0.05, 2.085963447265865e+00),
      (20, 0.008333333333333333, 2.927119116640113e+00),
      (20, 0.0001, 4.837301152909665e+00),
      (100, 0.05, 1.983971518523552e+00),
      (100, 0.008333333333333333, 2.691755380183988e+00),
      (100, 0.0001, 4.053336701201518e+00),
    ] as [(Double, Double, Double)])
  func critical(ν: Double, p: Double, t: Double) {
    #expect(abs(StudentT(ν).critical(p) - t) <= 1e-10 * t)
  }

  @Test(
    "the power of the paired t-test",
    arguments: [
      (0.2, 2, 0.05, 0.051978450),
      (0.2, 2, 0.008333333333333333, 0.008664424),
      (0.2, 3, 0.05, 0.055541276),
      (0.2, 3, 0.008333333333333333, 0.009320377),
      (0.2, 10, 0.05, 0.087657154),
      (0.2, 10, 0.008333333333333333, 0.017987302),
      (0.2, 100, 0.05, 0.508264807),
      (0.2, 100, 0.008333333333333333, 0.250383638),
      (1.0, 2, 0.05, 0.092809155),
      (1.0, 2, 0.008333333333333333, 0.015511490),
      (1.0, 3, 0.05, 0.179255394),
      (1.0, 3, 0.008333333333333333, 0.032716917),
      (1.0, 10, 0.05, 0.803096857),
      (1.0, 10, 0.008333333333333333, 0.469398726),
      (1.0, 100, 0.05, 1.000000000),
      (4.0, 2, 0.05, 0.342835710),
      (4.0, 2, 0.008333333333333333, 0.059026165),
      (4.0, 3, 0.05, 0.908488744),
      (4.0, 3, 0.008333333333333333, 0.334157141),
      (4.0, 10, 0.05, 1.000000000),
      (4.0, 10, 0.008333333333333333, 1.000000000),
      (4.0, 100, 0.05, 1.000000000),
    ] as [(Double, Int, Double, Double)])
  func power(effect: Double, pairs: Int, level: Double, power: Double) {
    #expect(abs(PairedTest.power(effect, pairs: pairs, level: level) - power) < 1e-6)
  }

  @Test("a paired test and its interval are scipy's") func paired() throws {
    let pairs = [(1.52, 1.49), (1.48, 1.47), (1.61, 1.55), (1.57, 1.5)]
    let test = PairedTest(pairs.map { (a: $0, b: $1) })
    #expect(abs(test.p - 5.385421772754209e-02) < 1e-10)
    let interval = try #require(test.interval(level: 0.05))
    #expect(abs(interval.low + 1.318868848250054e-03) < 1e-10)
    #expect(abs(interval.high - 8.631886884825013e-02) < 1e-10)
    #expect(test.direction > 0)
  }

  @Test("Holm's correction") func holm() {
    // By hand: 4·0.005, 3·0.01, then no less than those before, at most 1.
    #expect([0.01, 0.04, 0.005, 0.03].holmCorrected == [0.03, 0.06, 0.02, 0.06])
    #expect([0.9, 0.8].holmCorrected == [1, 1] && [Double]().holmCorrected.isEmpty)
  }

  @Test(
    "a corrected interval keeps clear of the margin exactly where the corrected p is below the level"
  )
  func correctedIntervals() {
    // By hand: 4·0.005 and 3·0.01 are below 0.05, 2·0.03 is not, nor what comes after it.
    #expect([0.01, 0.04, 0.005, 0.03].holmLevels(0.12) == [0.04, 0.12, 0.03, 0.06])
    #expect([0.01, 0.04, 0.005, 0.03].holmLevels(0.06) == [0.02, 0.03, 0.015, 0.03])
    #expect([Double]().holmLevels(0.05).isEmpty)
    var random = SystemRandomNumberGenerator.Seeded(3)
    var (proven, others) = (0, 0)
    for _ in 0..<100 {
      let tests = (0..<5).map { pair in
        PairedTest(
          (0..<4).map { _ in
            (a: 2 + 0.01 * random.normal(), b: 2 + 0.02 * Double(pair) + 0.01 * random.normal())
          }, margin: 0.001)
      }
      let p = tests.map(\.p)
      for (test, (q, level)) in zip(tests, zip(p.holmCorrected, p.holmLevels(0.05))) {
        guard let (low, high) = test.interval(level: level) else {
          Issue.record("four pairs have an interval")
          continue
        }
        #expect((low > test.margin || high < -test.margin) == (q < 0.05))
        if q < 0.05 { proven += 1 } else { others += 1 }
      }
    }
    #expect(proven > 50 && others > 50)
  }

  @Test("what proves nothing has p = 1") func degenerate() {
    func p(_ pairs: [(Double?, Double?)], margin: Double = 0.001) -> Double {
      PairedTest(pairs.map { (a: $0, b: $1) }, margin: margin).p
    }
    #expect(p([(1, 1), (2, 2), (3, 3)]) == 1)
    #expect(p([]) == 1 && p([(1, 2)]) == 1)
    // The same tiny difference each time: real, and of no account.
    #expect(p([(1, 1 + 1e-9), (2, 2 + 1e-9), (3, 3 + 1e-9)]) == 1)
    // Without spread a large one is not infinitely sure.
    let sure = p([(1, 2), (2, 3), (3, 4)])
    #expect(sure > 0 && sure < 1e-9)
    // Failures are ranked, not averaged: 2·½ⁿ, and those of both say nothing.
    #expect(abs(p([(1, nil), (1, nil), (1, nil)]) - 0.25) < 1e-12)
    #expect(p([(1, nil), (nil, 1)]) == 1 && p([(nil, nil), (nil, nil)]) == 1)
    #expect(abs(p(Array(repeating: (1, nil), count: 6)) - 0.03125) < 1e-12)
  }

  @Test(
    "of 1,000 races between equals, about one in twenty is called proven, none within the margin")
  func calibrated() {
    var random = SystemRandomNumberGenerator.Seeded(7)
    var (proven, within) = (0, 0)
    for _ in 0..<1000 {
      // Seeds differ more than the optimizers do, which pairing takes out.
      let seeds = (0..<3).map { _ in 2 + 0.3 * random.normal() }
      func test(_ noise: Double, _ margin: Double) -> PairedTest {
        PairedTest(
          seeds.map { (a: $0 + noise * random.normal(), b: $0 + noise * random.normal()) },
          margin: margin)
      }
      if test(0.05, 0).p < 0.05 { proven += 1 }
      if test(1e-5, 0.001).p < 0.05 { within += 1 }
    }
    #expect((30...72).contains(proven))
    #expect(within == 0)
  }

  @Test("how many pairs it would take") func pairsNeeded() {
    func needed(_ shift: Double, _ comparisons: Int = 1) -> PairedTest.PairsNeeded {
      PairedTest([(0, shift - 1), (0, shift), (0, shift + 1)].map { (a: 1 + $0, b: 1 + $1) })
        .pairsNeeded(comparisons: comparisons)
    }
    // R: power.t.test(delta = 1, sd = 1, power = 0.8, type = "paired") gives 9.94.
    #expect(needed(1) == .about(10))
    // Its answer for 0.5 is 33.37.
    #expect(needed(0.5) == .about(34))
    #expect(needed(0.01) == .more(than: 1000) && needed(0) == .unknown)
    guard case .about(let corrected) = needed(1, 10) else {
      Issue.record("a correction makes it no less findable than that")
      return
    }
    #expect(corrected > 10 && corrected < 25)
  }

  @Test("quasi-random points are even, and follow from their seed") func quasiRandom() {
    let points = QuasiRandom(dimensions: 2, seed: 1)
    for axis in 0..<2 {
      // In each coordinate ten points come into each tenth, give or take one or two.
      var tenths = [Int](repeating: 0, count: 10)
      for number in 0..<100 { tenths[Int(10 * points[number][axis])] += 1 }
      #expect(tenths.allSatisfy { (7...13).contains($0) }, "\(tenths)")
    }
    #expect(points[5] == QuasiRandom(dimensions: 2, seed: 1)[5])
    #expect(points[5] != QuasiRandom(dimensions: 2, seed: 2)[5])
  }

  @Test("performance profiles count who is near the best") func profiles() {
    let profile = PerformanceProfile(costs: [[10, 40, nil], [20, 10, nil]])
    #expect(profile.share(0, within: 1) == 1.0 / 3 && profile.share(1, within: 2) == 2.0 / 3)
    #expect(profile.share(0, within: 4) == 2.0 / 3 && profile.share(0, within: 3.9) == 1.0 / 3)
  }
}

/// Random numbers that are the same each time.
extension SystemRandomNumberGenerator {
  fileprivate struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    /// Nearly normal: twelve uniform numbers less six.
    mutating func normal() -> Double {
      (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
    }
  }
}
