import DescentLab
import Foundation
import Testing

/// Rates of equal factors from 1e-7 to 10.
private func rates(_ count: Int) -> [Double] {
  (0..<count).map { 1e-7 * pow(1e8, Double($0) / Double(count - 1)) }
}

/// A loss that is level, falls around `fall`, and rises from `rise` on; decades of the rate.
private func curve(
  fall: Double, rise: Double, noise: Double = 0, count: Int = 200
) -> RateCurve {
  var state: UInt64 = 1
  let rates = rates(count)
  let losses = rates.map { rate in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let chance = Double(state >> 11) / Double(1 << 53) - 0.5
    let x = log10(rate)
    return 4 - 2 / (1 + exp(-4 * (x - fall))) + exp(4 * (x - rise)) + noise * chance
  }
  let end = losses.firstIndex { $0 > 6 } ?? count
  return RateCurve(
    rates: Array(rates[..<end]), losses: Array(losses[..<end]), planned: count,
    diverged: end < count)
}

@Suite("Rules that read a rate off a sweep") struct RateRuleTests {
  @Test("the steepest point is where the curve has it", arguments: [-5.0, -4, -3, -2])
  func steepest(fall: Double) throws {
    let rate = try #require(RateRule.steepest.rate(curve(fall: fall, rise: fall + 2.5)))
    #expect(abs(log10(rate) - fall) < 0.1)
    let noisy = curve(fall: fall, rise: fall + 2.5, noise: 0.2)
    #expect(abs(log10(try #require(RateRule.steepest.rate(noisy))) - fall) < 0.6)
  }

  @Test("spikes at the beginning and the blow-up mislead no rule") func spikes() throws {
    let plain = curve(fall: -3, rise: -0.5)
    var losses = plain.losses
    losses[3] += 5
    losses[4] -= 3
    losses += [50, 1e8, .nan, 1]
    let spoilt = RateCurve(
      rates: plain.rates + Array(repeating: 9, count: 4), losses: losses, planned: 200)
    #expect(spoilt.diverged && spoilt.losses.count == plain.losses.count + 2)
    for rule in [RateRule.steepest, .valley, .minimumTenth] {
      let (a, b) = (try #require(rule.rate(plain)), try #require(rule.rate(spoilt)))
      #expect(abs(log10(a / b)) < 0.2, "\(rule)")
    }
  }

  @Test("a tenth of the rate of the lowest loss") func minimum() throws {
    let found = curve(fall: -3, rise: -1)
    let lowest = try #require(found.lowest)
    #expect(RateRule.minimumTenth.rate(found) == found.rates[lowest] / 10)
    // 8·exp(−4(x + 3)) = 4·exp(4(x + 1)), but for small terms.
    #expect(abs(log10(found.rates[lowest]) + 1.91) < 0.1)
  }

  /// What fastai's rule answers: on 100 falling losses 48; never falling has no valley.
  @Test(
    "the valley, as fastai has it",
    arguments: [
      ((0..<100).map { -Double($0) }, 48), ((0..<100).map { Double($0) }, nil),
      ([5.0, 5, 5], nil), ([], nil), ([3.0], nil),
      // Falls over 0, 1, 3, 4, 6 (a length of 5): end 6, start 1, a third 5/3.
      ([9.0, 8, 8.5, 7, 6, 6.5, 5, 5.5], 2),
    ] as [([Double], Int?)])
  func valley(losses: [Double], place: Int?) {
    #expect(RateRule.valley(losses) == place)
  }

  /// The slope is −1 and then 1: from the right, pairs 15 apart differ while they straddle the bend.
  @Test("the interval slide rule") func slide() {
    let bent = (0..<60).map { abs(Double($0) - 50) }
    let found = RateRule.slide(bent)
    #expect(found == 35)
    #expect(RateRule.slide((0..<60).map { -Double($0) }) == nil)
    #expect(RateRule.slide([1, 2, 3]) == nil)
  }

  @Test("no rule has an answer where nothing falls")
  func nothing() {
    let level = RateCurve(rates: rates(100), losses: Array(repeating: 2.3, count: 100))
    let rising = RateCurve(rates: rates(100), losses: (0..<100).map { 2 + 0.01 * Double($0) })
    let empty = RateCurve(rates: [1e-7], losses: [.nan], planned: 100)
    for curve in [level, rising, empty] {
      for rule in RateRule.allCases { #expect(rule.rate(curve) == nil, "\(rule)") }
      #expect(curve.isFlat)
    }
    #expect(!curve(fall: -3, rise: -1).isFlat)
  }

  @Test("the middle of curves and of rates") func medians() {
    let short = RateCurve(rates: [1, 2], losses: [5, 4], planned: 2)
    let long = RateCurve(rates: [1, 2, 3], losses: [3, 2, 1], planned: 3)
    #expect(RateCurve.median([short, long, long]).map(\.rate) == [1, 2, 3])
    #expect(RateCurve.median([short, short, long]).map(\.rate) == [1, 2])
    #expect(RateCurve.median([]).isEmpty)
    #expect(abs(middleRate([1e-4, 1e-2]) - 1e-3) < 1e-12 && middleRate([]).isNaN)
  }

  @Test("a sweep ends when the loss is clearly above its beginning, and not before")
  func divergence() {
    func end(_ losses: [Double]) -> Int? {
      var divergence = Divergence()
      return losses.firstIndex { divergence.has($0) }
    }
    let falling = (0..<100).map { 4 - 0.02 * Double($0) }
    #expect(end(falling) == nil)
    #expect(end((0..<100).map { 4 + 0.3 * sin(Double($0)) }) == nil)
    let risen = end(falling + Array(repeating: 8, count: 20))
    #expect(risen.map { (100...105).contains($0) } == true)
    // A loss that is small, and one below zero.
    #expect(end(falling.map { $0 - 4 } + Array(repeating: 3, count: 20)) != nil)
  }
}

@Suite("The search among short trainings") struct RateSearchTests {
  /// A valley in the loss at some rate, wider than the factor between neighbours.
  private func loss(_ rate: Double, best: Double) -> Double {
    rate > best * 30 ? .infinity : 1 + 0.1 * pow(log(rate / best), 2)
  }

  @Test(
    "finds the bottom from whatever the sweeps suggest",
    arguments: [1e-4, 1e-3, 3e-3, 1e-2, 5e-2])
  func finds(start: Double) throws {
    var search = RateSearch(in: 1e-9...100)
    search.run(from: start) { loss($0, best: 3e-3) }
    let bottom = try #require(search.choice)
    #expect(abs(log(bottom / 3e-3)) < 0.3 && search.probes.contains { $0.rate == bottom })
    #expect(search.probes.count <= RateSearch.most)
    let range = try #require(search.range(within: 0.05))
    #expect(range.contains(bottom))
    // The loss is 5 % above the best at a factor of exp(√0.5).
    #expect(range.lowerBound > 3e-3 / 3 && range.upperBound < 3e-3 * 3)
  }

  @Test("trainings that break down, none that does not, and the end of the range") func breakdowns()
  {
    var search = RateSearch(in: 1e-9...100)
    search.run(from: 1) { loss($0, best: 1e-3) }
    #expect(search.best.map { $0.rate < 0.01 } == true)
    var hopeless = RateSearch(in: 1e-9...100)
    hopeless.run(from: 1) { _ in .nan }
    #expect(hopeless.best == nil && hopeless.choice == nil && hopeless.range(within: 1) == nil)
    #expect(hopeless.probes.count <= RateSearch.most)
    var bounded = RateSearch(in: 0.5...2)
    bounded.run(from: 1) { -$0 }
    #expect(bounded.probes.allSatisfy { (0.5...2).contains($0.rate) })
  }

  @Test("the parabola through points") func parabola() throws {
    let points = [-2.0, -1, 0, 1, 3].map { (x: $0, y: 2 * $0 * $0 - 3 * $0 + 5) }
    let (a, b, c) = try #require(RateSearch.parabola(points))
    #expect(abs(a - 2) < 1e-9 && abs(b + 3) < 1e-9 && abs(c - 5) < 1e-9)
    #expect(RateSearch.parabola([(1, 1), (1, 2), (1, 3)]) == nil)
  }
}
